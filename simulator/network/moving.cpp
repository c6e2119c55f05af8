// Advances flows at their fair rates from one end to the next.
#include "simulator/network/moving.h"

#include <algorithm>
#include <limits>

namespace ds::network {
namespace {

/// A flow of which this share of the last stretch, and no more, is left has ended with it: rounding keeps them apart.
constexpr double kTogether = 1e-12;

}  // namespace

void Moving::begin(std::int32_t tag, std::span<const std::int32_t> links, double bytes, double weight) {
  flows_.push_back({.tag = tag, .number = share_.add(links, weight), .left = bytes});
  changed_ = true;
}

double Moving::next_end() {
  if (changed_) share_.settle();
  changed_ = false;
  double end = std::numeric_limits<double>::infinity();
  for (const Flow& flow : flows_) end = std::min(end, now_ + flow.left / share_.rate(flow.number));
  return end;
}

std::span<const std::int32_t> Moving::advance(double to) {
  if (changed_) share_.settle();
  const double seconds = to - now_;
  now_ = to;
  ended_.clear();
  std::erase_if(flows_, [&](Flow& flow) {
    const double moved = share_.rate(flow.number) * seconds;
    flow.left -= moved;
    // Times far from 0 are coarse: what one step of `now_` moves is rounding too.
    if (flow.left > moved * kTogether && now_ + flow.left / share_.rate(flow.number) > now_) return false;
    ended_.push_back(flow.tag);
    share_.remove(flow.number);
    return true;
  });
  changed_ = !ended_.empty();
  return ended_;
}

}  // namespace ds::network
