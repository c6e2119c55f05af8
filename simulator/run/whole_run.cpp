// What a job leaves out is filled in with what others have published, and listed; then the closed form, hours and prices.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "simulator/program/program.h"
#include "simulator/run/power.h"
#include "simulator/run/published.h"
#include "simulator/run/run.h"

namespace ds::run {
namespace {

using workload::Assumption;

/// A day's work would take three thousand years: nobody asks for its hours and prices.
constexpr double kHopeless = 1e-6;

double real(std::int64_t n) { return static_cast<double>(n); }

/// Bytes that a save copies to the host. States that live there already are not copied.
Bytes state_of(const program::Program& program, const program::RankClass& ranks) {
  Bytes sum{};
  for (const program::Buffer& buffer : program.buffers_of(ranks))
    if (buffer.tier == program::Tier::device &&
        (buffer.part == program::Part::weights || buffer.part == program::Part::optimizer))
      sum += buffer.size.bound * buffer.copies;
  return sum;
}

/// Fills in what the job leaves out.
class Defaults {
 public:
  explicit Defaults(std::vector<Assumption>& list) : list_(list) {}
  double given_or(const std::optional<double>& given, std::string_view key, double otherwise,
                  const std::string& why) {
    if (given) return *given;
    note(key, fmt::format("{:.6g}", otherwise), why);
    return otherwise;
  }
  void note(std::string_view key, std::string value, std::string why) {
    list_.push_back({fmt::format("simulate.failures.{}", key), std::move(value), std::move(why)});
  }

