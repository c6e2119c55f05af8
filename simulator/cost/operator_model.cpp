#include <Eigen/Dense>
#include <algorithm>
#include <cmath>

#include "simulator/base/error.h"
#include "simulator/cost/cost.h"

namespace ds::cost {
namespace {

// Widths in the logarithm of a size. Points closer than kNear weigh the same; the ridge keeps the slope of a size that
// was measured at one value only at zero.
constexpr double kNear = 0.05, kRidge = 0.02;
// A rate is not carried further than this beyond its neighbours, as a factor.
constexpr double kMostSlope = 1.0;
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

double median_sigma(const std::vector<Point>& points) {
  std::vector<double> sigmas;
  for (const Point& point : points) sigmas.push_back(point.sigma);
  const auto middle = sigmas.begin() + static_cast<std::ptrdiff_t>(sigmas.size() / 2);
  std::nth_element(sigmas.begin(), middle, sigmas.end());
  return *middle;
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
  return std::clamp(value, lowest - kMostSlope, highest + kMostSlope);
}

OperatorModel::OperatorModel(const Profile& profile) : profile_(profile) {
  for (const Table& table : profile.tables) {
    if (table.points.empty()) continue;
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

Estimate OperatorModel::time(const ops::Op& op) const {
  const Features x = features(op);
  if (const Fitted* fitted = find(op, op.type))
    return {{x.work * std::exp(local_log_rate(fitted->features, fitted->table->points, x))},
            std::hypot(kModelSigma, fitted->sigma),
            Source::measured};
  if (op.type == DataType::fp64)
    if (const Fitted* fitted = find(op, DataType::fp32)) {
      // Bytes are counted as they are; a vector holds half as many numbers, so products take twice as long.
      const double factor = x.product ? 2 : 1;
      return {{factor * x.work * std::exp(local_log_rate(fitted->features, fitted->table->points, x))},
              kScaledSigma,
              Source::scaled};
    }
  const double product_factor = op.type == DataType::fp64 ? 2 : 1;
  const Seconds seconds = x.product ? Flops{x.work * product_factor} / profile_.gemm_peak
                                    : Seconds{x.work / profile_.memory_bandwidth.value};
  return {seconds, kRooflineSigma, Source::roofline};
}

Profile rough_profile() {
  // One core with two 256-bit FMA units at 3 GHz has 96 GFLOP/s, of which a good GEMM reaches 85 %; one core of a
  // server streams about 15 GB/s. No measurement: `ds-exec calibrate` replaces it.
  return {.machine = "not measured", .gemm_peak = {0.85 * 96e9}, .memory_bandwidth = {15e9}, .clock = "none"};
}

}  // namespace ds::cost
