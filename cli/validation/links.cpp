// Reads collectives and flows over links, and judges them.
#include "cli/validation/links.h"

#include <fmt/format.h>

#include <cmath>

#include "cli/validation/read_part.h"

namespace ds::cli {
namespace {

constexpr std::string_view kCollectives = "collectives", kFairSharing = "fair_sharing";
constexpr const char *kTime = "time_s", *kFinish = "finish_s";

/// By metric, or, where the only metric is an object, by what stands in that.
std::map<std::string, Measured> read_expected(const Cursor& at, bool by_flow) {
  const auto figures = by_flow ? at.member(kFinish).members() : at.members();
  std::map<std::string, Measured> expected;
  for (const auto& figure : figures)
    expected[figure.first] = read_figure([&] { return figure.second.none_or_within(kMeasured); });
  if (expected.empty()) (by_flow ? at.member(kFinish) : at).fail("is empty", "something has to be expected");
  for (const auto& [metric, value] : at.members())
    if (metric != (by_flow ? kFinish : kTime))
      value.fail(std::string(kUnknownKey), fmt::format("{} is known", by_flow ? kFinish : kTime));
  return expected;
}

LinkCase read_case(const Cursor& at, std::string_view set) {
  const bool by_flow = set == kFairSharing;
  LinkCase result{.id = at.path(), .set = std::string(set)};
  const auto attempt = [&](auto&& read) { read_part(result.fault, read); };
  attempt([&] { result.id = at.member("id").text(); });
  if (!at.is_object()) return result;
  attempt([&] {
    if (by_flow)
      result.what = links::read_flow_set(at);
    else
      result.what = links::read_spec(at.member("spec"));
  });
  attempt([&] { result.expected = read_expected(at.member("expected"), by_flow); });
  attempt([&] {
    if (const auto tolerance = at.find("tolerance"))
      result.tolerance = tolerance->member("relative").real(0, 1e9);
  });
  return result;
}

/// Of a time; nothing is right about 0 but 0.
double error_of(double predicted, double expected) {
  if (expected > 0) return predicted / expected - 1;
  return predicted == expected ? 0 : 1;
}

/// The row as it is before anything was predicted.
Row row_of(const LinkCase& c, const char* metric) {
  Row row{.id = c.id, .set = c.set, .trust = {}, .metric = metric, .message = {}};
  if (c.tolerance) row.tolerance["relative"] = *c.tolerance;
  return row;
}

void fail(Row& row, const std::string& why) {
  row.failed = true;
  row.message = why;
}

void judge_error(Row& row, double error, const LinkCase& c, const std::string& whose) {
  row.error = error;
  if (c.tolerance && std::abs(error) > *c.tolerance)
    fail(row, fmt::format("{}{:+.3g} % off, and the tolerance is {:.3g} %", whose, 100 * error,
                          100 * *c.tolerance));
}

Row judge_collective(const LinkCase& c, const links::Spec& spec) {
  Row row = row_of(c, kTime);
  const Measured& expected = c.expected.at(kTime);
  const double predicted = links::time_of(spec).value;
  row.measured = expected.value;
  row.predicted = predicted;
  if (expected.value)
    judge_error(row, error_of(predicted, *expected.value), c, "");
  else
    fail(row, expected.fault);
  return row;
}

/// The row's own figures are those of the flow that is furthest off.
Row judge_flows(const LinkCase& c, const links::FlowSet& set) {
  Row row = row_of(c, kFinish);
  Parts& parts = row.parts.emplace();
  const std::vector<double> ends = links::finish_times(set);
  for (std::size_t i = 0; i < ends.size(); ++i) parts.predicted[set.names[i]] = ends[i];
  double error = 0;
  std::string worst;
  for (const auto& [flow, expected] : c.expected) {
    const auto predicted = parts.predicted.find(flow);
    if (expected.value) parts.measured[flow] = *expected.value;
    if (!expected.value || predicted == parts.predicted.end()) {
      if (!row.failed)
        fail(row, expected.value ? fmt::format("{} is none of the flows", json_text(flow)) : expected.fault);
      continue;
    }
    const double of_this = error_of(predicted->second, *expected.value);
    if (row.predicted && std::abs(of_this) <= std::abs(error)) continue;
    error = of_this;
    worst = flow;
    row.measured = expected.value;
    row.predicted = predicted->second;
  }
  if (row.predicted && !row.failed) judge_error(row, error, c, fmt::format("flow {} is ", json_text(worst)));
  return row;
}

}  // namespace

bool has_link_cases(const Document& document) {
  const Cursor root = document.root();
  return root.is_object() && (root.find(kCollectives) || root.find(kFairSharing));
}

std::vector<LinkCase> read_link_cases(const Document& document) {
  const Cursor root = document.root();
  std::vector<LinkCase> cases;
  for (const std::string_view set : {kCollectives, kFairSharing})
    if (const auto list = root.find(set))
      for (const Cursor& at : list->list()) cases.push_back(read_case(at, set));
  if (cases.empty()) root.fail("has no cases", "collectives or fair_sharing holds some");
  return cases;
}

std::vector<Row> judge(const LinkCase& c) {
  const char* metric = c.set == kCollectives ? kTime : kFinish;
  Row row = row_of(c, metric);
  if (c.set == kCollectives && c.expected.contains(kTime)) row.measured = c.expected.at(kTime).value;
  if (!c.fault.empty()) {
    fail(row, c.fault);
    return {row};
  }
  if (const auto* spec = std::get_if<links::Spec>(&c.what)) return {judge_collective(c, *spec)};
  return {judge_flows(c, std::get<links::FlowSet>(c.what))};
}

}  // namespace ds::cli
