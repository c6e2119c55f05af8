// Interpolates measured communications between sizes.
#include "simulator/cost/host_communication.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <utility>

#include "simulator/base/statistics.h"

namespace ds::cost {
namespace {

// Where nobody has measured: a few microseconds, and every byte read and written once.
constexpr double kRoughLatency = 5e-6, kPasses = 2;
// Relative: between measured sizes, on another number of ranks than was measured, and where nobody has measured.
constexpr double kModelSigma = 0.1, kScaledSigma = 0.3, kRoughSigma = 0.5;

double real(Bytes bytes) { return static_cast<double>(bytes.value); }

/// A straight line in the logarithms of size and time. Below the smallest size a message is all latency; above the largest
/// it is all bytes.
double interpolate(const std::vector<CommunicationPoint>& points, Bytes bytes) {
  if (bytes <= points.front().bytes) return points.front().seconds;
  const CommunicationPoint& last = points.back();
  if (bytes >= last.bytes) return last.seconds * (real(bytes) / real(last.bytes));
  const auto above = std::ranges::upper_bound(points, bytes, {}, &CommunicationPoint::bytes);
  const CommunicationPoint &low = *(above - 1), &high = *above;
  const double share = std::log(real(bytes) / real(low.bytes)) / std::log(real(high.bytes) / real(low.bytes));
  return low.seconds * std::pow(high.seconds / low.seconds, share);
}

}  // namespace

HostCommunication::HostCommunication(const Profile& profile) : profile_(profile) {
  for (const CommunicationPoint& point : profile.communications) {
    auto found = std::ranges::find_if(series_, [&](const Series& s) {
      return s.message == point.message && s.what == point.what && s.ranks == point.ranks;
    });
    if (found == series_.end())
      found = series_.insert(found, {point.message, point.what, point.ranks, {}, 0});
    found->points.push_back(point);
  }
  for (Series& series : series_) {
    std::ranges::stable_sort(series.points, {}, &CommunicationPoint::bytes);
    std::vector<double> sigmas;
    for (const CommunicationPoint& point : series.points) sigmas.push_back(point.sigma);
    series.sigma = median(std::move(sigmas));
  }
}

const HostCommunication::Series* HostCommunication::nearest(bool message, collective::Collective what,
                                                            std::int64_t ranks) const {
  const Series* best = nullptr;
  for (const Series& series : series_) {
    if (series.message != message || (!message && series.what != what)) continue;
    if (best == nullptr || std::abs(series.ranks - ranks) < std::abs(best->ranks - ranks)) best = &series;
  }
  return best;
}

Estimate HostCommunication::time(bool message, collective::Collective what, std::int64_t ranks,
                                 Bytes bytes) const {
  if (ranks == 1) return {.source = Source::measured};
  const Series* series = nearest(message, what, ranks);
  if (series == nullptr)
    return {.seconds = {kRoughLatency + kPasses * real(bytes) / profile_.memory_bandwidth.value},
            .sigma = kRoughSigma,
            .source = Source::roofline};
  const double seconds = interpolate(series->points, bytes);
  if (message || series->ranks == ranks)
    return {
        .seconds = {seconds}, .sigma = std::hypot(kModelSigma, series->sigma), .source = Source::measured};
  // A rank's own part of a direct collective is the same on any number of ranks; cores and memory are shared.
  const double more = std::max(1.0, static_cast<double>(ranks) / static_cast<double>(series->ranks));
  return {.seconds = {seconds * more}, .sigma = kScaledSigma, .source = Source::scaled};
}

}  // namespace ds::cost
