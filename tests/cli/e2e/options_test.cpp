// The options that all commands share: each command does what an option says, or refuses it by name.

#include <functional>
#include <nlohmann/json.hpp>

#include "tests/cli/e2e/world.h"

namespace ds::e2e {
namespace {

using Json = nlohmann::json;

class Options : public World {
 protected:
  Options() : job(write("job.json", kTinyJob)), text(write("text", some_text(20000))) {}

  struct Command {
    bool exec;
    Words words;
  };
  std::vector<Command> commands() const {
    return {{false, {"run", job}},
            {false, {"presets"}},
            {false, {"limits"}},
            {false, {"schema", "job"}},
            {true, {"run", job, "--data", text, "--steps", "1"}},
            {true, {"compare", job, "--data", text, "--steps", "3"}},
            {true, {"calibrate", "--out", path("profile.json")}}};
  }
  Ended start(const Command& command, const Words& more) const {
    Words words = command.words;
    words.insert(words.end(), more.begin(), more.end());
    return command.exec ? exec(words) : sim(words);
  }
  std::string job, text;
};

TEST_F(Options, PagesAreRefusedByEveryCommand) {
  for (const Command& command : commands())
    EXPECT_TRUE(
        complains(start(command, {"--html", path("page.html")}), 2, "--html: pages are not supported yet"))
        << command.words[0];
  EXPECT_EQ(entries(), (Words{"cache", "job.json", "text"}));
}

TEST_F(Options, CommandsThatReadNoJobRefuseToChangeOne) {
  for (const Command& command : commands()) {
    if (command.words[1 % command.words.size()] == job) continue;
    EXPECT_TRUE(complains(start(command, {"--set", "plan.tp=1"}), 2, "--set: no job is read here"));
    EXPECT_TRUE(complains(start(command, {"--seed", "1"}), 2, "--seed: no job is read here"));
  }
}

TEST_F(Options, WhatHasNoReportSaysWhereItsResultGoes) {
  EXPECT_TRUE(complains(exec({"calibrate", "--report", "-"}), 2,
                        "--report: the profile is what calibrate writes; --out"));
  EXPECT_TRUE(
      complains(sim({"schema", "job", "--report", "-"}), 2, "--report: a schema goes to standard output"));
  EXPECT_TRUE(complains(sim({"limits", "--progress", "always"}), 2, "--progress"));
}

TEST_F(Options, ThatAreMisspeltAreToldByName) {
  EXPECT_TRUE(complains(sim({"run", job, "--hlep"}), 2, "--hlep: is not an option; did you mean --help?"));
  EXPECT_TRUE(
      complains(exec({"run", job, "--stesp=3"}), 2, "--stesp: is not an option; did you mean --steps?"));
  EXPECT_TRUE(complains(tune({"searhc", job}), 2, "searhc: is not a command; did you mean search?"));
  EXPECT_TRUE(complains(tune({"search", job, "--space", ""}), 2, "--space: has an empty value"));
  EXPECT_TRUE(complains(sim({"run", job, "--report", ""}), 2, "--report: has an empty value"));
  EXPECT_TRUE(complains(sim({"run", ""}), 2, "has an empty value"));
  EXPECT_TRUE(complains(sim({"capacity", job}), 2, "capacity: is not there yet"));
}

/// Every option that is a number, with values beside its range.
TEST_F(Options, NumbersThatAreNoneAreRefusedByTheOption) {
  struct Number {
    const char* option;
    std::function<Ended(const Words&)> program;
    Words words;
    Words beyond;
  };
  const Words run{"run", job}, train{"run", job, "--data", text}, search{"search", job},
      convert{"convert", "megatron", text};
  const auto sim_of = [this](const Words& words) { return sim(words); };
  const auto tune_of = [this](const Words& words) { return tune(words); };
  const auto exec_of = [this](const Words& words) { return exec(words); };
  const std::vector<Number> numbers = {
      {"--seed", sim_of, run, {"-1", "1e16"}},
      {"--jobs", sim_of, run, {"0", "-1", "1e6"}},
      {"--seed", tune_of, search, {"-1"}},
      {"--jobs", tune_of, search, {"0"}},
      {"--evals", tune_of, search, {"0", "-5", "0.5"}},
      {"--time-limit", tune_of, search, {"0", "-1", "1e300", "1e-300"}},
      {"--top", tune_of, search, {"0", "1001", "2.5"}},
      {"--memory-margin", tune_of, search, {"-0.1", "0.91", "1"}},
      {"--nodes", sim_of, convert, {"0", "1e7"}},
      {"--vocab", sim_of, convert, {"0", "1e9"}},
      {"--sequence-length", sim_of, convert, {"0", "1e12"}},
      {"--global-batch", sim_of, convert, {"0", "1e12"}},
      {"--seed", exec_of, train, {"-1"}},
      {"--jobs", exec_of, train, {"0"}},
      {"--steps", exec_of, train, {"-1", "1e15", "1.5"}},
      {"--rounds", exec_of, {"calibrate", "--out", path("profile.json")}, {"2", "1001"}},
      {"--trace-ranks", sim_of, {"run", job, "--trace", path("t")}, {"-1", "99999", "1-0", "0,,1", "1e0"}}};
  const Words never{"nan",
                    "-nan",
                    "inf",
                    "-inf",
                    "infinity",
                    "1e309",
                    "1e-400",
                    "0x10",
                    "1,5",
                    "1 2",
                    "one",
                    "99999999999999999999",
                    "-99999999999999999999",
                    "--"};
  for (const Number& number : numbers)
    for (const Words& values : {never, number.beyond})
      for (std::size_t i = 0; i < support::fewer(values.size()); ++i) {
        const std::string& value = values[i];
        Words words = number.words;
        words.push_back(std::string(number.option) + "=" + value);
        EXPECT_TRUE(complains(number.program(words), 2, number.option + std::string(": is")))
            << number.option << " " << value;
      }
  EXPECT_EQ(entries(), (Words{"cache", "job.json", "text"}));
}

/// As in files.
TEST_F(Options, NumbersMayBeWrittenAsInFiles) {
  for (const char* value : {"3", "3.0", "0.3e1", "30e-1"}) {
    const Ended ended =
        tune({"search", job, "--top", value, "--memory-margin", ".05", "--time-limit", "5.", "-q"});
    EXPECT_EQ(ended.status, 0) << value << ended.err;
  }
}

TEST_F(Options, AJobMayNameItsSchema) {
  std::string named = kTinyJob;
  named.insert(named.find('{') + 1, R"("$schema": "https://example.org/job.json",)");
  EXPECT_EQ(schema_faults("job", named), "");
  EXPECT_EQ(sim({"run", write("named.json", named)}).status, 0);
  EXPECT_TRUE(complains(sim({"run", path("named.json"), "--set", "$schema=1"}), 2, "$schema: is 1"));
}

TEST_F(Options, ListsAreReportsToo) {
  for (const char* list : {"presets", "limits"}) {
    const Ended to_file = sim({list, "--report", path("list.json"), "-q"});
    EXPECT_EQ(to_file.status, 0) << to_file.err;
    EXPECT_EQ(to_file.out + to_file.err, "");
    const Ended printed = sim({list, "--report", "-"});
    for (const std::string& report : {read(path("list.json")), printed.out}) {
      EXPECT_EQ(schema_faults(list, report), "");
      EXPECT_GT(Json::parse(report)[list].size(), 15U);
    }
    EXPECT_TRUE(complains(sim({list, "--report", path("none/x")}), 2, "--report"));
  }
}

TEST_F(Options, LimitsAreThoseOfProfilesAndSweepsToo) {
  const std::string all = sim({"limits"}).out;
  for (const char* what :
       {"plan.vpp", "cores and ranks of a profile", "sizes of what a profile", "points of a sweep"})
    EXPECT_NE(all.find(what), std::string::npos) << what;
}

TEST_F(Options, PresetsShowWhatIsInThemAndTakeWords) {
  const Ended h100 = sim({"presets", "GPU", "h100-sxm5"});
  EXPECT_EQ(lines(h100.out).size(), 2U) << h100.out;  // titles, and the one
  EXPECT_NE(h100.out.find("989 TFLOP/s in bf16, 80.0 GB, 3.35 TB/s, 700 W"), std::string::npos) << h100.out;
  const Ended mixtral = sim({"presets", "mixtral"});
  EXPECT_NE(mixtral.out.find("46.7 B parameters, 32 layers of 4096"), std::string::npos) << mixtral.out;
  const Ended deepseek = sim({"presets", "deepseek-v3"});
  EXPECT_NE(deepseek.out.find("128 heads, 8 of 256 experts"), std::string::npos) << deepseek.out;
  EXPECT_EQ(deepseek.out.find("not predicted yet"), std::string::npos) << deepseek.out;
  EXPECT_EQ(h100.out.find("github.com"), std::string::npos);
  EXPECT_NE(sim({"presets", "h100-sxm5", "-v"}).out.find("github.com"), std::string::npos);
  EXPECT_TRUE(complains(sim({"presets", "lllama2-70b"}), 2, "did you mean llama2-70b?"));
}

/// What a list says cannot be predicted, `run` refuses, and the other way round.
TEST_F(Options, PresetsThatAreMarkedAreThoseThatRunRefuses) {
  const Json list = Json::parse(sim({"presets", "model", "--json"}).out)["presets"];
  ASSERT_GT(list.size(), 10U);
  for (const Json& one : list) {
    const std::string task = write(
        "task.json",
        R"({"model": ")" + one["name"].get<std::string>() +
            R"(", "cluster": {"node": "dgx-h100", "nodes": 1}, "train": {"sequence_length": 1024, "global_batch": 8}})");
    EXPECT_EQ(sim({"run", task, "-q", "--depth", "analytic"}).status == 2, !one["predicted"].get<bool>())
        << one["name"];
  }
}

TEST_F(Options, QuietPrintsNothingForPeople) {
  for (const Command& command : commands()) {
    if (command.words[0] == "calibrate" || command.words[0] == "schema") continue;  // slow; not for people
    const Ended ended = start(command, {"-q", "-v", "--progress", "never"});
    if (ended.status == 2)
      EXPECT_NE(ended.err.find("--progress"), std::string::npos) << ended.err;  // limits takes none
    else
      EXPECT_EQ(ended.out + ended.err, "") << command.words[0];
  }
}

TEST_F(Options, VerboseTellsFilesPhasesAndTheProgramOnStandardErrorAlone) {
  const Words model{"--set", "model=gpt-3m"};
  const Ended plain = sim({"run", job, model[0], model[1]}),
              told = sim({"run", job, model[0], model[1], "-v"});
  EXPECT_EQ(plain.err, "");
  EXPECT_EQ(told.out, plain.out);
  for (const std::string& part :
       {"ds: read " + job, std::string("models/gpt-3m.json"), std::string("ds: program "),
        std::string("ds: read the job: "), std::string("ds: predict: ")})
    EXPECT_NE(told.err.find(part), std::string::npos) << part << " in\n" << told.err;
  for (const std::string& line : lines(told.err)) EXPECT_TRUE(line.starts_with("ds: ")) << line;

  const Ended run = exec({"run", job, "--data", text, "--steps", "1", "-v"});
  for (const std::string& part : {"ds: read " + text, std::string("ds: lower: "), std::string("ds: train: ")})
    EXPECT_NE(run.err.find(part), std::string::npos) << part << " in\n" << run.err;
  EXPECT_NE(sim({"presets", "-v"}).err.find("gpt3-175b.json"), std::string::npos);
}

TEST_F(Options, ProgressIsShownWhereSomebodyWaits) {
  const Ended always = sim({"run", job, "--progress", "always"});
  EXPECT_NE(always.err.find("predict"), std::string::npos) << always.err;
  EXPECT_EQ(sim({"run", job, "--progress", "never"}).err, "");
  for (const Command& command : commands()) {
    if (command.words[0] == "limits" || command.words[0] == "schema") continue;  // they take none
    EXPECT_TRUE(complains(start(command, {"--progress", "often"}), 2, "--progress")) << command.words[0];
  }
}

TEST_F(Options, EveryCommandTellsItsVersionAndTakesJobsAsItsHelpSays) {
  for (const Command& command : commands()) {
    const Ended version = start(command, {"--version"}), help = start(command, {"--help"});
    EXPECT_TRUE(version.status == 0 && version.out.starts_with("ds ")) << version.out << version.err;
    EXPECT_NE(help.out.find("--jobs"), std::string::npos) << help.out;
    EXPECT_NE(help.out.find("Searches and sweeps use them"), std::string::npos) << help.out;
    EXPECT_EQ(help.out.find("--html"), std::string::npos) << help.out;
    for (const char* jobs : {"0", "-1", "two"})
      EXPECT_TRUE(complains(start(command, {"--jobs", jobs}), 2, "--jobs")) << command.words[0];
  }
  EXPECT_EQ(sim({"run", job, "--jobs", "3", "-q"}).status, 0);
}

}  // namespace
}  // namespace ds::e2e
