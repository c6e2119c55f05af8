// What `ds-sim validate` found, as JSON.
#include <nlohmann/json.hpp>

#include "cli/validation/validation.h"

namespace ds::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kSchema = "ds-validation-1";

Json to_json(const Score& s) {
  Json json = {{"mean", s.mean}, {"median", s.median}, {"p95", s.p95}, {"max", s.max}, {"count", s.count}};
  if (s.noise) json["noise"] = *s.noise;
  if (s.inside_interval) json["inside_interval"] = *s.inside_interval;
  if (s.mean_over_sets) json["mean_over_sets"] = *s.mean_over_sets;
  return json;
}

Json to_json(const std::map<std::string, Score>& scores) {
  Json json = Json::object();
  for (const auto& [name, s] : scores) json[name] = to_json(s);
  return json;
}

Json to_json(const Row& row) {
  Json json = {{"id", row.id}, {"set", row.set}};
  if (!row.trust.empty()) json["trust"] = row.trust;
  json["metric"] = row.metric;
  if (row.measured) json["measured"] = *row.measured;
  if (row.measured && row.metric == "fits") json["measured"] = *row.measured != 0;
  if (row.predicted) json["predicted"] = *row.predicted;
  if (row.predicted && row.metric == "fits") json["predicted"] = *row.predicted != 0;
  if (row.parts) json["measured"] = row.parts->measured, json["predicted"] = row.parts->predicted;
  if (row.low && row.high) json["low"] = *row.low, json["high"] = *row.high;
  if (row.error) json["error"] = *row.error;
  if (!row.tolerance.empty()) json["tolerance"] = row.tolerance;
  if (row.noise) json["noise"] = *row.noise;
  if (row.kind)
    json["kind"] = {{"node", row.kind->node},       {"gpu", row.kind->gpu},
                    {"arch", row.kind->arch},       {"bits", row.kind->bits},
                    {"experts", row.kind->experts}, {"context", row.kind->context},
                    {"sharded", row.kind->sharded}, {"ranks", row.kind->ranks}};
  if (row.context) json["context"] = true;
  if (row.known_miss) json["known_miss"] = true;
  json["failed"] = row.failed;
  if (!row.message.empty()) json["message"] = row.message;
  return json;
}

Json to_json(const Summary& summary) {
  Json json = Json::object();
  for (const auto& [metric, m] : summary.metrics)
    json[metric] = {
        {"all", to_json(m.all)}, {"by_set", to_json(m.by_set)}, {"by_trust", to_json(m.by_trust)}};
  json["failed"] = summary.failed;
  return json;
}

}  // namespace

std::string validation_report(const std::vector<Row>& rows, const std::string& fitted,
                              const report::Provenance& provenance) {
  Json json = {{"schema", kSchema},
               {"provenance", report::to_json(provenance)},
               {"fitted", fitted},
               {"cases", Json::array()},
               {"summary", to_json(summarise(rows))}};
  for (const Row& row : rows) json["cases"].push_back(to_json(row));
  return json.dump(1) + "\n";
}

}  // namespace ds::cli
