#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "cli/validation/validation.h"
#include "simulator/base/statistics.h"

namespace ds::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kHigh = 0.95;

double mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

/// The smallest value that 95 % do not exceed.
double percentile95(std::vector<double> values) {
  std::ranges::sort(values);
  const auto rank = static_cast<std::size_t>(std::ceil(kHigh * static_cast<double>(values.size())));
  return values[rank - 1];
}

template <class Keep>
Score score(const std::vector<Row>& rows, Keep&& keep) {
  std::vector<double> errors;
  int inside = 0, intervals = 0;
  for (const Row& row : rows) {
    if (!row.error || !keep(row)) continue;
    errors.push_back(std::abs(*row.error));
    if (!row.low) continue;
    ++intervals;
    if (*row.low <= row.measured && row.measured <= *row.high) ++inside;
  }
  Score result{.count = static_cast<int>(errors.size())};
  if (errors.empty()) return result;
  result.mean = mean(errors);
  result.median = median(errors);
  result.p95 = percentile95(errors);
  result.max = *std::ranges::max_element(errors);
  if (intervals > 0) result.inside_interval = static_cast<double>(inside) / intervals;
  return result;
}

/// With the mean over the sets of the rows that are kept.
template <class Keep>
Score score_over_sets(const std::vector<Row>& rows, Keep&& keep) {
  Score result = score(rows, keep);
  std::map<std::string, std::vector<double>> sets;
  for (const Row& row : rows)
    if (row.error && keep(row)) sets[row.set].push_back(std::abs(*row.error));
  std::vector<double> means;
  for (const auto& [set, errors] : sets) means.push_back(mean(errors));
  if (!means.empty()) result.mean_over_sets = mean(means);
  return result;
}

Json to_json(const Score& s) {
  Json json = {{"mean", s.mean}, {"median", s.median}, {"p95", s.p95}, {"max", s.max}, {"count", s.count}};
  if (s.inside_interval) json["inside_interval"] = *s.inside_interval;
  if (s.mean_over_sets) json["mean_over_sets"] = *s.mean_over_sets;
  return json;
}

Json to_json(const std::map<std::string, Score>& scores) {
  Json json = Json::object();
  for (const auto& [name, s] : scores) json[name] = to_json(s);
  return json;
}

}  // namespace

std::size_t failed_cases(const std::vector<Row>& rows) {
  std::set<std::string> failed;
  for (const Row& row : rows)
    if (row.failed) failed.insert(row.id);
  return failed.size();
}

Summary summarise(const std::vector<Row>& rows) {
  Summary summary;
  for (const Row& row : rows) {
    if (row.failed) ++summary.failed;
    if (row.error) summary.metrics[row.metric];
  }
  for (auto& [metric, m] : summary.metrics) {
    const auto of_metric = [&metric](const Row& row) { return row.metric == metric; };
    m.all = score_over_sets(rows, [&](const Row& row) { return of_metric(row) && row.trust != "C"; });
    for (const Row& row : rows) {
      if (!of_metric(row) || !row.error) continue;
      m.by_set.try_emplace(row.set);
      m.by_trust.try_emplace(row.trust);
    }
    for (auto& [set, s] : m.by_set)
      s = score(rows, [&](const Row& row) { return of_metric(row) && row.set == set; });
    for (auto& [trust, s] : m.by_trust)
      s = score_over_sets(rows, [&](const Row& row) { return of_metric(row) && row.trust == trust; });
  }
  return summary;
}

Json to_json(const Row& row) {
  Json json = {{"id", row.id},
               {"set", row.set},
               {"trust", row.trust},
               {"metric", row.metric},
               {"measured", row.measured}};
  if (row.metric == "fits") json["measured"] = row.measured != 0;
  if (row.predicted) json["predicted"] = *row.predicted;
  if (row.predicted && row.metric == "fits") json["predicted"] = *row.predicted != 0;
  if (row.low) json["low"] = *row.low, json["high"] = *row.high;
  if (row.error) json["error"] = *row.error;
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

}  // namespace ds::cli
