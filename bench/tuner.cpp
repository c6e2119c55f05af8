// How many plans a second are judged: step time at analytic depth and peak memory of all legal plans of a space, shuffled, from
// an empty cache; and whether that is what `ds-sim run --depth analytic` says of some that are drawn.
//
//   build/bin/bench_tuner profiles/jobs/gpt-1t-4096-a100.json [--overlap] [--precisions] [--attention] [--check 1000]
//                         [--schedules] [--layers] [--parts] [--only PLANS] [--threads 2]
//
// --overlap: the four overlap flags vary as well. --precisions: fp32, fp16 and bf16. --attention: in one kernel, or unfused.
// --parts: times of bounds, peaks and step times apart.
// --schedules: all that are supported. --layers: every chunk has a number of layers that is drawn.
// --threads: as many as there are cores, where it is not given. Time of judging alone: what it takes to put plans into a list
// before is left out. Exits with 1 where a checked plan differs.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <ctime>
#include <map>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "simulator/base/random.h"
#include "simulator/engine/plan_steps.h"
#include "simulator/engine/predict.h"
#include "simulator/memory/plan_peaks.h"
#include "simulator/workload/settle.h"
#include "simulator/workload/workload.h"
#include "tuner/space/evaluator.h"
#include "tuner/space/space.h"

