// A collective over links as JSON.
#include <nlohmann/json.hpp>

#include "cli/ds_sim/collective.h"

namespace ds::cli {
namespace {

using Json = nlohmann::ordered_json;

void add_rates(Json& json, const links::Explained& e) {
  json["time_s"] = e.time.value;
  if (e.algorithm_bytes_per_s) json["algorithm_bytes_per_s"] = *e.algorithm_bytes_per_s;
  if (e.bus_bytes_per_s) json["bus_bytes_per_s"] = *e.bus_bytes_per_s;
}

Json to_json(const links::LinkLoad& load) {
  return {{"links", load.what},
          {"bytes", load.bytes},
          {"busiest_bytes", load.busiest_bytes},
          {"bytes_per_s", load.bytes_per_s},
          {"time_s", load.time.value},
          {"steps", load.steps},
          {"busy", load.busy()}};
}

}  // namespace

std::string collective_report(const links::Spec& spec, const links::Explained& explained,
                              const std::vector<SizedTime>& sweep, const report::Provenance& origin) {
  Json json = {{"schema", "ds-collective-1"},
               {"provenance", report::to_json(origin)},
               {"collective", links::spelling(spec.what)},
               {"bytes", spec.bytes},
               {"algorithm", Json::array()},
               {"rings", spec.rings},
               {"ranks", explained.ranks},
               {"steps", explained.steps}};
  for (const links::Algorithm algorithm : spec.algorithms)
    json["algorithm"].push_back(links::name_of(algorithm));
  add_rates(json, explained);
  json["without_latency_s"] = explained.bare.value;
  json["bound"] = bound_of(explained);
  json["links"] = Json::array();
  for (const links::LinkLoad& load : explained.loads) json["links"].push_back(to_json(load));
  for (const SizedTime& one : sweep) {
    Json& row = json["sweep"].emplace_back(Json{{"bytes", one.bytes}});
    add_rates(row, one.explained);
  }
  return json.dump(1) + "\n";
}

}  // namespace ds::cli
