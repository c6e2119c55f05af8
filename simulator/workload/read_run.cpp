// Everything of a job that is neither model nor cluster nor plan: training, simulation, prices, execution, tuning.

#include <fmt/format.h>

#include "simulator/workload/limits.h"
#include "simulator/workload/reader.h"
#include "simulator/workload/spellings.h"

namespace ds::workload {
namespace {

/// A share of something: 0 to 1.
double share(const Cursor& at) { return at.real(0, 1); }

/// A number below 1, as the decay rates of Adam.
double below_one(const Cursor& at) {
  const double x = at.real(0);
  if (x >= 1) at.fail_value("below 1");
  return x;
}

double non_negative(const Cursor& at) { return at.real(0); }

using Reading = double (*)(const Cursor&);

struct Policy {
  std::string_view key;
  double HyperParameters::* value;
  Reading read;
};

/// Names as in Megatron-LM's arguments where it has one.
constexpr Policy kPolicy[] = {
    {"learning_rate", &HyperParameters::base_learning_rate, non_negative},
    {"reference_batch", &HyperParameters::reference_batch, [](const Cursor& at) { return at.positive(); }},
    {"warmup_share", &HyperParameters::warmup_share, share},
    {"final_share", &HyperParameters::final_share, share},
    {"weight_decay", &HyperParameters::weight_decay, non_negative},
    {"adam_beta1", &HyperParameters::beta1, below_one},
    {"adam_beta2", &HyperParameters::beta2, below_one},
    {"adam_eps", &HyperParameters::epsilon, [](const Cursor& at) { return at.positive(); }},
    {"clip_grad", &HyperParameters::clip_norm, non_negative},
};

std::optional<double> maybe(const Cursor& at, std::string_view key, const Range& range) {
  const std::optional<Cursor> found = at.find(key);
  return found ? std::optional(found->within(range)) : std::nullopt;
}

Failures read_failures(const Cursor& at, const Defaults& defaults) {
  at.only({"per_node_day", "job_failures_per_day", "detection_s", "restart_s", "restart_can_fail",
           "checkpoint_write_s", "checkpoint_interval_s", "spare_nodes"});
  Failures f;
  f.per_node_day = maybe(at, "per_node_day", kFailures);
  f.job_failures_per_day = maybe(at, "job_failures_per_day", kFailures);
  f.detection_s = maybe(at, "detection_s", kDuration);
  f.restart_s = maybe(at, "restart_s", kDuration);
  f.checkpoint_write_s = maybe(at, "checkpoint_write_s", kDuration);
  if (const auto interval = at.find("checkpoint_interval_s")) {
    if (interval->is_text()) {
      constexpr std::string_view kWords[] = {"optimum"};
      interval->choose(kWords);
      f.checkpoint_optimum = true;
    } else if (interval->is_number()) {
      f.checkpoint_interval_s = interval->positive();
      interval->within(kDuration);
    } else {
      interval->fail_value("seconds or optimum");
    }
  }
  if (const auto fail = at.find("restart_can_fail"))
    f.restart_can_fail = fail->boolean();
  else
    defaults.assume(at.path() + ".restart_can_fail", "false", "default");
  if (const auto spare = at.find("spare_nodes"))
    f.spare_nodes = spare->count(0, kMaxNodes);
  else
    defaults.assume(at.path() + ".spare_nodes", "0", "default");
  return f;
}

}  // namespace

Train read_train(const Cursor& at, const Defaults& defaults) {
  std::vector<std::string_view> keys = {"sequence_length", "global_batch", "tokens"};
  for (const Policy& policy : kPolicy) keys.push_back(policy.key);
  at.only(keys);
  Train train;
  train.sequence_length = at.member("sequence_length").count(1, kMaxSequence);
  train.global_batch = at.member("global_batch").count(1, kMaxGlobalBatch);
  if (const auto tokens = at.find("tokens")) {
    train.tokens = tokens->positive();
    if (*train.tokens > kMaxTokens) tokens->fail_value(fmt::format("at most {}", kMaxTokens));
  }
  for (const Policy& policy : kPolicy) {
    double& value = train.hyper.*policy.value;
    if (const auto found = at.find(policy.key))
      value = policy.read(*found);
    else
      defaults.assume(join_path(at.path(), policy.key), fmt::format("{}", value), "default");
  }
  return train;
}

std::vector<std::pair<std::string_view, double>> policy_of(const HyperParameters& hyper) {
  std::vector<std::pair<std::string_view, double>> policy;
  for (const Policy& one : kPolicy) policy.emplace_back(one.key, hyper.*one.value);
  return policy;
}

Simulate read_simulate(const Cursor& at, const Defaults& defaults) {
  at.only({"depth", "sharing", "stragglers", "failures"});
  Simulate s;
  if (const auto depth = at.find("depth"))
    s.depth = depth->one_of(kDepths);
  else
    defaults.assume("simulate.depth", "event", "default");
  if (const auto sharing = at.find("sharing"))
    s.sharing = sharing->boolean();
  else
    defaults.assume("simulate.sharing", "true", "default");
  if (const auto stragglers = at.find("stragglers")) {
    stragglers->only({"share", "slowdown"});
    s.stragglers_given = true;
    s.stragglers.share = share(stragglers->member("share"));
    s.stragglers.slowdown = stragglers->member("slowdown").within(kFactor);
  }
  if (const auto failures = at.find("failures")) s.failures = read_failures(*failures, defaults);
  return s;
}

Prices read_prices(const Cursor& at) {
  at.only({"gpu_hour_usd", "kwh_usd", "pue"});
  Prices prices{.gpu_hour_usd = maybe(at, "gpu_hour_usd", kPrice),
                .kwh_usd = maybe(at, "kwh_usd", kPrice),
                .pue = std::nullopt};
  if (const auto pue = at.find("pue")) prices.pue = pue->within(kFactor);
  return prices;
}

Execute read_execute(const Cursor& at, const std::filesystem::path& folder) {
  at.only({"data", "steps", "checkpoint"});
  Execute execute;
  if (const auto data = at.find("data")) execute.data = (folder / data->text()).string();
  if (const auto steps = at.find("steps")) execute.steps = steps->count(1, kMaxSteps);
  if (const auto checkpoint = at.find("checkpoint")) {
    checkpoint->only({"directory", "every"});
    execute.checkpoint_directory = (folder / checkpoint->member("directory").text()).string();
    if (const auto every = checkpoint->find("every")) execute.checkpoint_every = every->count(1, kMaxSteps);
  }
  return execute;
}

Tune read_tune(const Cursor& at, const Defaults& defaults) {
  at.only({"objective", "budget"});
  Tune tune;
  if (const auto objective = at.find("objective"))
    tune.objective = kObjectives[objective->choose(kObjectives)];
  else
    defaults.assume("tune.objective", tune.objective, "default");
  tune.budget = maybe(at, "budget", kMeasured);
  return tune;
}

}  // namespace ds::workload
