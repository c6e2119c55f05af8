// What `ds-tune search` found, as JSON.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/ds_tune/commands.h"

namespace ds::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kSchema = "ds-tune-report-1";

/// Keys of the default space are written whether they varied or not; the rest stands in the job or is its default.
bool is_written(const workload::PlanKey& key, const tuner::Space& space) {
  return key.in_default_space() ||
         std::ranges::any_of(space.dimensions(), [&](const tuner::Dimension& d) { return d.key == &key; });
}

/// A relative path is relative to the folder of the job that names it, and this job goes somewhere else.
void anchor(nlohmann::json& value, const std::filesystem::path& folder, bool may_be_a_preset) {
  if (!value.is_string()) return;
  const std::string text = value;
  if (may_be_a_preset && text.find('/') == std::string::npos && !text.ends_with(".json")) return;
  value = std::filesystem::absolute(folder / text).lexically_normal().string();
}

void anchor_paths(nlohmann::json& job, const std::filesystem::path& folder) {
  anchor(job["model"], folder, true);
  if (job["cluster"].contains("node")) anchor(job["cluster"]["node"], folder, true);
  if (!job.contains("execute")) return;
  nlohmann::json& execute = job["execute"];
  if (execute.contains("data")) anchor(execute["data"], folder, false);
  if (execute.contains("checkpoint")) anchor(execute["checkpoint"]["directory"], folder, false);
}

nlohmann::json job_with(const workload::Plan& plan, const SearchAnswer& answer) {
  auto value = std::make_unique<nlohmann::json>(answer.job.value());
  anchor_paths(*value, std::filesystem::path(answer.job.file()).parent_path());
  if (value->contains("plan"))
    for (const workload::PlanKey& key : workload::plan_keys())
      if (!key.search && key.otherwise.always_taken != nullptr)
        (*value)["plan"].erase(std::string(key.name));  // it follows from the others
  Document document(std::move(value), answer.job.file());
  for (const workload::PlanKey* key : workload::varied_plan_keys())
    if (is_written(*key, answer.space))
      apply_override(document, fmt::format("plan.{}={}", key->name, key->value.spell(key->value.get(plan))));
  return document.value();
}

Json plan_json(const Judged& one, const tuner::Space& space) {
  Json json = {{"plan", tuner::describe(one.plan, space)}, {"step_time_s", one.verdict.step_time.value}};
  if (one.event) {
    json["event_step_time_s"] = one.event->step_time.value;
    json["sigma"] = one.event->sigma;
  }
  json["objectives"] = {{"step_time_s", one.verdict.step_time.value}, {"peak_bytes", one.verdict.peak.value}};
  return json;
}

Json with_job(const Judged& one, const SearchAnswer& answer) {
  Json json = plan_json(one, answer.space);
  json["job"] = job_with(one.plan, answer);
  return json;
}

Json with_jobs(const std::vector<Judged>& all, const SearchAnswer& answer) {
  Json list = Json::array();
  for (const Judged& one : all) list.push_back(with_job(one, answer));
  return list;
}

Json baseline_json(const SearchAnswer& answer) {
  if (!answer.baseline) return {{"fault", answer.baseline_fault}};
  Json json = plan_json(*answer.baseline, answer.space);
  json["fits"] = answer.baseline->verdict.fits;
  json["in_space"] = answer.baseline_in_space;
  return json;
}

/// A search that has not seen the whole space knows nothing of what it has not seen: any step takes more than 0.
Json proof_json(const SearchAnswer& answer) {
  const bool optimal = answer.found.optimal();
  Json json = {{"optimal", optimal}, {"objective", "step_time_s at analytic depth"}};
  if (answer.top.empty()) return json;
  json["lower_bound_s"] = optimal ? answer.top.front().verdict.step_time.value : 0.0;
  json["gap"] = optimal ? 0.0 : 1.0;
  json["front_is_whole"] = answer.found.front_is_whole;
  return json;
}

std::string_view word(tuner::End end) {
  return std::ranges::find(tuner::kEnds, end, &Named<tuner::End>::value)->name;
}

Json ranking_json(const SearchAnswer& answer) {
  Json list = Json::array();
  for (const tuner::RankingHolds& holds : answer.ranking)
    list.push_back({{"off", holds.off},
                    {"stays_best", holds.stays_best},
                    {"mean_regret", holds.mean_regret},
                    {"p95_regret", holds.p95_regret},
                    {"is_best", holds.is_best}});
  return list;
}

Json dimensions_json(const tuner::Space& space) {
  Json json = Json::object();
  for (const tuner::Dimension& dimension : space.dimensions()) {
    Json& values = json[std::string(dimension.key->name)] = Json::array();
    for (const std::int64_t value : dimension.values) values.push_back(dimension.key->value.spell(value));
  }
  return json;
}

}  // namespace

std::string job_text(const workload::Plan& plan, const SearchAnswer& answer) {
  return job_with(plan, answer).dump(1) + "\n";
}

std::string text_of(const report::Provenance& origin) { return report::to_json(origin).dump(); }

std::string search_report(const SearchAnswer& answer, const report::Provenance& origin) {
  const tuner::Found& found = answer.found;
  Json json = {{"schema", kSchema}, {"provenance", report::to_json(origin)}};
  json["best"] = answer.top.empty() ? Json() : with_job(answer.top.front(), answer);
  json["top"] = with_jobs(answer.top, answer);
  json["front"] = with_jobs(answer.front, answer);
  json["baseline"] = baseline_json(answer);
  json["method"] = answer.method;
  json["space"] = dimensions_json(answer.space);
  json["space_size"] = answer.space.size();
  json["evaluations"] = found.evaluations;
  json["pruned"] = {
      {"memory", found.pruned.memory}, {"bound", found.pruned.bound}, {"rule", found.pruned.rule}};
  json["rules"] = Json::object();
  for (const auto& [words, count] : counted_by_words(found)) json["rules"][std::string(words)] = count;
  json["memory_margin"] = answer.memory_margin;
  if (found.nearest) json["nearest"] = {{"peak_bytes", found.nearest->verdict.peak.value}};
  json["end"] = word(found.end);
  json["proof"] = proof_json(answer);
  json["ranking"] = ranking_json(answer);
  json["history"] = Json::array();
  for (const tuner::Improvement& i : found.history)
    json["history"].push_back(
        {{"evaluations", i.evaluations}, {"seconds", i.after.value}, {"step_time_s", i.step_time.value}});
  json["seed"] = answer.space.base().seed;
  return json.dump(1) + "\n";
}

}  // namespace ds::cli
