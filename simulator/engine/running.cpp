#include "simulator/engine/running.h"

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>

#include "simulator/base/error.h"

namespace ds::engine {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();

/// Link 0 is all cores of the machine, link 1 + p the cores that the ranks of player p can use: one each.
std::vector<double> core_capacities(const std::vector<std::int32_t>& members, Cores cores) {
  const double ranks = std::accumulate(members.begin(), members.end(), 0.0);
  std::vector<double> list{std::min(cores.count, ranks)};
  for (const std::int32_t count : members) list.push_back(count);
  return list;
}

}  // namespace

bool slows_down(const std::vector<std::int32_t>& members, Cores cores) {
  network::FairShare share(core_capacities(members, cores));
  std::vector<std::int32_t> flows;
  for (std::size_t p = 0; p < members.size(); ++p)
    flows.push_back(share.add({0, static_cast<std::int32_t>(p) + 1}, members[p]));
  share.settle();
  for (std::size_t p = 0; p < members.size(); ++p)
    if (share.rate(flows[p]) < members[p]) return true;
  return false;
}

Running::Running(const std::vector<std::int32_t>& members, Cores cores, const std::vector<double>& links)
    : cores_(core_capacities(members, cores)),
      links_(links),
      next_flow_(kNever),
      members_(members),
      computing_fronts_(members.size()),
      crowded_(slows_down(members, cores)) {}

void Running::begin(std::span<const Front> fronts, Seconds alone, std::int32_t parts) {
  if (free_.empty()) {
    free_.push_back(static_cast<std::int32_t>(exchanges_.size()));
    exchanges_.emplace_back();
  }
  Exchange& exchange = exchanges_[static_cast<std::size_t>(free_.back())];
  exchange.fronts.assign(fronts.begin(), fronts.end());
  exchange.open = parts;
  ++under_way_;
  ends_.push({now_ + alone, begun_++, free_.back()});
  free_.pop_back();
}

void Running::compute(Front front, Seconds alone) {
  if (!crowded_ || alone.value <= 0) {
    begin({&front, 1}, alone, 1);
    return;
  }
  const auto p = static_cast<std::size_t>(front.player);
  const std::array links{0, front.player + 1};
  cores_.begin(front.player, links, alone.value * members_[p], members_[p]);
  computing_fronts_[p] = front;
  ++computing_;
  ++under_way_;
}

void Running::communicate(std::span<const Front> fronts, Seconds alone,
                          std::span<const RankLinks::Flow* const> flows) {
  const bool moves = alone.value > 0 && !flows.empty();
  const std::int32_t number = free_.empty() ? static_cast<std::int32_t>(exchanges_.size()) : free_.back();
  begin(fronts, alone, 1 + (moves ? static_cast<std::int32_t>(flows.size()) : 0));
  if (!moves) return;
  if (links_.now() < now_.value)
    for (const std::int32_t early : links_.advance(now_.value)) early_.push_back(early);
  for (const RankLinks::Flow* flow : flows)
    links_.begin(number, std::span(flow->links).first(static_cast<std::size_t>(flow->count)),
                 alone.value * flow->rate);
  next_flow_ = links_.next_end();
}

Running::Left Running::flows_left() {
  Left left;
  links_.for_each_left(now_.value, [&](std::int32_t exchange, double seconds) {
    left.emplace_back(exchanges_[static_cast<std::size_t>(exchange)].fronts.front(), Seconds{seconds});
  });
  std::ranges::sort(left);
  return left;
}

void Running::end_part(std::int32_t number) {
  Exchange& exchange = exchanges_[static_cast<std::size_t>(number)];
  if (--exchange.open > 0) return;
  ended_.insert(ended_.end(), exchange.fronts.begin(), exchange.fronts.end());
  free_.push_back(number);
  --under_way_;
}

void Running::advance_flows() {
  for (const std::int32_t exchange : links_.advance(now_.value)) end_part(exchange);
  next_flow_ = links_.next_end();
}

const std::vector<Front>& Running::next() {
  ended_.clear();
  for (const std::int32_t exchange : early_) end_part(exchange);
  early_.clear();
  while (ended_.empty()) {
    ensure(!empty(), "something is under way");
    const double core = computing_ == 0 ? kNever : cores_.next_end();
    const double fixed = ends_.empty() ? kNever : ends_.top().at.value;
    now_ = {std::min({fixed, core, next_flow_})};
    if (crowded_)
      for (const std::int32_t player : cores_.advance(now_.value)) {
        ended_.push_back(computing_fronts_[static_cast<std::size_t>(player)]);
        --computing_;
        --under_way_;
      }
    if (next_flow_ <= now_.value) advance_flows();
    if (fixed <= now_.value) {
      const std::int32_t exchange = ends_.top().exchange;
      ends_.pop();
      end_part(exchange);
    }
  }
  return ended_;
}

}  // namespace ds::engine
