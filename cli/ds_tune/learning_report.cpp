// Records of training and comparisons of methods, as JSON.
#include <cmath>
#include <nlohmann/json.hpp>

#include "cli/ds_tune/learning.h"
#include "tuner/policy/features.h"

namespace ds::cli {
namespace {

using Json = nlohmann::ordered_json;

Json score(const tuner::Network::Score& one) {
  return {{"error", one.error}, {"regret_after_1", one.first}, {"regret_after_10", one.tenth}};
}
Json scores(const TrainingRecord::Scores& both) {
  return {{"train", score(both.train)}, {"held_out", score(both.held_out)}};
}
Json curve(const std::vector<TrainingRecord::Point>& points) {
  Json list = Json::array();
  for (const auto& point : points) list.push_back({point.share, point.figure});
  return list;
}

}  // namespace

std::string training_record(const TrainingRecord& record, const report::Provenance& origin) {
  const Json json = {{"schema", "ds-tune-training-1"},
                     {"provenance", report::to_json(origin)},
                     {"seed", record.seed},
                     {"lessons", record.lessons},
                     {"plans", record.plans},
                     {"features", tuner::feature_names()},
                     {"imitation", curve(record.imitation)},
                     {"imitated", scores(record.imitated)},
                     {"reinforcement", curve(record.reinforcement)},
                     {"reinforced", scores(record.reinforced)}};
  return json.dump(1) + "\n";
}

std::string comparison_report(const Comparison& comparison, const report::Provenance& origin) {
  Json json = {
      {"schema", "ds-tune-bench-1"}, {"provenance", report::to_json(origin)}, {"seeds", comparison.seeds}};
  json["instances"] = Json::array();
  for (std::size_t i = 0; i < comparison.instances.size(); ++i) {
    const double best = comparison.best_known[i];
    json["instances"].push_back(
        {{"name", comparison.instances[i]}, {"best_known_s", std::isinf(best) ? Json() : Json(best)}});
  }
  json["methods"] = Json::array();
  for (const Comparison::Row& row : comparison.rows) {
    Json one = {{"name", row.name},
                {"parameters", row.parameters},
                {"seconds", row.seconds},
                {"regret", Json::object()}};
    for (std::size_t l = 0; l < row.looks.size(); ++l) {
      const Comparison::Look& look = row.looks[l];
      one["regret"][std::to_string(comparison.looks[l])] = {{"mean", look.regret.mean},
                                                            {"low", look.regret.low},
                                                            {"high", look.regret.high},
                                                            {"p90", look.nine_in_ten},
                                                            {"by_instance", look.by_instance}};
    }
    json["methods"].push_back(std::move(one));
  }
  return json.dump(1) + "\n";
}

}  // namespace ds::cli
