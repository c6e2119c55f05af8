// Scores of cases: means and percentiles of their errors.
#include <algorithm>
#include <cmath>
#include <iterator>

#include "cli/validation/validation.h"
#include "simulator/base/statistics.h"

namespace ds::cli {
namespace {

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
  std::vector<double> errors, noises;
  int inside = 0, intervals = 0;
  for (const Row& row : rows) {
    if (!row.error || !keep(row)) continue;
    errors.push_back(std::abs(*row.error));
    if (row.noise) noises.push_back(*row.noise);
    if (!row.low || !row.high || !row.measured) continue;
    ++intervals;
    if (*row.low <= *row.measured && *row.measured <= *row.high) ++inside;
  }
  Score result{.count = static_cast<int>(errors.size())};
  if (errors.empty()) return result;
  result.mean = mean(errors);
  result.median = median(errors);
  result.p95 = percentile95(errors);
  result.max = *std::ranges::max_element(errors);
  if (!noises.empty()) result.noise = mean(noises);
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

}  // namespace

Summary summarise(const std::vector<Row>& rows) {
  Summary summary;
  std::vector<Row> scored;
  std::ranges::copy_if(rows, std::back_inserter(scored), [](const Row& row) { return !row.context; });
  for (const Row& row : scored) {
    if (row.failed) ++summary.failed;
    if (row.error) summary.metrics[row.metric];
  }
  for (auto& [metric, m] : summary.metrics) {
    const auto of_metric = [&metric](const Row& row) { return row.metric == metric; };
    m.all = score_over_sets(scored, [&](const Row& row) { return of_metric(row) && row.trust != "C"; });
    for (const Row& row : scored) {
      if (!of_metric(row) || !row.error) continue;
      m.by_set.try_emplace(row.set);
      if (!row.trust.empty()) m.by_trust.try_emplace(row.trust);
    }
    for (auto& [set, s] : m.by_set)
      s = score(scored, [&](const Row& row) { return of_metric(row) && row.set == set; });
    for (auto& [trust, s] : m.by_trust)
      s = score_over_sets(scored, [&](const Row& row) { return of_metric(row) && row.trust == trust; });
  }
  return summary;
}

}  // namespace ds::cli
