// tests/launches/<name>/: a launch of real shape, `command` with the words behind `ds-sim convert`, the job that it becomes and
// what is said of it. With DS_REWRITE_GOLDEN=1 job and notes are written anew instead, for the diff to be looked at.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "tests/cli/e2e/world.h"

namespace ds::e2e {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> launch_folders() {
  std::vector<fs::path> folders;
  for (const auto& entry : fs::directory_iterator(std::string(DS_SOURCE_DIR) + "/tests/launches"))
    if (fs::exists(entry.path() / "command")) folders.push_back(entry.path());
  std::ranges::sort(folders);
  return folders;
}

Words words_in(const std::string& text) {
  std::istringstream words(text);
  Words all{"convert"};
  for (std::string word; words >> word;) all.push_back(word);
  return all;
}

class Launches : public World, public testing::WithParamInterface<fs::path> {};

TEST_P(Launches, BecomeTheJobBesideThem) {
  const fs::path folder = GetParam();
  const Ended ended = sim(words_in(read((folder / "command").string())), {.folder = folder.string()});
  ASSERT_EQ(ended.status, 0) << ended.err;
  EXPECT_EQ(schema_faults("job", ended.out), "");
  if (std::getenv("DS_REWRITE_GOLDEN") != nullptr) {
    std::ofstream(folder / "job.json", std::ios::binary) << ended.out;
    std::ofstream(folder / "notes", std::ios::binary) << ended.err;
  }
  EXPECT_EQ(ended.out, read((folder / "job.json").string()))
      << "if it was meant: make golden, and look at the diff";
  EXPECT_EQ(ended.err, read((folder / "notes").string()));
  // What was converted can be predicted, unless that was asked to be let pass.
  const Ended predicted = sim({"run", (folder / "job.json").string(), "--depth", "analytic", "-q"});
  const bool lenient = read((folder / "command").string()).find("--lenient") != std::string::npos;
  EXPECT_TRUE(predicted.status < 2 || lenient) << predicted.err;
}

INSTANTIATE_TEST_SUITE_P(Folders, Launches, testing::ValuesIn(launch_folders()), [](const auto& folder) {
  std::string name = folder.param.filename().string();
  std::ranges::replace(name, '-', '_');
  return name;
});

class Convert : public World {
 protected:
  Words with(const Words& more) const {
    Words words{"convert", "megatron", path("flags.txt"), "--node", "dgx-h100", "--nodes", "1"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  void SetUp() override {
    write("flags.txt",
          "--num-layers 8 --hidden-size 1024 --num-attention-heads 16 --seq-length 2048 "
          "--max-position-embeddings "
          "2048 --vocab-size 51200 --micro-batch-size 1 --global-batch-size 64 --bf16 "
          "--cross-entropy-loss-fusion\n");
  }
};

TEST_F(Convert, ReadsStandardInputAndWritesAFile) {
  const Ended shown = sim(with({}));
  EXPECT_EQ(shown.status, 0) << shown.err;
  EXPECT_EQ(shown.err, "");
  const Ended piped =
      sim({"convert", "megatron", "-", "--node", "dgx-h100", "--nodes", "1", "-o", path("job.json")},
          {.input = path("flags.txt")});
  EXPECT_EQ(piped.status, 0) << piped.err;
  EXPECT_EQ(piped.out, "");
  EXPECT_EQ(read(path("job.json")), shown.out);
}

TEST_F(Convert, TakesTheClusterOfAnotherJob) {
  const std::string other =
      write("other.json", R"({"cluster": {"node": "dgx-a100-80g", "nodes": 4}, "model": "x"})");
  const Ended ended = sim({"convert", "megatron", path("flags.txt"), "--cluster", other});
  EXPECT_EQ(ended.status, 0) << ended.err;
  EXPECT_NE(ended.out.find("dgx-a100-80g"), std::string::npos);
  EXPECT_TRUE(complains(sim(with({"--cluster", other})), 2, "--cluster: stands beside --node or --nodes"));
}

TEST_F(Convert, PathsInTheJobAreThoseFromItsFolder) {
  const std::string model =
      write("config.json", R"({"model_type": "llama", "num_hidden_layers": 4, "hidden_size": 256,
    "num_attention_heads": 4, "intermediate_size": 512, "vocab_size": 1000})");
  const std::string ds =
      write("ds.json", R"({"train_micro_batch_size_per_gpu": 1, "bf16": {"enabled": true}})");
  fs::create_directory(path("out"));
  const Ended ended = sim({"convert", "deepspeed", ds, "--node", "dgx-h100", "--nodes", "1", "--model", model,
                           "--sequence-length", "128", "-o", path("out/job.json")});
  EXPECT_EQ(ended.status, 0) << ended.err;
  EXPECT_NE(read(path("out/job.json")).find(R"("model": "../config.json")"), std::string::npos);
  EXPECT_EQ(sim({"run", path("out/job.json"), "-q"}).status, 0);
}

TEST_F(Convert, WhatCannotBeReadIsALine) {
  EXPECT_TRUE(
      complains(sim({"convert", "megatrn", path("flags.txt")}), 2, "megatron, deepspeed and torchtitan are"));
  EXPECT_TRUE(complains(sim({"convert", "megatron", path("none.sh"), "--node", "dgx-h100"}), 2, "none.sh"));
  EXPECT_TRUE(complains(sim({"convert", "megatron", path("flags.txt")}), 2, "--node: is missing"));
  EXPECT_TRUE(complains(sim(with({"--env", "X"})), 2, "--env: is \"X\", must be NAME=VALUE"));
  EXPECT_TRUE(complains(sim(with({"-o", path("flags.txt")})), 2, "flags.txt"));
  EXPECT_TRUE(complains(sim({"convert", "megatron", path("flags.txt"), "--node", "dgx-h10", "--nodes", "1"}),
                        2, "dgx-h100"));
  EXPECT_TRUE(complains(sim(with({"--set", "plan.tp=2"})), 2, "--set"));
  const std::string wide = write("wide", std::string(2U << 20U, ' '));
  EXPECT_TRUE(complains(sim({"convert", "megatron", wide, "--node", "dgx-h100"}), 2, "wide"));
}

class LaunchesOfOtherSystems : public World {};

TEST_F(LaunchesOfOtherSystems, AreTheSameWithTheirEndsOfLinesAndMark) {
  const std::string unix_file =
      "torchrun --nnodes 1 --nproc_per_node 8 \\\n  pretrain_gpt.py --num-layers 4 --hidden-size 64 \\\n "
      "--num-attention-heads 4"
      " --seq-length 128 --max-position-embeddings 128 --micro-batch-size 1 --global-batch-size 8 --bf16\n";
  std::string windows_file = "\xEF\xBB\xBF";
  for (const char c : unix_file) windows_file += c == '\n' ? std::string("\r\n") : std::string(1, c);
  const auto convert = [&](const std::string& text) {
    return sim({"convert", "megatron", write("train.sh", text), "--node", "dgx-h100", "--vocab", "32000"});
  };
  const Ended expected = convert(unix_file), got = convert(windows_file);
  EXPECT_EQ(expected.status, 0) << expected.err;
  EXPECT_EQ(got.status, 0) << got.err;
  EXPECT_EQ(got.out, expected.out);
  EXPECT_EQ(got.err, expected.err);
}

}  // namespace
}  // namespace ds::e2e
