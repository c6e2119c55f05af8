// Prices an operator on a CPU from the measured points nearest to it.
#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "simulator/base/error.h"
#include "simulator/base/statistics.h"
#include "simulator/cost/cost.h"

namespace ds::cost {
namespace {

// Widths in the logarithm of a size. Points closer than kNear weigh the same; the ridge keeps the slope of a size that
// was measured at one value only at zero.
constexpr double kNear = 0.05, kRidge = 0.02;
// Beyond what was measured the line goes on no further than this, in log(seconds / work). Small operators can be far
// slower than any that was measured (a matrix times a vector), but none is much faster than the fastest: by then a rate
// has met its limit, the core's arithmetic or its memory.
constexpr double kMostSlower = 1.0, kMostFaster = 0.1;
// Relative: of a rate between measured points, of one carried over from fp32, of a roofline.
constexpr double kModelSigma = 0.05, kScaledSigma = 0.3, kRooflineSigma = 0.5;

double squared_distance(const Features& a, const Features& b) {
  double sum = 0;
  for (std::size_t d = 0; d < a.log_sizes.size(); ++d) {
    const double difference = a.log_sizes[d] - b.log_sizes[d];
    sum += difference * difference;
  }
  return sum;
}

/// Bytes are counted as they are; a vector holds half as many fp64 numbers, so products take twice as long.
double vector_factor(const Features& x, DataType type) { return x.product && type == DataType::fp64 ? 2 : 1; }

double median_sigma(const std::vector<Point>& points) {
  std::vector<double> sigmas;
  for (const Point& point : points) sigmas.push_back(point.sigma);
  return median(std::move(sigmas));
}

/// By ratio; of two at equal distance the smaller.
std::int64_t nearest_active(const Profile& profile, std::int64_t active) {
  std::int64_t best = 1;
  double least = std::numeric_limits<double>::infinity();
  for (const Table& table : profile.tables) {
    const double distance =
        std::abs(std::log(static_cast<double>(table.active) / static_cast<double>(active)));
    if (distance > least || (distance == least && table.active >= best)) continue;
    best = table.active;
    least = distance;
  }
  return best;
}

}  // namespace

double local_log_rate(const std::vector<Features>& points, const std::vector<Point>& measured,
                      const Features& x) {
  ensure(!points.empty() && points.size() == measured.size(), "a table has points");
  const auto sizes = static_cast<Eigen::Index>(x.log_sizes.size());
  // Normal equations of the weighted line y = c0 + sum_d c_d (size_d - x_d); its value at x is c0.
  Eigen::MatrixXd a = Eigen::MatrixXd::Zero(sizes + 1, sizes + 1);
  Eigen::VectorXd b = Eigen::VectorXd::Zero(sizes + 1);
  double weight_sum = 0, lowest = 1e300, highest = -1e300;
  for (std::size_t p = 0; p < points.size(); ++p) {
    const double distance = squared_distance(points[p], x) + kNear * kNear;
    const double weight = 1 / (distance * distance);
    Eigen::VectorXd row(sizes + 1);
    row(0) = 1;
    for (Eigen::Index d = 0; d < sizes; ++d)
      row(d + 1) =
          points[p].log_sizes[static_cast<std::size_t>(d)] - x.log_sizes[static_cast<std::size_t>(d)];
    const double y = std::log(measured[p].seconds / points[p].work);
    lowest = std::min(lowest, y);
    highest = std::max(highest, y);
    a += weight * row * row.transpose();
    b += weight * y * row;
    weight_sum += weight;
  }
  for (Eigen::Index d = 1; d <= sizes; ++d) a(d, d) += kRidge * weight_sum;
  const double value = a.ldlt().solve(b)(0);
  return std::clamp(value, lowest - kMostFaster, highest + kMostSlower);
}

OperatorModel::OperatorModel(const Profile& profile, std::int64_t active) : profile_(profile) {
  const std::int64_t measured = nearest_active(profile, active);
  for (const Table& table : profile.tables) {
    if (table.points.empty() || table.active != measured) continue;
    Fitted fitted{&table, {}, median_sigma(table.points)};
    for (const Point& point : table.points)
      fitted.features.push_back(features({point.what, table.pass, table.type, table.accumulate}));
    tables_.push_back(std::move(fitted));
  }
}

/// The table of that class; that of the other kind of weight gradient (written, added) will do.
const OperatorModel::Fitted* OperatorModel::find(const ops::Op& op, DataType type) const {
  const Fitted* best = nullptr;
  for (const Fitted& fitted : tables_) {
    const Table& table = *fitted.table;
    if (table.kind != ops::kind_name(op.what) || table.pass != op.pass || table.type != type) continue;
    if (table.accumulate == op.accumulate) return &fitted;
    best = &fitted;
  }
  return best;
}

Seconds OperatorModel::at_peak(const Features& x, DataType type) const {
  return Flops{vector_factor(x, type) * x.work} / profile_.gemm_peak;
}

Estimate OperatorModel::time(const ops::Op& op) const {
  const Features x = features(op);
  const auto interpolated = [&](const Fitted& fitted, double factor) {
    const double rate = std::exp(local_log_rate(fitted.features, fitted.table->points, x));
    const Seconds seconds{factor * x.work * rate};
    return x.product ? std::max(seconds, at_peak(x, op.type)) : seconds;
  };
  if (const Fitted* fitted = find(op, op.type))
    return {interpolated(*fitted, 1), std::hypot(kModelSigma, fitted->sigma), Source::measured};
  if (op.type == DataType::fp64)
    if (const Fitted* fitted = find(op, DataType::fp32))
      return {interpolated(*fitted, vector_factor(x, op.type)), kScaledSigma, Source::scaled};
  const Seconds seconds = x.product ? at_peak(x, op.type) : Seconds{x.work / profile_.memory_bandwidth.value};
  return {seconds, kRooflineSigma, Source::roofline};
}

Profile rough_profile() {
  // One core with two 256-bit FMA units at 3 GHz has 96 GFLOP/s, of which a good GEMM reaches 85 %; one core of a
  // server streams about 15 GB/s. No measurement: `ds-exec calibrate` replaces it.
  return {.machine = "not measured", .gemm_peak = {0.85 * 96e9}, .memory_bandwidth = {15e9}, .clock = "none"};
}

}  // namespace ds::cost
