// A plan that is exported and converted back is the same plan, or it was refused by name.
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <sstream>

#include "simulator/base/file.h"
#include "simulator/convert/convert.h"
#include "simulator/export/plain_job.h"
#include "tests/simulator/export/drawn_jobs.h"

namespace ds::exports {
namespace {

constexpr int kPlans = 200;

/// What `ds-sim convert` makes of it, on the job's own machine; a configuration of DeepSpeed has neither model nor sequence.
workload::Job converted(const std::string& text, const workload::Job& job, Trainer trainer) {
  const Document whole = parse_document(workload::write_job(job), "");
  convert::Asked asked;
  asked.cluster_json = whole.root().member("cluster").dump();
  switch (trainer) {
    case Trainer::megatron: return workload::read_job_text(convert::convert_megatron(text, asked).job, "");
    case Trainer::torchtitan:
      return workload::read_job_text(convert::convert_torchtitan(text, asked).job, "");
    case Trainer::deepspeed: break;
  }
  asked.model_json = whole.root().member("model").dump();
  asked.sequence = job.train.sequence_length;
  return workload::read_job_text(convert::convert_deepspeed(text, asked).job, "");
}

/// What stands in the arrays of a script, or at the ends of a configuration's paths.
void collect(const Cursor& at, std::set<std::string>& names) {
  if (!at.is_object()) {
    names.insert(at.path());
    return;
  }
  for (const auto& [key, value] : at.members()) collect(value, names);
}
std::set<std::string> names_in(const std::string& text, Trainer trainer) {
  std::set<std::string> names;
  if (trainer == Trainer::deepspeed) {
    const Document configuration = parse_document(text, "");
    collect(configuration.root(), names);
    return names;
  }
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    for (std::string word; line.starts_with("  --") && words >> word;)
      if (word.starts_with("--")) names.insert(word);
  }
  return names;
}

/// tests/exports/names/megatron: what an export may write, each of which has been looked up in the version that docs/exporting.md
/// names. A new one is to be looked up there, and written into the file.
std::set<std::string> looked_up(std::string_view trainer) {
  std::istringstream words(read_file(fmt::format("{}/tests/exports/names/{}", DS_SOURCE_DIR, trainer)));
  std::set<std::string> names;
  for (std::string word; words >> word;) names.insert(word);
  return names;
}

std::string_view name_of(Trainer trainer) {
  return trainer == Trainer::megatron     ? "megatron"
         : trainer == Trainer::torchtitan ? "torchtitan"
                                          : "deepspeed";
}

/// What became of the plans so far.
struct Tally {
  int exported{}, same_words{};
  std::map<std::string, int> refused;      // by path
  std::map<std::string, std::string> why;  // the last one's words
};

void expect_same(const workload::Job& job, const workload::Job& back) {
  const workload::Job wanted = plain_job(job), got = plain_job(back);
  EXPECT_EQ(wanted.plan, got.plan);
  EXPECT_EQ(wanted.model, got.model);
  EXPECT_EQ(fusions_that_count(job), fusions_that_count(back));
  EXPECT_EQ(job.train.global_batch, back.train.global_batch);
  EXPECT_EQ(job.train.sequence_length, back.train.sequence_length);
}

void expect_named(const InputError& error) {
  const std::string part = error.path().substr(0, error.path().find('.'));
  EXPECT_TRUE(part == "plan" || part == "model" || part == "software" || part == "train") << error.what();
  EXPECT_FALSE(error.wrong().empty());
}

void try_one(const workload::Job& job, Trainer trainer, Tally& tally) {
  const Start start = trainer == Trainer::deepspeed ? Start::none : Start::torchrun;
  try {
    const Exported made = export_launch(job, {.trainer = trainer, .start = start, .steps = 1000});
    ++tally.exported;
    EXPECT_TRUE(made.notes.empty()) << made.notes.front();
    const std::set<std::string> known = looked_up(name_of(trainer));
    for (const std::string& name : names_in(made.text, trainer)) EXPECT_TRUE(known.contains(name)) << name;
    const workload::Job back = converted(made.text, job, trainer);
    expect_same(job, back);
    workload::Plan plan = back.plan;
    plan.stage_layers_given = job.plan.stage_layers_given;
    tally.same_words += plan == job.plan ? 1 : 0;
  } catch (const InputError& error) {
    expect_named(error);
    ++tally.refused[error.path()];
    tally.why[error.path()] = error.what();
  }
}

class RoundTrip : public testing::TestWithParam<Trainer> {};

TEST_P(RoundTrip, GivesTheSamePlanForTwoHundredPlans) {
  Drawer drawer(GetParam(), 20);
  Tally tally;
  for (int i = 0; i < kPlans; ++i) {
    const workload::Job job = drawer.next();
    SCOPED_TRACE(workload::write_job(job));
    try_one(job, GetParam(), tally);
  }
  fmt::print("{} of {} plans exported, {} of them the same word for word\n", tally.exported, kPlans,
             tally.same_words);
  for (const auto& [path, count] : tally.refused) fmt::print("  {:3} refused: {}\n", count, tally.why[path]);
  EXPECT_GE(tally.exported, kPlans * 7 / 10);
}

INSTANTIATE_TEST_SUITE_P(Trainers, RoundTrip,
                         testing::Values(Trainer::megatron, Trainer::torchtitan, Trainer::deepspeed),
                         [](const auto& trainer) {
                           return trainer.param == Trainer::megatron     ? "Megatron"
                                  : trainer.param == Trainer::torchtitan ? "Torchtitan"
                                                                         : "DeepSpeed";
                         });

}  // namespace
}  // namespace ds::exports
