// tests/exports/<name>/: a job, `command` with the words behind `ds-sim export`, the launch that it becomes and what is said of it.
// With DS_REWRITE_GOLDEN=1 launch and notes are written anew instead, for the diff to be looked at.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "tests/cli/e2e/world.h"

namespace ds::e2e {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> export_folders() {
  std::vector<fs::path> folders;
  for (const auto& entry : fs::directory_iterator(std::string(DS_SOURCE_DIR) + "/tests/exports"))
    if (fs::exists(entry.path() / "command")) folders.push_back(entry.path());
  std::ranges::sort(folders);
  return folders;
}

Words words_in(const std::string& text, Words all) {
  std::istringstream words(text);
  for (std::string word; words >> word;) all.push_back(word);
  return all;
}

constexpr const char* kShellcheck = "/usr/bin/shellcheck";

/// Nothing that a shell, or shellcheck where it is installed, has to say of a script.
std::string faults_of(const std::string& script) {
  const Ended parsed = run({"/bin/bash", "-n", script});
  if (parsed.status != 0 || !parsed.err.empty()) return parsed.err;
  return fs::exists(kShellcheck) ? run({kShellcheck, script}).out : std::string();
}

class Exports : public World, public testing::WithParamInterface<fs::path> {};

TEST_P(Exports, AreTheLaunchBesideThem) {
  const fs::path folder = GetParam();
  const Ended ended =
      sim(words_in(read((folder / "command").string()), {"export"}), {.folder = folder.string()});
  ASSERT_EQ(ended.status, 0) << ended.err;
  if (std::getenv("DS_REWRITE_GOLDEN") != nullptr) {
    std::ofstream(folder / "launch", std::ios::binary) << ended.out;
    std::ofstream(folder / "notes", std::ios::binary) << ended.err;
  }
  EXPECT_EQ(ended.out, read((folder / "launch").string()))
      << "if it was meant: make golden, and look at the diff";
  EXPECT_EQ(ended.err, read((folder / "notes").string()));
  if (ended.out.starts_with("#!")) {
    EXPECT_EQ(faults_of((folder / "launch").string()), "");
  }
}

INSTANTIATE_TEST_SUITE_P(Folders, Exports, testing::ValuesIn(export_folders()), [](const auto& folder) {
  std::string name = folder.param.filename().string();
  std::ranges::replace(name, '-', '_');
  return name;
});

class Export : public World {
 protected:
  std::string job_with(const std::string& model) const {
    return R"({"model": )" + model + R"(, "cluster": {"node": "dgx-h100", "nodes": 1},
      "train": {"sequence_length": 128, "global_batch": 8}, "plan": {"micro_batch": 1, "overlap": {"p2p": false}}})";
  }
  /// A torchrun that writes a line for each of its words.
  std::string folder_of_torchrun() const {
    const std::string script = write("torchrun", "#!/bin/sh\nprintf '%s\\n' \"$@\"\n");
    fs::permissions(script, fs::perms::owner_all);
    return fs::path(script).parent_path().string();
  }
  Words with_variables() const {
    return {"PATH=" + folder_of_torchrun() + ":/usr/bin:/bin", "DATA_PATH=$(touch pwned) tokens",
            "TOKENIZER_MODEL=a 'tokenizer'", "CHECKPOINTS=here", "TRAIN_ITERS=12"};
  }
};

TEST_F(Export, ComesBackAsTheSameJob) {
  const std::string job = write("job.json", job_with(R"("llama3-8b")"));
  ASSERT_EQ(sim({"export", "megatron", job, "-o", path("train.sh")}).status, 0);
  ASSERT_EQ(
      sim({"convert", "megatron", path("train.sh"), "--node", "dgx-h100", "-o", path("back.json")}).status,
      0);
  const auto predicted = [&](const std::string& file) {
    const Ended ended = sim({"run", file, "--depth", "analytic"});
    EXPECT_EQ(ended.status, 0) << ended.err;
    return ended.out.substr(ended.out.find(", "));  // behind the model's name
  };
  EXPECT_EQ(predicted(job), predicted(path("back.json")));
}

TEST_F(Export, StartsTheTrainerWithItsWordsWhole) {
  const std::string job = write("job.json", job_with(R"("llama3-8b")"));
  ASSERT_EQ(sim({"export", "megatron", job, "-o", path("train.sh")}).status, 0);
  const Ended started = run({"/bin/bash", path("train.sh"), "--rotary-base", "500000"},
                            {.environment = with_variables(), .folder = path("")});
  EXPECT_EQ(started.status, 0) << started.err;
  for (const char* line : {"--nproc-per-node\n8\n", "./pretrain_gpt.py\n", "--num-layers\n32\n",
                           "--data-path\n$(touch pwned) tokens\n", "--tokenizer-model\na 'tokenizer'\n",
                           "--train-iters\n12\n", "--rotary-base\n500000\n"})
    EXPECT_NE(started.out.find(line), std::string::npos) << line;
  EXPECT_FALSE(fs::exists(path("pwned")));
  const Ended unset = run({"/bin/bash", path("train.sh")});
  EXPECT_NE(unset.status, 0);
  EXPECT_NE(unset.err.find("TRAIN_ITERS: is not set: how many steps to train"), std::string::npos)
      << unset.err;
}

