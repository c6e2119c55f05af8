// The JSON report of a prediction, section by section.
#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "simulator/memory/live_bytes.h"
#include "simulator/report/report.h"
#include "simulator/run/run.h"
#include "simulator/workload/workload.h"

namespace ds::report {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kSchema = "ds-report-1";

Json assumptions_json(const Predicted& p, const std::optional<run::WholeRun>& run) {
  Json list = Json::array();
  const std::vector<workload::Assumption> of_run =
      run ? run->assumptions : std::vector<workload::Assumption>();
  for (const auto* source : {&p.job.assumptions, &of_run, &p.assumptions})
    for (const workload::Assumption& a : *source)
      list.push_back({{"path", a.path}, {"value", a.value}, {"why", a.why}});
  list.push_back({{"path", "report.flops"},
                  {"value", "Megatron-LM formula"},
                  {"why",
                   "products of weights and attention, causality not subtracted, backward twice forward; mfu "
                   "and hfu count the causal triangle"}});
  list.push_back(
      {{"path", "report.peak"}, {"value", std::to_string(p.peak_per_rank.value)}, {"why", p.peak_source}});
  return list;
}

/// By stage its class that needs most.
Json stages_json(const Predicted& p) {
  std::map<std::int32_t, const memory::Parts*> by_stage;
  for (std::size_t c = 0; c < p.memory.size(); ++c) {
    const memory::Parts*& most =
        by_stage[p.program.grid.coordinate(program::Axis::pp, p.program.classes[c].first)];
    if (most == nullptr || most->total() < p.memory[c].total()) most = &p.memory[c];
  }
  Json list = Json::array();
  for (const auto& [stage, parts] : by_stage) list.push_back(to_json(*parts));
  return list;
}

Json memory_json(const Predicted& p) {
  const double capacity = p.job.cluster.groups.front().node.memory_bytes_per_gpu;
  const auto peak = p.peak.value;
  Json json = {{"peak_bytes", peak},
               {"capacity_bytes", static_cast<std::int64_t>(capacity)},
               {"fits", static_cast<double>(peak) <= capacity},
               {"per_stage", stages_json(p)}};
  if (const Bytes host = memory::most_host_bytes(p.program); host.value > 0)
    json["host_bytes_per_rank"] = host.value;
  return json;
}

Json classes_json(const Predicted& p) {
  Json list = Json::array();
  for (const program::ClassTime& c : p.summary.classes)
    list.push_back({{"class", c.name}, {"count", c.count}, {"predicted_s", c.seconds.value}});
  return list;
}

/// What is infinite, such as the time between failures where there are none, is left out.
void add(Json& json, const char* key, const std::optional<double>& value) {
  if (value && std::isfinite(*value)) json[key] = *value;
}

void add_stops(Json& json, const run::Stops& stops) {
  add(json, "mean_time_to_failure_s", stops.failures.between.value);
  json["restart_s"] = stops.failures.restart.value;
  json["checkpoint_write_s"] = stops.write.value;
  add(json, "checkpoint_interval_s", stops.interval.value);
  add(json, "lost_per_failure_s", run::lost_per_failure(stops.failures).value);
  const run::Shares& s = stops.shares;
  json["time_shares"] = {
      {"useful", s.useful}, {"again", s.again}, {"saving", s.saving}, {"restarting", s.restarting}};
}

Json whole_run_json(const run::WholeRun& run) {
  Json json = Json::object();
  if (const auto& length = run.length) {
    json["days"] = length->wall.value / run::kSecondsPerDay;
    json["useful_days"] = length->useful.value / run::kSecondsPerDay;
    json["gpu_hours"] = length->gpu_hours;
  }
  json["goodput"] = run.goodput.typical;
  if (run.goodput_is_band) json["goodput_interval"] = {run.goodput.low, run.goodput.high};
  if (const auto& length = run.length) {
    add(json, "energy_kwh", length->energy_kwh);
    add(json, "cost_usd", length->cost_usd);
    add(json, "gpus_usd", length->gpus_usd);
    add(json, "energy_usd", length->energy_usd);
    add(json, "failures", length->failures);
  }
  if (run.stops) add_stops(json, *run.stops);
  return json;
}

}  // namespace

Json to_json(const Provenance& p) {
  Json json = {{"program", p.program}, {"version", p.version}, {"commit", p.commit}, {"command", p.command}};
  if (!p.profile.empty()) json["profile"] = p.profile, json["profile_hash"] = p.profile_hash;
  json["seed"] = p.seed;
  return json;
}

Json to_json(const program::TimeParts& t) {
  return {{"compute", t.compute.value}, {"tp_comm", t.tp_comm.value},     {"cp_comm", t.cp_comm.value},
          {"ep_comm", t.ep_comm.value}, {"pp_comm", t.pp_comm.value},     {"pp_bubble", t.pp_bubble.value},
          {"dp_comm", t.dp_comm.value}, {"optimizer", t.optimizer.value}, {"host", t.host.value},
          {"other", t.other.value}};
}

Json to_json(const memory::Parts& m) {
  return {{"weights", m.weights.value},     {"gradients", m.gradients.value},
          {"optimizer", m.optimizer.value}, {"activations", m.activations.value},
          {"buffers", m.buffers.value},     {"other", m.other.value}};
}

Json run_report(const Predicted& p, const Provenance& provenance) {
  const Rates r = rates(p.job, p.summary.step_time, p.peak_per_rank);
  const std::optional<run::WholeRun> whole = run::whole_run(p.job, p.program, p.summary, r.tokens_per_s);
  const double step = p.summary.step_time.value;
  const program::TimeParts& t = p.summary.parts;
  const Seconds communication = t.tp_comm + t.cp_comm + t.ep_comm + t.pp_comm + t.dp_comm;
  Json json = {{"schema", kSchema},
               {"provenance", to_json(provenance)},
               {"depth", p.depth},
               {"step_time_s", step},
               {"step_time_interval_s",
                {step * std::max(0.0, 1 - kInterval * p.sigma), step * (1 + kInterval * p.sigma)}},
               {"tokens_per_s", r.tokens_per_s},
               {"tokens_per_s_per_gpu", r.tokens_per_s_per_gpu},
               {"tflops_per_gpu", r.tflops_per_gpu},
               {"mfu", r.mfu},
               {"hfu", r.hfu},
               {"time_s", to_json(t)},
               {"comm_share", communication.value / step},
               {"classes", classes_json(p)},
               {"model",
                {{"parameters", workload::parameters(p.job.model, p.job.train.sequence_length)},
                 {"active_parameters", workload::active_parameters(p.job.model, p.job.train.sequence_length)},
                 {"flops_per_token", r.flops_per_token}}},
               {"memory", memory_json(p)},
               {"network", Json::object()},
               {"assumptions", assumptions_json(p, whole)}};
  if (const auto& e = p.evidence)
    json["evidence"] = {{"on", e->on},
                        {"like", e->like},
                        {"runs", e->runs},
                        {"ranks", {e->fewest_ranks, e->most_ranks}},
                        {"mean_error", e->mean_error},
                        {"measured_there", e->measured_there}};
  for (const workload::Warning& one : workload::trainer_warnings(p.job))
    json["warnings"].push_back({{"path", one.path}, {"text", one.text}});
  if (whole) json["run"] = whole_run_json(*whole);
  return json;
}

}  // namespace ds::report
