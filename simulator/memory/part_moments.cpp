// Numbers kinds of passes anew within each part.
#include "simulator/memory/part_moments.h"

#include <algorithm>

namespace ds::memory {
namespace {

class Parting {
 public:
  Parting(const StageMoments& stage, std::int32_t parts)
      : stage_(stage), parts_(static_cast<std::size_t>(parts)), of_part_(parts_), kinds_(parts_) {}

  PartedMoments take(Memo<PartMoments, PartMoments>& known) {
    for (std::size_t k = 0; k < stage_.kinds.size(); ++k) {
      program::PassKind kind = stage_.kinds[k];
      const std::size_t part = part_of(kind);
      if (parts_ > 1) kind.chunk = 0;
      of_part_[part].push_back(k);
      kinds_[part].kinds.push_back(kind);
    }
    for (std::size_t p = 0; p < parts_; ++p) {
      for (const std::size_t k : of_part_[p]) kinds_[p].rank.push_back(ranked_below(p, stage_.rank[k]));
      for (std::int32_t behind = 0; behind < 2; ++behind) kinds_[p].rank.push_back(count(p) + behind);
    }
    for (const Moment& moment : stage_.moments) note(moment);
    PartedMoments result;
    for (std::size_t p = 0; p < parts_; ++p) {
      in_order(kinds_[p].working);
      in_order(kinds_[p].idle);
      result.kind_of.push_back(&known.of(kinds_[p], [&] { return kinds_[p]; }));
    }
    for (const Moment& moment : stage_.moments) {
      const std::size_t own = working_part(moment);
      PartedMoments::Moment& one = result.moments.emplace_back();
      one.part = static_cast<std::int32_t>(own);
      one.working = place(working(own, moment), kinds_[own].working);
      for (std::size_t p = 0; p < parts_; ++p)
        one.idle.push_back(p == own ? -1 : place(idle(p, moment), kinds_[p].idle));
    }
    return result;
  }

 private:
  std::size_t part_of(const program::PassKind& kind) const {
    return parts_ == 1 ? 0 : static_cast<std::size_t>(kind.chunk);
  }
  std::int32_t count(std::size_t part) const { return static_cast<std::int32_t>(of_part_[part].size()); }
  std::size_t working_part(const Moment& moment) const {
    return moment.kind < stage_.finish() ? part_of(stage_.kinds[static_cast<std::size_t>(moment.kind)]) : 0;
  }
  std::int32_t numbered_below(std::size_t part, std::int32_t kind) const {
    return static_cast<std::int32_t>(
        std::ranges::lower_bound(of_part_[part], static_cast<std::size_t>(kind)) - of_part_[part].begin());
  }
  std::int32_t ranked_below(std::size_t part, std::int32_t rank) const {
    return static_cast<std::int32_t>(
        std::ranges::count_if(of_part_[part], [&](std::size_t k) { return stage_.rank[k] < rank; }));
  }

  std::pair<std::int32_t, Between> working(std::size_t part, const Moment& moment) const {
    const std::int32_t behind = moment.kind - stage_.finish();  // the passes
    if (behind >= 0) {
      const std::int32_t kind = count(part) + behind;
      return {kind, {kind, kind + 1}};
    }
    return {numbered_below(part, moment.kind),
            {numbered_below(part, moment.begun), ranked_below(part, moment.over)}};
  }
  /// What the part does behind the passes is still to come when others do it.
  Between idle(std::size_t part, const Moment& moment) const {
    const std::int32_t behind = moment.kind - stage_.finish();
    if (behind >= 0) return {count(part) + behind, count(part) + behind};
    return {numbered_below(part, moment.begun), ranked_below(part, moment.over)};
  }

  void note(const Moment& moment) {
    const std::size_t own = working_part(moment);
    kinds_[own].working.push_back(working(own, moment));
    for (std::size_t p = 0; p < parts_; ++p)
      if (p != own) kinds_[p].idle.push_back(idle(p, moment));
  }
  template <class T>
  static void in_order(std::vector<T>& list) {
    std::ranges::sort(list);
    list.erase(std::ranges::unique(list).begin(), list.end());
  }
  template <class T>
  static std::int32_t place(const T& one, const std::vector<T>& list) {
    return static_cast<std::int32_t>(std::ranges::lower_bound(list, one) - list.begin());
  }

  const StageMoments& stage_;
  std::size_t parts_;
  std::vector<std::vector<std::size_t>> of_part_;  // kinds of the stage
  std::vector<PartMoments> kinds_;                 // by part
};

}  // namespace

const PartedMoments& Parted::of(const StageMoments* stage, std::int32_t parts) {
  return known_.of({stage, parts}, [&] { return Parting(*stage, parts).take(kinds_); });
}

}  // namespace ds::memory
