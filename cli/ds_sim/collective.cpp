// `ds-sim collective`: one collective over links that a file states.
#include "cli/ds_sim/collective.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "cli/ds_sim/commands.h"
#include "cli/session/phases.h"

namespace ds::cli {
namespace {

using terminal::Align;
using terminal::kNeeded;
using terminal::Table;

/// Far beyond what is counted in days.
constexpr double kLongestTime = 1e15, kMostBytes = 9e18;

std::string time_text(Seconds time) {
  return time.value < kLongestTime ? terminal::duration(time) : fmt::format("{:.3g} s", time.value);
}

std::string bytes_text(double bytes) {
  return bytes < kMostBytes ? terminal::bytes(Bytes{std::llround(bytes)}) : fmt::format("{:.3g} B", bytes);
}

std::string rate_text(const std::optional<double>& rate) {
  return rate ? terminal::rate(BytesPerSecond{*rate}) : "-";
}

std::string plural(std::int64_t count, const char* what) {
  return fmt::format("{} {}{}", terminal::exact(count), what, count == 1 ? "" : "s");
}

/// all_reduce of 1.07 GB over 128 ranks: ring
std::string title(const links::Spec& spec) {
  std::vector<std::string_view> names;
  for (const links::Algorithm algorithm : spec.algorithms) names.push_back(links::name_of(algorithm));
  return fmt::format("{} of {} over {}: {}{}\n", links::spelling(spec.what), bytes_text(spec.bytes),
                     plural(spec.ranks(), "rank"), fmt::join(names, ", then "),
                     spec.rings > 1 ? fmt::format(" x {}", spec.rings) : "");
}

std::string links_table(const links::Spec& spec, const links::Explained& e, const terminal::Screen& screen) {
  Table table{.columns = {{"links"},
                          {"", Align::left, 1},
                          {"rate", Align::right, 3},
                          {"time", Align::right, kNeeded},
                          {"steps", Align::right, 2},
                          {"bytes in all", Align::right, 4},
                          {"over the busiest", Align::right, 5},
                          {"full for", Align::right}},
              .rows = {}};
  for (std::size_t i = 0; i < e.loads.size(); ++i) {
    const links::LinkLoad& load = e.loads[i];
    const bool along = !spec.cluster;
    table.rows.push_back(
        {{load.what},
         {along ? fmt::format("{} of {}", links::name_of(spec.dimensions[i].kind), spec.dimensions[i].size)
                : ""},
         {terminal::rate(BytesPerSecond{load.bytes_per_s})},
         {time_text(load.time)},
         {terminal::exact(load.steps)},
         {bytes_text(load.bytes)},
         {bytes_text(load.busiest_bytes)},
         {terminal::percent(load.busy())}});
  }
  return terminal::draw(table, screen);
}

std::string bound_text(const links::Spec& spec, const links::Explained& e) {
  if (e.time.value == 0) return "nothing has to be sent\n";
  const std::string bound = bound_of(e);
  if (bound == "latency")
    return fmt::format("bound by latency: {} follow one another, and without it {} would be left\n",
                       plural(e.steps, "message"), time_text(e.bare));
  const links::LinkLoad& load = e.loads[e.slowest];
  if (!spec.cluster)
    return fmt::format("bound by {}, which takes {} of the time\n", bound,
                       terminal::percent(load.time / e.time));
  const char* which = bound == "gpu" ? "links of GPUs" : bound == "nic" ? "NICs" : "ways into the fabric";
  return fmt::format("bound by the {}, of which the busiest is full for {} of the time\n", which,
                     terminal::percent(load.busy()));
}

std::string text_of(const links::Spec& spec, const links::Explained& e, const terminal::Screen& screen) {
  std::string text = title(spec);
  text += fmt::format("time       {} in {}; {} without latency\n", time_text(e.time), plural(e.steps, "step"),
                      time_text(e.bare));
  text += fmt::format("bandwidth  {} of the algorithm, {} of the bus\n", rate_text(e.algorithm_bytes_per_s),
                      rate_text(e.bus_bytes_per_s));
  return text + links_table(spec, e, screen) + bound_text(spec, e);
}

std::string sweep_table(const std::vector<SizedTime>& sweep, const terminal::Screen& screen) {
  Table table{.columns = {{"bytes", Align::right},
                          {"time", Align::right},
                          {"algorithm", Align::right, 2},
                          {"bus", Align::right},
                          {"bound by", Align::left, 1}},
              .rows = {}};
  for (const SizedTime& one : sweep)
    table.rows.push_back({{bytes_text(one.bytes)},
                          {time_text(one.explained.time)},
                          {rate_text(one.explained.algorithm_bytes_per_s)},
                          {rate_text(one.explained.bus_bytes_per_s)},
                          {bound_of(one.explained)}});
  return terminal::draw(table, screen);
}

/// From 1 KiB to 16 GiB, each four times the one before.
std::vector<SizedTime> times_by_size(links::Spec spec) {
  constexpr double kLeast = 1024, kMost = 16.0 * 1024 * 1024 * 1024, kStep = 4;
  std::vector<SizedTime> sweep;
  for (spec.bytes = kLeast; spec.bytes <= kMost; spec.bytes *= kStep)
    sweep.push_back({spec.bytes, links::explain(spec)});
  return sweep;
}

links::Spec read(const std::string& file, const Common& common) {
  Document document = read_document_argument(file);
  for (const std::string& assignment : common.set) apply_override(document, assignment);
  return links::read_spec(document.root());
}

}  // namespace

std::string bound_of(const links::Explained& e) {
  if (e.time.value == 0) return "nothing";
  return e.bare.value < e.time.value / 2 ? "latency" : e.loads[e.slowest].what;
}

int sim_collective(const Common& common, const CollectiveOptions& options) {
  check_outputs({{"--report", common.report}});
  check_against({{"--report", common.report}}, {{"the spec", options.spec}});
  Phases phases(common);
  phases.begin("read the spec");
  const links::Spec spec = read(options.spec, common);
  phases.begin("play");
  const links::Explained explained = links::explain(spec);
  const std::vector<SizedTime> sweep = options.sweep ? times_by_size(spec) : std::vector<SizedTime>{};
  phases.begin("write");
  if (!common.report.empty())
    write_output(common.report, collective_report(spec, explained, sweep, provenance(common, nullptr)));
  phases.end();
  if (!common.talks()) return kDone;
  const terminal::Screen screen = common.screen(STDOUT_FILENO);
  show(common, text_of(spec, explained, screen));
  if (options.sweep) show(common, "\n" + sweep_table(sweep, screen));
  return kDone;
}

}  // namespace ds::cli
