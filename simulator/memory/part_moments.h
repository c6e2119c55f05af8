#pragma once
// The moments of a stage's step as each of its parts sees them. A part has buffers of its own: a chunk, or all of them where
// passes of several chunks are merged. While one part works, of the others only counts which of their passes are behind and
// which are still to come; so what is known of a chunk serves all stages that have one like it.

#include <compare>
#include <cstdint>
#include <utility>
#include <vector>

#include "simulator/base/memo.h"
#include "simulator/memory/moments.h"

namespace ds::memory {

/// Between which calls of a part's own: of its kinds those below `begun` have been called before, those ranked `over` or
/// higher will be called again.
struct Between {
  std::int32_t begun{}, over{};
  auto operator<=>(const Between&) const = default;
};

/// Of a part: chunks are numbered from 0.
struct PartMoments {
  std::vector<program::PassKind> kinds;  // in the order of StageMoments::kinds
  std::vector<std::int32_t>
      rank;  // likewise, among themselves; also of what follows the passes, and of the update
  std::vector<std::pair<std::int32_t, Between>> working;  // kind: in order, each once
  std::vector<Between> idle;                              // likewise
  auto operator<=>(const PartMoments&) const = default;
};

struct PartedMoments {
  std::vector<const PartMoments*> kind_of;  // by part
  struct Moment {
    std::int32_t part{};             // that works; what follows all passes is told of the first one
    std::int32_t working{};          // of PartMoments::working
    std::vector<std::int32_t> idle;  // by part: of PartMoments::idle; -1 for the part that works
  };
  std::vector<Moment> moments;  // as StageMoments::moments
};

/// Those of stages, each made once. Any number of threads may ask; equal answers have one address.
class Parted {
 public:
  /// `stage` stays where it is.
  const PartedMoments& of(const StageMoments* stage, std::int32_t parts);

 private:
  Memo<PartMoments, PartMoments> kinds_;
  Memo<std::pair<const StageMoments*, std::int32_t>, PartedMoments> known_;
};

}  // namespace ds::memory
