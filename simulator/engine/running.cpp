#include "simulator/engine/running.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "simulator/base/error.h"

namespace ds::engine {
namespace {

/// Link 0 is all cores of the machine, link 1 + p the cores that the ranks of player p can use: one each.
std::vector<double> capacities(const std::vector<std::int32_t>& members, Cores cores) {
  const double ranks = std::accumulate(members.begin(), members.end(), 0.0);
  std::vector<double> list{std::min(cores.count, ranks)};
  for (const std::int32_t count : members) list.push_back(count);
  return list;
}

/// Whether ranks slow each other down when all compute. Where they do not, none ever does.
bool slows_down(const std::vector<std::int32_t>& members, Cores cores) {
  network::FairShare share(capacities(members, cores));
  std::vector<std::int32_t> flows;
  for (std::size_t p = 0; p < members.size(); ++p)
    flows.push_back(share.add({0, static_cast<std::int32_t>(p) + 1}, members[p]));
  share.settle();
  for (std::size_t p = 0; p < members.size(); ++p)
    if (share.rate(flows[p]) < members[p]) return true;
  return false;
}

}  // namespace

Running::Running(const std::vector<std::int32_t>& members, Cores cores)
    : moving_(capacities(members, cores)),
      members_(members),
      computing_fronts_(members.size()),
      crowded_(slows_down(members, cores)) {}

void Running::compute(Front front, Seconds alone) {
  if (!crowded_ || alone.value <= 0) return communicate(front, now_ + alone);
  const auto p = static_cast<std::size_t>(front.player);
  const std::array links{0, front.player + 1};
  moving_.begin(front.player, links, alone.value * members_[p], members_[p]);
  computing_fronts_[p] = front;
  ++computing_;
}

void Running::communicate(Front front, Seconds end) { ends_.push({end, begun_++, front}); }

Front Running::next() {
  ensure(!empty(), "something is under way");
  while (ended_.empty()) {
    const bool communication =
        !ends_.empty() && (computing_ == 0 || ends_.top().at.value <= moving_.next_end());
    now_ = communication ? ends_.top().at : Seconds{moving_.next_end()};
    if (crowded_)
      for (const std::int32_t player : moving_.advance(now_.value)) {
        ended_.push_back(computing_fronts_[static_cast<std::size_t>(player)]);
        --computing_;
      }
    if (communication) {
      ended_.push_back(ends_.top().front);
      ends_.pop();
    }
  }
  const Front front = ended_.front();
  ended_.erase(ended_.begin());
  return front;
}

}  // namespace ds::engine
