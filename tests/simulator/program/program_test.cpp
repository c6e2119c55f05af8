#include "simulator/program/program.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <set>

#include "simulator/workload/workload.h"
#include "tests/support/edit_program.h"
#include "tests/support/jobs.h"

namespace ds::program {
namespace {

TEST(Program, EveryVariantPassesTheChecker) {
  for (const support::Small& small : support::small_variants()) {
    SCOPED_TRACE(support::describe(small));
    const Program program = lower(support::small_job(small));
    EXPECT_EQ(check(program), std::nullopt);
  }
}

/// Those of tests/golden: whole models on machines that people have.
TEST(Program, GoldenJobsPassTheChecker) {
  int jobs = 0;
  for (const auto& entry : std::filesystem::directory_iterator(DS_SOURCE_DIR "/tests/golden")) {
    if (!exists(entry.path() / "job.json")) continue;
    SCOPED_TRACE(entry.path());
    EXPECT_EQ(check(lower(workload::read_job(entry.path() / "job.json"))), std::nullopt);
    ++jobs;
  }
  EXPECT_GT(jobs, 40);
}

TEST(Program, TheSameJobGivesTheSameHashAndEveryVariantAnother) {
  std::set<std::uint64_t> hashes;
  for (const support::Small& small : support::small_variants()) {
    const Program program = lower(support::small_job(small));
    EXPECT_EQ(program.hash, lower(support::small_job(small)).hash);
    hashes.insert(program.hash);
  }
  EXPECT_EQ(hashes.size(), support::small_variants().size());
}

TEST(Program, CallsOfOneStageAlternateForwardAndBackward) {
  const Program program = lower(support::small_job({.micro_batches = 3}));
  std::string names;
  for (const Phase& phase : program.classes[0].phases)
    for (const Call& call : phase.calls)
      names += program.body(call).name + std::to_string(call.micro[0]) + " ";
  EXPECT_EQ(names, "forward0 backward, first0 forward1 backward1 forward2 backward2 norm-1 update-1 ");
}

/// Edits that a lowering could get wrong; each must be noticed.
TEST(Program, TheCheckerNoticesEdits) {
  const Program good = lower(support::small_job({}));
  // Embedding, layers.
  const auto layer = [](Program& p) { return support::body_of(p, p.templates[0].blocks[1]); };
  struct Edit {
    const char* what;
    std::function<void(Program&)> apply;
  };
  const std::vector<Edit> edits = {
      {"the first norm is left out",
       [&](Program& p) {
         p.templates[0].blocks[1].body.first += 1;
         p.templates[0].blocks[1].body.count -= 1;
       }},
      {"two instructions change places", [&](Program& p) { std::swap(layer(p)[0], layer(p)[1]); }},
      {"a backward comes before its forward",
       [](Program& p) { std::swap(p.classes[0].phases[0].calls[0], p.classes[0].phases[0].calls[1]); }},
      {"a backward runs on another micro-batch",
       [](Program& p) { p.classes[0].phases[0].calls[1].micro[0] = 1; }},
      {"the first backward adds to gradients that nobody wrote",
       [](Program& p) { p.classes[0].phases[0].calls[1].body = p.classes[0].phases[0].calls[3].body; }},
      {"the norm is left out", [](Program& p) { p.classes[0].phases[0].calls.pop_back(); }},
      {"a view reaches outside its buffer", [](Program& p) { p.views[3].offset.value += 1 << 20; }},
      {"a buffer is too small",
       [](Program& p) { p.buffers[index(p.classes[0].host.ids)].size.bound.value -= 4; }},
      {"an operator loses an operand", [](Program& p) { p.operators[2].uses.count -= 1; }},
      {"a read becomes a write", [](Program& p) { p.uses[0].access = Access::write; }},
      {"a micro-batch that does not exist", [](Program& p) { p.classes[0].phases[0].calls[0].micro[0] = 7; }},
      {"a fixed slot beyond the last", [](Program& p) { p.uses[0].instance = 9; }},
  };
  for (const Edit& edit : edits) {
    Program broken = good;
    edit.apply(broken);
    broken.hash = hash_of(broken);
    EXPECT_NE(check(broken), std::nullopt) << edit.what;
  }
}

TEST(Program, AChangeAfterHashingIsNoticed) {
  Program program = lower(support::small_job({}));
  program.ops[0].type = DataType::fp32;
  EXPECT_NE(check(program), std::nullopt);
}

TEST(Program, TextNamesEveryTemplateAndBuffer) {
  const Program program = lower(support::small_job({}));
  const std::string text = to_text(program);
  for (const Template& body : program.templates)
    EXPECT_NE(text.find("template " + body.name), std::string::npos);
  for (const Buffer& buffer : program.buffers) EXPECT_NE(text.find(buffer.name), std::string::npos);
}

}  // namespace
}  // namespace ds::program