TEST_F(Export, NamesFromFilesAreNoCommands) {
  const std::string evil = "$(touch pwned)`touch pwned`'\";touch pwned\ntouch pwned\n#";
  fs::create_directory(path(evil));
  std::ofstream(path(evil) + "/config.json")
      << R"({"model_type": "llama", "num_hidden_layers": 4, "hidden_size": 256,
    "num_attention_heads": 4, "intermediate_size": 512, "vocab_size": 1000})";
  std::string quoted;
  for (const char c : evil) quoted += c == '\n' ? "\\n" : c == '"' ? "\\\"" : std::string(1, c);
  const std::string job = write("job.json", job_with("\"" + quoted + "/config.json\""));
  for (const char* format : {"megatron", "srun", "sbatch"}) {
    const Ended ended = sim({"export", format, job, "--steps", "5", "-o", path("train.sh")});
    ASSERT_EQ(ended.status, 0) << ended.err;
    EXPECT_EQ(faults_of(path("train.sh")), "");
    run({"/bin/bash", path("train.sh")}, {.environment = with_variables(), .folder = path("")});
    EXPECT_FALSE(fs::exists(path("pwned"))) << format;
  }
}

TEST_F(Export, ABatchScriptHasTheTimeOfItsSteps) {
  const std::string job = write("job.json", job_with(R"("llama3-8b")"));
  const auto minutes = [&](const char* steps) {
    const Ended ended = sim({"export", "sbatch", job, "--steps", steps, "-q"});
    EXPECT_EQ(ended.status, 0) << ended.err;
    EXPECT_EQ(faults_of(write("train.sh", ended.out)), "");
    for (const char* line : {"#SBATCH --nodes=1\n", "#SBATCH --ntasks-per-node=1\n",
                             "#SBATCH --gpus-per-node=8\n", "10 % more, and 15 minutes to start"})
      EXPECT_NE(ended.out.find(line), std::string::npos) << line;
    int days = 0, hours = 0, rest = 0;
    const std::size_t at = ended.out.find("#SBATCH --time=");
    if (at == std::string::npos ||
        std::sscanf(ended.out.c_str() + at, "#SBATCH --time=%d-%d:%d:00", &days, &hours, &rest) != 3)
      return -1;
    return (days * 24 + hours) * 60 + rest;
  };
  // Of no steps to speak of, 15 minutes, rounded up; ten times the steps take ten times the time behind them.
  EXPECT_EQ(minutes("1"), 16);
  const int some = minutes("100000") - 15, many = minutes("1000000") - 15;
  EXPECT_GT(some, 60);
  EXPECT_NEAR(many, 10 * some, 10);
}

TEST_F(Export, WhatCannotBeSaidIsALine) {
  const std::string job = write("job.json", job_with(R"("llama3-8b")"));
  for (const auto& [words, part] :
       {std::pair{Words{"megatrn", job}, "megatron, torchtitan, deepspeed, torchrun, srun and sbatch are"},
        std::pair{Words{"megatron", path("none.json")}, "none.json"},
        std::pair{Words{"sbatch", job}, "job.json: train.tokens: is missing"},
        std::pair{Words{"torchtitan", job}, "job.json: software: is \"megatron-te\""},
        std::pair{Words{"torchrun", job, "--set", "software=hai-llm"}, "software: is \"hai-llm\""},
        std::pair{Words{"megatron", job, "--set", "cluster.node=localhost"}, "cluster.node"},
        std::pair{Words{"megatron", job, "--set", "model.logit_cap=true"}, "model"},
        std::pair{Words{"megatron", job, "--set", "plan.schedule=gpipe"}, "plan.schedule: is \"gpipe\""},
        std::pair{Words{"megatron", job, "--set", "plan.fusion=false"}, "plan.fusion"},
        std::pair{
            Words{"megatron", job, "--set", "software={\"base\": \"megatron-te\", \"moments\": \"bf16\"}"},
            "software.moments: is bf16, which cannot be said to Megatron-LM"},
        std::pair{Words{"megatron", job, "-o", job}, "job.json"},
        std::pair{Words{"megatron", job, "--steps", "0"}, "--steps"}}) {
    Words all{"export"};
    all.insert(all.end(), words.begin(), words.end());
    EXPECT_TRUE(complains(sim(all), 2, part)) << words[0] << " " << words.back();
  }
}

TEST_F(Export, ASearchEndsInALaunch) {
  const std::string job = write("job.json", job_with(R"("llama3-8b")"));
  const Ended found = tune({"search", job, "--export", "megatron"});
  EXPECT_EQ(found.status, 0) << found.err;
  const std::string script = write("train.sh", found.out);
  EXPECT_EQ(faults_of(script), "");
  EXPECT_EQ(sim({"convert", "megatron", script, "--node", "dgx-h100"}).status, 0);
  const Ended batch = tune({"search", job, "--export", "sbatch", "--set", "train.tokens=1e9"});
  EXPECT_EQ(batch.status, 0) << batch.err;
  EXPECT_NE(batch.out.find("#SBATCH --time="), std::string::npos);
  EXPECT_TRUE(complains(tune({"search", job, "--export", "sbatch"}), 2, "train.tokens"));
  EXPECT_TRUE(complains(tune({"search", job, "--export", "torchtitan"}), 2, "software"));
}

}  // namespace
}  // namespace ds::e2e