namespace {

using namespace ds;

constexpr std::int64_t kCores = 8;  // of a processor's plans

struct Options {
  std::string job;
  bool overlap{}, precisions{}, attention{}, schedules{}, layers{}, parts{};
  std::size_t check{}, only{}, threads{std::max(1U, std::thread::hardware_concurrency())};
};

double processor_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

tuner::Space space_of(const workload::Job& base, const Options& options) {
  std::vector<tuner::Dimension> dimensions = tuner::read_space(base, {}).dimensions();
  const auto vary = [&](std::string_view prefix, const std::vector<std::int64_t>& values) {
    for (const workload::PlanKey* key : workload::varied_plan_keys())
      if (key->name.starts_with(prefix)) {
        std::erase_if(dimensions, [&](const tuner::Dimension& d) { return d.key == key; });
        dimensions.push_back({key, values});
      }
  };
  using workload::Precision;
  if (options.overlap) vary("overlap.", {0, 1});
  if (options.attention)
    vary("attention", {static_cast<std::int64_t>(workload::Attention::flash),
                       static_cast<std::int64_t>(workload::Attention::unfused)});
  if (options.precisions)
    vary("precision", {static_cast<std::int64_t>(Precision::fp32), static_cast<std::int64_t>(Precision::fp16),
                       static_cast<std::int64_t>(Precision::bf16)});
  if (options.schedules) {
    std::vector<std::int64_t> all;
    for (const workload::ScheduleEntry& one : workload::kSchedules)
      if (!base.cluster.cpu() || one.on_processors) all.push_back(static_cast<std::int64_t>(one.value));
    vary("schedule", all);
  }
  return {base, std::move(dimensions), kCores};
}

/// Deals layers out at random; each chunk has one at least.
void redistribute(std::vector<workload::Plan>& plans, std::int64_t layers) {
  const RandomStream draw(2, 0);
  std::uint64_t next = 0;
  for (workload::Plan& plan : plans) {
    const std::int64_t chunks = plan.pp * plan.chunks();
    plan.stage_layers_given = true;
    plan.stage_layers.assign(static_cast<std::size_t>(plan.pp),
                             std::vector<std::int64_t>(static_cast<std::size_t>(plan.chunks()), 1));
    for (std::int64_t left = layers - chunks; left > 0; --left) {
      const auto at = static_cast<std::int64_t>(draw.below(static_cast<std::uint64_t>(chunks), next++));
      ++plan.stage_layers[static_cast<std::size_t>(at / plan.chunks())]
                         [static_cast<std::size_t>(at % plan.chunks())];
    }
  }
}

std::vector<workload::Plan> shuffled_plans(const tuner::Space& space) {
  workload::Job job = space.base();
  std::vector<workload::Plan> plans;
  for (tuner::Index i = 0; i < space.size(); ++i)
    if (!space.decode_into(space.candidate(i), job)) {
      plans.push_back(job.plan);
      plans.back().stage_layers = {};  // they follow, and are many
    }
  const RandomStream draw(1, 0);
  for (std::size_t i = plans.size(); i > 1; --i) std::swap(plans[i - 1], plans[draw.below(i, i)]);
  return plans;
}

std::vector<tuner::Verdict> judge(const tuner::Space& space, const std::vector<workload::Plan>& plans,
                                  std::size_t threads) {
  const auto begun = std::chrono::steady_clock::now();
  const double begun_processor = processor_seconds();
  const cost::Profile profile = cost::rough_profile();
  std::vector<tuner::Verdict> judged =
      tuner::Evaluator(space, profile, threads).evaluate(plans, {.too_large_ones = true});
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
  const auto count = static_cast<double>(plans.size());
  fmt::print("{} plans in {:.3f} s: {:.0f} a second ({} threads, {:.3f} s of processor time)\n", plans.size(),
             took.count(), count / took.count(), threads, processor_seconds() - begun_processor);
  return judged;
}

/// What judging is made of, each from an empty cache, and once more with all that it has remembered.
void time_parts(const workload::Job& base, const std::vector<workload::Plan>& plans, std::size_t threads) {
  const auto time = [&](std::string_view what, const auto& fn) {
    const double begun = processor_seconds();
    fn();
    const double took = processor_seconds() - begun;
    fmt::print("  {}: {:.3f} s, {:.0f} a second\n", what, took, static_cast<double>(plans.size()) / took);
  };
  const cost::Profile profile = cost::rough_profile();
  engine::PlanSteps steps(base, profile, threads);
  memory::PlanPeaks peaks(base, threads);
  for (const std::string_view again : {"", " again"}) {
    time(fmt::format("bounds by work{}", again), [&] { steps.work_bounds(plans); });
    time(fmt::format("bounds{}", again), [&] { steps.bounds(plans); });
    time(fmt::format("floors of peaks{}", again), [&] { peaks.floors(plans); });
    time(fmt::format("peaks{}", again), [&] { peaks.of(plans); });
    time(fmt::format("step times{}", again), [&] { steps.step_times(plans); });
  }
}

/// The first `count` plans, lowered. Those of millions of passes are left out: lowering one takes minutes.
bool check(const workload::Job& base, const std::vector<workload::Plan>& plans,
           const std::vector<tuner::Verdict>& judged, std::size_t count) {
  constexpr std::int64_t kMostPasses = 20'000;
  workload::Job job = base;
  const cost::Profile profile = cost::rough_profile();
  std::size_t checked = 0, long_ones = 0, wrong = 0, verdicts = 0;
  double worst = 0;
  for (std::size_t i = 0; i < plans.size() && checked < count; ++i) {
    const Seconds estimated = judged[i].step_time;
    const Bytes peak = judged[i].peak;
    job.plan = plans[i];
    workload::settle(job);
    if (job.plan.pp * job.plan.vpp * job.micro_batches() > kMostPasses) {
      ++long_ones;
      continue;
    }
    const engine::Prediction exact =
        engine::predict(job, cost::Machine(job, profile), workload::Depth::analytic, engine::Rows::none);
    const double seconds = exact.summary.step_time.value;
    const double off = std::abs(estimated.value - seconds) / seconds;
    worst = std::max(worst, off);
    const bool same = off <= 1e-9 && peak == exact.peak;
    if (!same) {
      ++wrong;
      fmt::print("  differs: {}: {:.9g} s and {:.9g} s, {} and {} bytes\n", tuner::describe(job.plan),
                 estimated.value, seconds, peak.value, exact.peak.value);
    }
    verdicts += static_cast<double>(exact.peak.value) <= job.cluster.groups.front().node.memory_bytes_per_gpu
                    ? 1U
                    : 0U;
    ++checked;
    if (checked % 50 == 0) fmt::print(stderr, "\r{} of {} checked", checked, count);
  }
  fmt::print(stderr, "\n");
  fmt::print(
      "{} drawn plans lowered ({} longer ones passed over): {} differ; step times by {:.1e} at most, peaks "
      "by "
      "nothing; {} fit into memory\n",
      checked, long_ones, wrong, worst, verdicts);
  return wrong == 0;
}

std::size_t number(std::string_view text) {
  std::size_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--overlap")
      options.overlap = true;
    else if (word == "--precisions")
      options.precisions = true;
    else if (word == "--attention")
      options.attention = true;
    else if (word == "--schedules")
      options.schedules = true;
    else if (word == "--layers")
      options.layers = true;
    else if (word == "--parts")
      options.parts = true;
    else if (word == "--check" && i + 1 < argc)
      options.check = number(argv[++i]);
    else if (word == "--only" && i + 1 < argc)
      options.only = number(argv[++i]);
    else if (word == "--threads" && i + 1 < argc)
      options.threads = std::max<std::size_t>(1, number(argv[++i]));
    else
      options.job = word;
  }
  if (options.job.empty()) {
    fmt::print(stderr,
               "bench_tuner JOB [--overlap] [--precisions] [--attention] [--schedules] [--layers] [--parts] "
               "[--check PLANS] [--only PLANS] [--threads N]\n");
    return 2;
  }
  const workload::Job base = workload::read_job(options.job);
  const tuner::Space space = space_of(base, options);
  std::vector<workload::Plan> plans = shuffled_plans(space);
  if (options.only > 0 && plans.size() > options.only) plans.resize(options.only);
  if (options.layers) redistribute(plans, base.model.layers);
  if (options.parts) time_parts(base, plans, options.threads);
  const std::vector<tuner::Verdict> judged = judge(space, plans, options.threads);
  return options.check == 0 || check(base, plans, judged, options.check) ? 0 : 1;
}
