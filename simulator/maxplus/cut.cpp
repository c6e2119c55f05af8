// Finds the cut by reachability. Let B be what is issued before an item X, A what is issued after it in the step before; the
// window from X to X is A, then B. Every path backwards ends in the first X if each of A and B has a predecessor within the
// window or is preceded by X, every path forwards in the second if each has a successor: two things to look at for an item.
#include "simulator/maxplus/cut.h"

#include <algorithm>
#include <limits>

#include "simulator/base/error.h"

namespace ds::maxplus {
namespace {

constexpr std::int32_t kFar = std::numeric_limits<std::int32_t>::max();

/// The nearest neighbours of an item in issue order. Further ones are in the window only if these are.
struct Neighbours {
  std::int32_t successor{kFar}, predecessor{kNone};  // in the same step
  std::int32_t successor_next{kFar},
      predecessor_before{kNone};  // the first in the next step, the last in the one before

  bool leads_on(std::int32_t item, std::int32_t cut) const {
    return item < cut ? successor <= cut : successor != kFar || successor_next <= cut;
  }
  bool is_led_to(std::int32_t item, std::int32_t cut) const {
    return item > cut ? predecessor >= cut : predecessor != kNone || predecessor_before >= cut;
  }
};

class Finder {
 public:
  explicit Finder(std::span<const Outline* const> classes) : classes_(classes), neighbours_(classes.size()) {
    for (std::size_t c = 0; c < classes.size(); ++c) look_at(c);
  }

  std::optional<std::vector<std::int32_t>> find() const {
    const std::vector<Item>& items = classes_[0]->items;
    for (std::size_t i = items.size(); i-- > 0;) {
      std::vector<std::int32_t> cut;
      if (classes_.size() == 1) {
        cut = {static_cast<std::int32_t>(i)};
      } else {
        if (items[i].channel == kNone) continue;
        const std::vector<MeetingItem>& all = meeting_of(0, i);
        if (all.size() != classes_.size()) continue;
        for (const MeetingItem& member : all) cut.push_back(member.item);
      }
      if (separates(cut)) return cut;
    }
    return std::nullopt;
  }

 private:
  struct MeetingItem {
    std::size_t rank_class{};
    std::int32_t item{};
  };

  void look_at(std::size_t c) {
    const Outline& outline = *classes_[c];
    const Predecessors predecessors(outline);
    std::vector<Neighbours>& list = neighbours_[c];
    list.resize(outline.items.size());
    orders_.emplace_back(outline.items.size());
    std::vector<std::int32_t> seen;  // by channel
    for (std::size_t i = 0; i < outline.items.size(); ++i) {
      const auto item = static_cast<std::int32_t>(i);
      for (const Predecessor& one : predecessors.of(i)) {
        Neighbours& before = list[static_cast<std::size_t>(one.item)];
        std::int32_t& successor = one.step_before ? before.successor_next : before.successor;
        successor = std::min(successor, item);
        std::int32_t& predecessor = one.step_before ? list[i].predecessor_before : list[i].predecessor;
        predecessor = std::max(predecessor, one.item);
      }
      if (outline.items[i].channel == kNone) continue;
      const auto channel = static_cast<std::size_t>(outline.items[i].channel);
      if (channel >= meetings_.size()) meetings_.resize(channel + 1);
      if (channel >= seen.size()) seen.resize(channel + 1);
      const auto k = static_cast<std::size_t>(seen[channel]++);
      if (k >= meetings_[channel].size()) meetings_[channel].resize(k + 1);
      meetings_[channel][k].push_back({c, item});
      orders_[c][i] = static_cast<std::int32_t>(k);
    }
  }

  const std::vector<MeetingItem>& meeting_of(std::size_t c, std::size_t item) const {
    return meetings_[static_cast<std::size_t>(classes_[c]->items[item].channel)]
                    [static_cast<std::size_t>(orders_[c][item])];
  }

  /// From the cut outwards: what does not fit is mostly near.
  bool separates(const std::vector<std::int32_t>& cut) const {
    for (std::size_t c = 0; c < cut.size(); ++c)
      for (std::int32_t i = cut[c] - 1; i >= 0; --i)
        if (!fits(c, i, cut)) return false;
    for (std::size_t c = 0; c < cut.size(); ++c)
      for (std::int32_t i = cut[c] + 1; i < std::ssize(classes_[c]->items); ++i)
        if (!fits(c, i, cut)) return false;
    return true;
  }

  /// A meeting follows what it follows in any class, and is on the same side of the cut in all.
  bool fits(std::size_t c, std::int32_t item, const std::vector<std::int32_t>& cut) const {
    const auto i = static_cast<std::size_t>(item);
    const Neighbours& own = neighbours_[c][i];
    bool led = own.is_led_to(item, cut[c]), leads = own.leads_on(item, cut[c]);
    if (classes_[c]->items[i].channel == kNone) return led && leads;
    for (const MeetingItem& one : meeting_of(c, i)) {
      if ((one.item < cut[one.rank_class]) != (item < cut[c])) return false;
      const Neighbours& other = neighbours_[one.rank_class][static_cast<std::size_t>(one.item)];
      led = led || other.is_led_to(one.item, cut[one.rank_class]);
      leads = leads || other.leads_on(one.item, cut[one.rank_class]);
    }
    return led && leads;
  }

  std::span<const Outline* const> classes_;
  std::vector<std::vector<Neighbours>> neighbours_;              // by class and item
  std::vector<std::vector<std::int32_t>> orders_;                // by class and item: the k-th of its channel
  std::vector<std::vector<std::vector<MeetingItem>>> meetings_;  // by channel and k, in the order of classes
};

}  // namespace

std::optional<std::vector<std::int32_t>> find_cut(std::span<const Outline* const> classes) {
  ensure(!classes.empty(), "a step has a class");
  return Finder(classes).find();
}

}  // namespace ds::maxplus
