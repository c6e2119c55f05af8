// Reads profiles/failures.json and profiles/power.json.
#include "simulator/run/published.h"

#include "simulator/base/json.h"
#include "simulator/workload/presets.h"

namespace ds::run {
namespace {

Figure figure(const Cursor& at, std::string_view key) {
  at.only({key, "source"});
  return {at.member(key).positive(), at.member("source").text()};
}

Rate rate(const Cursor& at) {
  at.only({"low", "typical", "high", "source"});
  const double low = at.member("low").positive();
  const double typical = at.member("typical").real(low);
  return {low, typical, at.member("high").real(typical), at.member("source").text()};
}

PublishedFailures read_failures() {
  const Document document = read_document(workload::profiles_directory() / "failures.json");
  const Cursor root = document.root();
  root.only({"about", "gpus_per_node", "per_node_day", "restart_s"});
  return {.gpus_per_node = root.member("gpus_per_node").positive(),
          .per_node_day = rate(root.member("per_node_day")),
          .restart_s = figure(root.member("restart_s"), "typical")};
}

PublishedPower read_power() {
  const Document document = read_document(workload::profiles_directory() / "power.json");
  const Cursor root = document.root();
  root.only({"about", "at_work_of_rated", "rated_of_gpus", "idle_of_tdp"});
  return {.at_work_of_rated = figure(root.member("at_work_of_rated"), "value"),
          .rated_of_gpus = figure(root.member("rated_of_gpus"), "value"),
          .idle_of_tdp = figure(root.member("idle_of_tdp"), "value")};
}

}  // namespace

const PublishedFailures& published_failures() {
  static const PublishedFailures read = read_failures();
  return read;
}

const PublishedPower& published_power() {
  static const PublishedPower read = read_power();
  return read;
}

}  // namespace ds::run
