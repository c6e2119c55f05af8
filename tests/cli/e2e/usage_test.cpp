// Command lines that cannot be understood: which word is wrong, and how it would be right.

#include <sys/stat.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "tests/cli/e2e/world.h"

namespace ds::e2e {
namespace {

class Usage : public World {
 protected:
  Usage() : job(write("job.json", kTinyJob)), other(write("other.json", kTinyJob)) {}
  Ended start(const std::string& program, const Words& words) const {
    return program == "ds-sim" ? sim(words) : program == "ds-exec" ? exec(words) : tune(words);
  }
  static const Words& programs() {
    static const Words all{"ds-sim", "ds-exec", "ds-tune"};
    return all;
  }
  /// As --help lists them.
  std::set<std::string> commands(const std::string& program) const {
    std::set<std::string> names;
    const std::vector<std::string> help = lines(start(program, {"--help"}).out);
    const auto title = std::ranges::find(help, "Subcommands:");
    for (auto line = title; line != help.end() && !(line->empty() && line != title); ++line)
      if (std::string name; line != title && std::istringstream(*line) >> name && line->starts_with("  ") &&
                            !line->starts_with("   "))
        names.insert(name);
    return names;
  }
  std::string job, other;
};

TEST_F(Usage, AFileBeforeItsCommandIsToldForEveryCommand) {
  for (const std::string& program : programs()) {
    const std::set<std::string> all = commands(program);
    EXPECT_GE(all.size(), 2U) << program;
    for (const std::string& command : all) {
      const Ended ended = start(program, {job, command});
      const bool none = start(program, {command, job}).err.find("takes options alone") != std::string::npos;
      EXPECT_TRUE(complains(ended, 2, job + (none ? ": is one too many" : ": stands before the command")))
          << command;
      if (none) continue;
      EXPECT_NE(ended.err.find("write " + program + " " + command + " " + job), std::string::npos)
          << ended.err;
    }
  }
}

TEST_F(Usage, ACommandOfAnotherProgramIsToldWithThatProgram) {
  for (const std::string& program : programs())
    for (const std::string& owner : programs())
      for (const std::string& command : commands(owner)) {
        if (commands(program).contains(command)) continue;
        for (const Words& words : {Words{command, job}, Words{job, command}}) {
          const Ended ended = start(program, words);
          EXPECT_TRUE(complains(ended, 2, command + ": is a command of ")) << program;
          EXPECT_NE(ended.err.find(owner + " " + command + " " + job), std::string::npos) << ended.err;
        }
      }
}

struct Case {
  const char* program;
  Words words;
  const char* part;
};

TEST_F(Usage, TheFirstWordThatIsWrongIsToldWithWhatWouldBeRight) {
  const std::vector<Case> cases{
      {"ds-sim", {"-q", "job.json", "run"}, "-q: stands before the command; write ds-sim run -q job.json"},
      {"ds-sim", {"a b", "run"}, "a b: stands before the command; write ds-sim run 'a b'"},
      {"ds-sim", {"it's", "run"}, R"(write ds-sim run 'it'\''s')"},
      {"ds-sim", {"", "run"}, "'': stands before the command"},
      {"ds-tune", {"--evals", "5", "search", "job.json"}, "write ds-tune search --evals 5 job.json"},
      {"ds-sim", {"job.json"}, "job.json: is a file, and the command is missing; write ds-sim run job.json"},
      {"ds-sim", {"a.json", "b.json"}, "write ds-sim compare a.json b.json"},
      {"ds-exec", {"job.json"}, "write ds-exec run job.json"},
      {"ds-tune", {"job.json"}, "write ds-tune search job.json"},
      {"ds-sim", {"job", "schema"}, "job: stands before the command; write ds-sim schema job"},
      {"ds-sim", {"bash", "completions"}, "write ds-sim completions bash"},
      {"ds-sim", {"a.json", "b.json", "run"}, "b.json: is one too many, ds-sim run takes one"},
      {"ds-sim", {"run"}, "JOB: is missing; write ds-sim run JOB"},
      {"ds-sim", {"compare", "job.json"}, "JOB: one is given, two are needed; write ds-sim compare JOB JOB"},
      {"ds-sim", {"sweep", "job.json"}, "--over: is missing; write ds-sim sweep JOB --over PATH=V,V,..."},
      {"ds-sim", {"completions"}, "SHELL: is missing; write ds-sim completions bash|zsh|fish"},
      {"ds-sim",
       {"convert", "x.sh"},
       "FILE: is missing; write ds-sim convert megatron|deepspeed|torchtitan FILE"},
      {"ds-sim",
       {"convert", "x.sh", "megatron"},
       "megatron stands behind the file; write ds-sim convert megatron x.sh"},
      {"ds-sim", {"megatron", "x.sh"}, "did you mean ds-sim convert megatron?"},
      {"ds-sim",
       {"run", "a.json", "b.json"},
       "b.json: is one too many, ds-sim run takes one; ds-sim compare takes several"},
      {"ds-sim",
       {"run", "a.json", "plan.tp=2"},
       "plan.tp=2: is no file and no option; did you mean --set plan.tp=2?"},
      {"ds-sim", {"run", "search", "a.json"}, "search: is one command too many; write ds-sim run a.json"},
      {"ds-exec", {"calibrate", "a.json"}, "a.json: is one too many; ds-exec calibrate takes options alone"},
      {"ds-sim", {"run", "a.json", "--depth"}, "--depth: has no value; write --depth analytic|event"},
      {"ds-sim", {"run", "a.json", "--depth", "event", "--depth=event"}, "--depth: is given twice"},
      {"ds-sim",
       {"run", "a.json", "--csv", "x"},
       "--csv: is not an option of ds-sim run; ds-sim sweep has it"},
      {"ds-sim", {"run", "a.json", "-z"}, "-z: is not an option"},
      {"ds-sim", {"--run", "a.json"}, "--run: is not an option, but a command; write ds-sim run"},
      {"ds-sim", {"-q"}, "a command is missing; run, compare, "},
      {"ds-sim", {"help", "run"}, "help: is not a command; write ds-sim run --help"},
      {"ds-exec", {"help"}, "help: is not a command; write ds-exec --help"},
      {"ds-tune", {"find"}, "find: is not a command; search, train, bench and completions are"}};
  for (const Case& one : cases)
    EXPECT_TRUE(complains(start(one.program, one.words), 2, one.part)) << one.part;
}

/// Where standard input is taken it is named; where it is not, it is not.
TEST_F(Usage, AFifoIsRefusedWithTheWayThatWorks) {
  const std::string fifo = path("fifo");
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  const std::string way = "is not a regular file; write - in its place, and pipe it in";
  for (const Words& words : std::vector<Words>{{"run", fifo},
                                               {"sweep", fifo, "--over", "plan.micro_batch=1"},
                                               {"validate", fifo},
                                               {"convert", "megatron", fifo}})
    EXPECT_TRUE(complains(sim(words), 2, way)) << words[0];
  EXPECT_NE(sim({"diff", job, fifo}).err.find(way), std::string::npos);
  EXPECT_TRUE(complains(tune({"search", fifo}), 2, way));
  EXPECT_TRUE(complains(tune({"search", job, "--space", fifo}), 2, way));
  EXPECT_TRUE(complains(exec({"run", fifo, "--data", job, "--steps", "1"}), 2, way));
  const std::string other_files = "is not a regular file; a regular file is needed";
  EXPECT_TRUE(complains(exec({"run", job, "--data", fifo, "--steps", "1"}), 2, other_files));
  EXPECT_TRUE(complains(sim({"run", job, "--set", "model=" + fifo}), 2, other_files));
  EXPECT_TRUE(complains(sim({"run", job, "--set", "cluster.node=" + fifo}), 2, other_files));
}

TEST_F(Usage, StandardInputMayBeNamedTwice) {
  const Ended twice = sim({"diff", "-", "-"}, {.input = job});
  EXPECT_EQ(twice.status, 0) << twice.err;
  EXPECT_NE(twice.out.find("no key differs"), std::string::npos) << twice.out;
}

}  // namespace
}  // namespace ds::e2e
