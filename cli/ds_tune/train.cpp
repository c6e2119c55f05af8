// `ds-tune train`: a policy learns from searches of other jobs.
#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>

#include "cli/ds_tune/commands.h"
#include "cli/ds_tune/learning.h"
#include "cli/session/phases.h"
#include "simulator/base/error.h"
#include "simulator/base/file.h"
#include "tuner/bench/instance.h"
#include "tuner/bench/lessons.h"
#include "tuner/policy/policy.h"

namespace ds::cli {
namespace {

using tuner::Lesson;
using tuner::Tier;

constexpr std::int64_t kMostLessonBytes = 4LL << 30;

struct Lessons {
  std::vector<Lesson> train, held_out;
};

/// Of instances for training, then of those for tuning, in the order of the file.
std::vector<Lesson> made(const std::vector<tuner::Instance>& instances, const Common& common,
                         const TrainOptions& options, const StopToken& stop) {
  terminal::ProgressLine line(common.progress_mode(), common.screen(STDERR_FILENO));
  const cost::Profile profile = cost::rough_profile();
  std::vector<Lesson> lessons;
  for (std::size_t i = 0; i < instances.size() && !stop.stop_requested(); ++i) {
    line.update(static_cast<double>(i) / static_cast<double>(instances.size()),
                "plans of " + instances[i].name);
    lessons.push_back(tuner::lesson_of(instances[i], profile, options.plans, static_cast<std::uint64_t>(i),
                                       static_cast<std::size_t>(common.jobs)));
  }
  line.finish();
  return lessons;
}

Lessons lessons_for(const Common& common, const TrainOptions& options, const StopToken& stop) {
  std::vector<tuner::Instance> instances = tuner::read_instances(
      options.instances.empty() ? tuner::default_instances() : std::filesystem::path(options.instances));
  std::erase_if(instances, [](const tuner::Instance& one) {
    return one.tier != Tier::train && one.tier != Tier::tuning;
  });
  std::vector<Lesson> all;
  if (!options.lessons.empty() && std::filesystem::exists(options.lessons)) {
    all = tuner::lessons_of_bytes(read_file(options.lessons, kMostLessonBytes), options.lessons);
    if (all.size() != instances.size())
      throw InputError("--lessons",
                       fmt::format("{} has {} lessons, and there are {} instances", options.lessons,
                                   all.size(), instances.size()),
                       "name another file, and they are made anew");
  } else {
    all = made(instances, common, options, stop);
    if (!options.lessons.empty() && !stop.stop_requested())
      write_file_atomically(options.lessons, tuner::to_bytes(all));
  }
  Lessons lessons;
  for (std::size_t i = 0; i < all.size(); ++i)
    if (all[i].plans.size() > 1)
      (instances[i].tier == Tier::train ? lessons.train : lessons.held_out).push_back(std::move(all[i]));
  return lessons;
}

}  // namespace

int tune_train(const Common& common, const TrainOptions& options) {
  const std::vector<Output> outputs = {{"--report", common.report}, {"--policy", options.policy}};
  check_outputs(outputs);
  const std::uint64_t seed = common.seed < 0 ? 1 : static_cast<std::uint64_t>(common.seed);
  const std::shared_ptr<tuner::Network> network = tuner::fresh_network(seed);
  const StopToken& stop = watch_signals();
  Phases phases(common);
  phases.begin("make lessons");
  const Lessons lessons = lessons_for(common, options, stop);
  if (stop.stop_requested()) return status_after(stop);
  if (lessons.train.empty()) throw InputError("--instances", "have no plans to learn from");

  TrainingRecord record{.seed = seed, .lessons = lessons.train.size()};
  for (const Lesson& lesson : lessons.train) record.plans += lesson.plans.size();
  terminal::ProgressLine line(common.progress_mode(), common.screen(STDERR_FILENO));
  const auto onto = [&](std::vector<TrainingRecord::Point>& curve, const char* what) {
    return [&curve, &line, what](double share, double figure) {
      curve.push_back({share, figure});
      line.update(share, fmt::format("{} {:.4f}", what, figure));
    };
  };
  const auto scores = [&] {
    return TrainingRecord::Scores{network->score(lessons.train), network->score(lessons.held_out)};
  };
  phases.begin("learn to foresee steps");
  network->imitate(
      lessons.train,
      {.rounds = static_cast<int>(options.rounds), .seed = seed, .watch = onto(record.imitation, "loss")});
  record.imitated = scores();
  phases.begin("learn to choose");
  network->reinforce(lessons.train, {.rounds = static_cast<int>(options.choices),
                                     .seed = seed,
                                     .watch = onto(record.reinforcement, "regret")});
  line.finish();
  record.reinforced = scores();

  phases.begin("write");
  write_outputs({{options.policy, [&] { return network->save(); }},
                 {common.report, [&] { return training_record(record, provenance(common, nullptr)); }}});
  phases.end();
  if (common.talks())
    show(common,
         fmt::format(
             "learned from {} plans of {} jobs: steps are foreseen within {}; after ten choices the best is "
             "{} slower than the fastest, {} for jobs that were not learned from\n",
             terminal::exact(static_cast<std::int64_t>(record.plans)), lessons.train.size(),
             terminal::percent(record.reinforced.train.error),
             terminal::percent(record.reinforced.train.tenth),
             terminal::percent(record.reinforced.held_out.tenth)));
  return kDone;
}

}  // namespace ds::cli