 private:
  std::vector<Assumption>& list_;
};

/// Of the job's nodes; `low` and `high` are the same where it says its own.
Band rates_of(const workload::Failures& asked, const workload::Node& node, Defaults& defaults) {
  if (asked.per_node_day) return {*asked.per_node_day, *asked.per_node_day, *asked.per_node_day};
  const PublishedFailures& published = published_failures();
  const double size = real(node.gpus_per_node) / published.gpus_per_node;
  const Rate& rate = published.per_node_day;
  defaults.note("per_node_day", fmt::format("{:.6g}", rate.typical * size),
                fmt::format("published are {:.6g} to {:.6g} for nodes of {} GPUs{}: {}", rate.low, rate.high,
                            published.gpus_per_node,
                            size == 1 ? "" : fmt::format(", here {:.6g} times as many", size), rate.source));
  return {rate.low * size, rate.typical * size, rate.high * size};
}

Saving saving_of(const workload::Failures& asked, const workload::Node& node, const StepFacts& step,
                 Defaults& defaults) {
  const double link = workload::host_link_bytes_per_s(node);
  const double copy = link > 0 ? real(step.state.value) / link : 0;
  Saving saving{
      .write = {defaults.given_or(
          asked.checkpoint_write_s, "checkpoint_write_s", copy,
          fmt::format("a rank's weights and states of the optimizer, {:.3g} GB, to its host at {:.3g} "
                      "GB/s; trainers write to storage beside the next steps",
                      real(step.state.value) / 1e9, link / 1e9))},
      .interval = std::nullopt};
  if (asked.checkpoint_interval_s) saving.interval = Seconds{*asked.checkpoint_interval_s};
  if (!asked.checkpoint_interval_s && !asked.checkpoint_optimum)
    defaults.note("checkpoint_interval_s", "optimum", "default; at least a step");
  return saving;
}

/// The closed form, at the typical rate and at both ends of what is published.
void suffer(WholeRun& run, const workload::Failures& asked, const workload::Job& job, const StepFacts& step) {
  const workload::NodeGroup& group = job.cluster.groups.front();
  Defaults defaults(run.assumptions);
  const Band rates = rates_of(asked, group.node, defaults);
  const double of_job = defaults.given_or(asked.job_failures_per_day, "job_failures_per_day", 0,
                                          "default: nothing but nodes fails");
  const double detection = defaults.given_or(asked.detection_s, "detection_s", 0,
                                             asked.restart_s ? "default" : "default: restart_s has it in it");
  const Figure& published = published_failures().restart_s;
  const double restart = defaults.given_or(asked.restart_s, "restart_s", published.value, published.source);
  Saving saving = saving_of(asked, group.node, step, defaults);
  Failures failures{.between = {},
                    .restart = {detection + restart},
                    .restart_can_fail = asked.restart_can_fail,
                    .saving = {}};
  // Nobody saves in the middle of a step, however little a save costs.
  const bool best = !saving.interval;
  const auto at = [&](double rate) {
    failures.between = between_failures(real(group.nodes), rate, of_job);
    if (best) saving.interval = std::max(best_interval(failures.between, saving.write), step.time);
    failures.saving = saving;
    return goodput(failures);
  };
  run.goodput = {.low = at(rates.high), .typical = 0, .high = at(rates.low)};
  run.goodput.typical = at(rates.typical);
  run.goodput_is_band = !asked.per_node_day;
  run.stops = Stops{.failures = failures,
                    .write = saving.write,
                    .interval = saving.interval.value_or(Seconds{}),
                    .shares = shares(failures)};
}

/// Hours of every GPU, and what they and their energy cost.
Length priced(WholeRun& run, const workload::Job& job, const StepFacts& step, Seconds useful, Seconds wall) {
  const workload::NodeGroup& group = job.cluster.groups.front();
  const double spare = real(job.simulate.failures.value_or(workload::Failures{}).spare_nodes);
  const double gpus = real(job.cluster.ranks()) + spare * real(group.node.gpus_per_node);
  Length length{.wall = wall, .useful = useful, .gpu_hours = wall.value / kSecondsPerHour * gpus};
  if (const auto power = power_of(group.node)) {
    const double pue = job.prices.pue.value_or(1);
    if (!job.prices.pue)
      run.assumptions.push_back({"prices.pue", "1", "default: energy of nodes alone, without cooling"});
    run.assumptions.push_back(
        {"run.power",
         fmt::format("{:.4g} W a node at work, {:.4g} W waiting", power->at_work_w, power->waiting_w),
         fmt::format("{}; {}",
                     group.node.max_node_w > 0 ? "max_node_w" : published_power().rated_of_gpus.source,
                     published_power().at_work_of_rated.source)});
    const Duty duty{.nodes = real(group.nodes),
                    .spare_nodes = spare,
                    .shares = run.stops ? run.stops->shares : Shares{.useful = 1},
                    .busy = step.busy};
    length.energy_kwh = energy_kwh(*power, duty, wall, pue);
  }
  if (job.prices.gpu_hour_usd) length.gpus_usd = length.gpu_hours * *job.prices.gpu_hour_usd;
  if (job.prices.kwh_usd && length.energy_kwh) length.energy_usd = *length.energy_kwh * *job.prices.kwh_usd;
  if (length.gpus_usd || length.energy_usd)
    length.cost_usd = length.gpus_usd.value_or(0) + length.energy_usd.value_or(0);
  if (run.stops) length.failures = failures_in(run.stops->failures, wall);
  return length;
}

StepFacts step_facts(const program::Program& program, const program::StepSummary& summary,
                     double tokens_per_s) {
  StepFacts facts{.time = summary.step_time,
                  .tokens_per_s = tokens_per_s,
                  .busy = std::clamp(summary.busy / summary.step_time, 0.0, 1.0),
                  .state = {}};
  for (const program::RankClass& ranks : program.classes)
    facts.state = std::max(facts.state, state_of(program, ranks));
  return facts;
}

bool asks_for_a_run(const workload::Job& job) { return job.train.tokens || job.simulate.failures; }

}  // namespace

std::optional<WholeRun> whole_run(const workload::Job& job, const StepFacts& step) {
  if (!asks_for_a_run(job)) return std::nullopt;
  WholeRun run;
  if (const auto& asked = job.simulate.failures)
    suffer(run, *asked, job, step);
  else
    run.assumptions.push_back(
        {"simulate.failures", "none", "default: nothing stops the run, so goodput is 1"});
  run.never_ends = run.goodput.typical < kHopeless;
  if (!job.train.tokens || run.never_ends) return run;
  const Seconds useful{*job.train.tokens / step.tokens_per_s};
  const Seconds wall = run.stops ? elapsed(run.stops->failures, useful).value_or(useful) : useful;
  run.length = priced(run, job, step, useful, wall);
  return run;
}

std::optional<WholeRun> whole_run(const workload::Job& job, const program::Program& program,
                                  const program::StepSummary& summary, double tokens_per_s) {
  if (!asks_for_a_run(job)) return std::nullopt;  // most jobs do not, and their buffers need not be looked at
  return whole_run(job, step_facts(program, summary, tokens_per_s));
}

}  // namespace ds::run
