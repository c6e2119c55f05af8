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

class RoundTrip : public testing::TestWithParam<Trainer> {};

TEST_P(RoundTrip, GivesTheSamePlanForTwoHundredPlans) {
  const Trainer trainer = GetParam();
  const Start start = trainer == Trainer::deepspeed ? Start::none : Start::torchrun;
  Drawer drawer(trainer, 20);
  std::map<std::string, int> refused;
  std::map<std::string, std::string> why;
  int same_words = 0, exported = 0;
  const std::set<std::string> known = looked_up(name_of(trainer));
  for (int i = 0; i < kPlans; ++i) {
    const workload::Job job = drawer.next();
    SCOPED_TRACE(workload::write_job(job));
    try {
      const Exported made = export_launch(job, {.trainer = trainer, .start = start, .steps = 1000});
      ++exported;
      for (const std::string& name : names_in(made.text, trainer)) EXPECT_TRUE(known.contains(name)) << name;
      EXPECT_TRUE(made.notes.empty()) << made.notes.front();
      const workload::Job back = converted(made.text, job, trainer);
      const workload::Job wanted = plain_job(job), got = plain_job(back);
      EXPECT_EQ(wanted.plan, got.plan);
      EXPECT_EQ(wanted.model, got.model);
      EXPECT_EQ(fusions_that_count(job), fusions_that_count(back));
      EXPECT_EQ(job.train.global_batch, back.train.global_batch);
      EXPECT_EQ(job.train.sequence_length, back.train.sequence_length);
      workload::Plan plan = back.plan;
      plan.stage_layers_given = job.plan.stage_layers_given;
      same_words += plan == job.plan ? 1 : 0;
    } catch (const InputError& error) {
      EXPECT_TRUE(error.path().starts_with("plan.") || error.path().starts_with("model.") ||
                  error.path().starts_with("software.") || error.path().starts_with("train."))
          << error.what();
      EXPECT_FALSE(error.wrong().empty());
      ++refused[error.path()];
      why[error.path()] = error.what();
    }
  }
  fmt::print("{} of {} plans exported, {} of them the same word for word\n", exported, kPlans, same_words);
  for (const auto& [path, count] : refused) fmt::print("  {:3} refused: {}\n", count, why[path]);
  EXPECT_GE(exported, kPlans / 2);
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
