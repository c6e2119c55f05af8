#pragma once
// How much is alive at the highest points of a stage's step, as a sum over its parts (part_moments.h) and over sizes: each part
// is lowered alone, once for all plans whose stages have one that does the same things, whatever its micro-batches, layers and
// data-parallel ranks.

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "simulator/memory/level.h"
#include "simulator/memory/part_moments.h"
#include "simulator/memory/pass_levels.h"

namespace ds::memory {

class PartLevels;

/// Parts that are kept lowered, those that were asked for last: plans that come one after another have most of theirs in common.
class LatelyLowered {
 public:
  void use(PartLevels& part);
  void forget();

 private:
  static constexpr std::size_t kMost = 32;
  std::list<PartLevels*> parts_;  // the latest first
};

class PartLevels {
 public:
  /// `inputs` as LoweredPart is given them. The others have to outlive it.
  PartLevels(program::StageInputs inputs, program::ChunkGraphs& graphs, LatelyLowered& lately);

  const SizeNumbers& sizes() const { return sizes_; }
  /// Where what the moments ask for stands in PassLevels.
  struct Known {
    const PassLevels* levels{};
    std::vector<std::size_t> within, idle;  // by PartMoments::working and idle
  };
  /// `moments`: they stay where they are.
  const Known& of(const PartMoments* moments);
  /// What is lowered, not what is known.
  void forget();

 private:
  struct Passes {
    PassLevels levels;
    std::unique_ptr<PassReader> reader;  // while the part is lowered
  };
  Known find(const PartMoments& moments);
  PassReader& reader_of(Passes& passes, const PartMoments& moments);

  program::StageInputs inputs_;
  program::ChunkGraphs& graphs_;
  SizeNumbers sizes_;
  /// By kinds of passes and the ranks of their last calls.
  std::map<std::pair<std::vector<program::PassKind>, std::vector<std::int32_t>>, Passes> passes_;
  LatelyLowered& lately_;
  std::unique_ptr<LoweredPart> lowered_;
  std::map<const PartMoments*, Known> known_;
};

/// Of a plan's stage.
struct StagePart {
  PartLevels* levels{};
  Level sizes;
};

/// The most bytes that any stage with such parts and moments needs at once. `kind_of`: by part, of `parts`. Nothing where it has
/// to be looked at call by call.
std::optional<std::int64_t> most_bytes(std::span<const StagePart> parts, std::span<const std::size_t> kind_of,
                                       std::span<const StageMoments* const> stages, Parted& parted);

}  // namespace ds::memory
