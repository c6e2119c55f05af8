// Many predictions as JSON: comparisons and sweeps.
#include <nlohmann/json.hpp>

#include "cli/ds_sim/side_by_side.h"
#include "cli/ds_sim/sweep.h"

namespace ds::cli {
namespace {

using Json = nlohmann::ordered_json;

Json to_json(const Figures& f) {
  Json json = Json::object();
  for (const Metric& metric : metrics())
    if (const auto value = metric.of(f); value && metric.name != "peak_bytes")
      json[std::string(metric.name)] = *value;
  json["step_time_interval_s"] = {f.step_time.value * std::max(0.0, 1 - report::kInterval * f.sigma),
                                  f.step_time.value * (1 + report::kInterval * f.sigma)};
  json["time_s"] = report::to_json(f.time);
  json["memory"] = {{"peak_bytes", f.peak.value},
                    {"capacity_bytes", f.capacity.value},
                    {"fits", f.fits()},
                    {"at_peak", report::to_json(f.memory)}};
  return json;
}

/// Figures, or a fault.
void add_answer(Json& json, const Outcome& outcome) {
  if (outcome.figures) json.update(to_json(*outcome.figures));
  if (!outcome.fault.empty()) json["fault"] = outcome.fault;
}

Json value_of(const std::string& text) { return text.empty() ? Json() : Json::parse(text); }

/// What the second has more than the first, key by key.
Json change_json(const Figures& from, const Figures& to) {
  Json parts = Json::object();
  const auto before = parts_of(from.time), after = parts_of(to.time);
  for (std::size_t i = 0; i < before.size(); ++i)
    parts[std::string(before[i].key)] = (after[i].value - before[i].value).value;
  return {{"step_time_s", (to.step_time - from.step_time).value},
          {"time_s", parts},
          {"peak_bytes", to.peak.value - from.peak.value}};
}

}  // namespace

std::string comparison_report(const std::vector<Outcome>& outcomes, const std::vector<Difference>& differing,
                              const report::Provenance& origin) {
  Json json = {{"schema", "ds-comparison-1"},
               {"provenance", report::to_json(origin)},
               {"jobs", Json::array()},
               {"differences", Json::array()}};
  for (const Outcome& outcome : outcomes) {
    Json& one = json["jobs"].emplace_back(Json{{"job", outcome.name}});
    add_answer(one, outcome);
  }
  for (const Difference& difference : differing) {
    Json& one = json["differences"].emplace_back(Json{{"path", difference.path}, {"values", Json::array()}});
    for (const std::string& value : difference.values) one["values"].push_back(value_of(value));
  }
  const auto &first = outcomes.front().figures, &last = outcomes.back().figures;
  if (outcomes.size() == 2 && first && last) json["change"] = change_json(*first, *last);
  return json.dump(1) + "\n";
}

std::string sweep_report(const Sweep& sweep, const report::Provenance& origin) {
  Json json = {{"schema", "ds-sweep-1"},
               {"provenance", report::to_json(origin)},
               {"over", Json::array()},
               {"complete", sweep.complete()},
               {"points", Json::array()}};
  for (const Axis& axis : sweep.axes) {
    Json& one = json["over"].emplace_back(Json{{"path", axis.path}, {"values", Json::array()}});
    for (const std::string& value : axis.json) one["values"].push_back(value_of(value));
  }
  for (std::size_t i = 0; i < sweep.outcomes.size(); ++i) {
    if (!sweep.reached(i)) continue;
    Json& one = json["points"].emplace_back(Json{{"at", Json::object()}});
    for (std::size_t a = 0; a < sweep.axes.size(); ++a)
      one["at"][sweep.axes[a].path] = value_of(sweep.axes[a].json[sweep.place(i, a)]);
    add_answer(one, sweep.outcomes[i]);
  }
  return json.dump(1) + "\n";
}

}  // namespace ds::cli
