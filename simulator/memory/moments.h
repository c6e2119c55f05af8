#pragma once
// The moments of a stage's step at which it may need most memory, call by call: which pass it is, and what is alive of other
// micro-batches. They follow from the order of its passes alone, whatever a pass does and however large anything is.

#include <array>
#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "simulator/base/memo.h"
#include "simulator/program/schedule/schedule.h"
#include "simulator/program/stage_lowering.h"

namespace ds::memory {

/// A call, but for those at which no more is alive than at another one of its kind.
struct Moment {
  /// Of StageMoments::kinds; behind these what follows the passes, then the update.
  std::int32_t kind{};
  /// Kinds are numbered by their first calls, and ranked by their last ones. So those below `begun` have been called before,
  /// and those ranked `over` or higher will be called again.
  std::int32_t begun{}, over{};
  /// By chunk: other micro-batches behind their forward, then those behind their backward to the inputs too.
  std::vector<std::int32_t> others;
  auto operator<=>(const Moment&) const = default;
};

struct StageMoments {
  std::vector<program::PassKind> kinds;
  std::vector<std::int32_t>
      rank;  // of the last call, by kind; also of what follows the passes, and of the update
  std::vector<Moment> moments;  // in order
  std::vector<bool> splits;     // by chunk: whether any backward of it is in two parts
  /// By chunk, legs from which and to which tensors live, and whether lanes share them.
  std::vector<std::int32_t> slots;
  auto operator<=>(const StageMoments&) const = default;

  std::int32_t finish() const { return static_cast<std::int32_t>(kinds.size()); }
  std::int32_t update() const { return finish() + 1; }
  /// Of a buffer that has not one for every micro-batch.
  std::int32_t slots_of(const program::SlotRule& rule) const;
};

/// Whether of two stages that do the same the one with the moments `a` needs no less than the other.
bool tops(const StageMoments& a, const StageMoments& b);

/// All that decides.
struct StepPasses {
  workload::Schedule schedule{};
  std::int32_t stages{}, chunks{}, micro_batches{};
  bool reduces_early{}, first_forwards_apart{};
  auto operator<=>(const StepPasses&) const = default;
};

/// By stage; equal ones have one address.
using PlanMoments = std::vector<const StageMoments*>;

/// Of any number of micro-batches: read off steps of a few, which differ by whole periods of the schedule, where what is
/// different in them grows evenly. Any number of threads may ask; equal answers have one address.
class Moments {
 public:
  const PlanMoments& of(const StepPasses& passes);

 private:
  /// Of steps of few micro-batches, each a period longer than the one before.
  struct Short {
    std::array<std::vector<StageMoments>, 3> steps;
    bool grows{};  // it is not the same in all of them
    bool evenly{};
  };
  const PlanMoments* make(const StepPasses& passes);
  const PlanMoments* kept(std::vector<StageMoments> stages);
  Short make_short(const StepPasses& passes) const;

  Memo<StepPasses, const PlanMoments*> known_;
  Memo<StepPasses, Short> short_;
  Memo<StageMoments, StageMoments> stages_;
  Memo<PlanMoments, PlanMoments> plans_;
};

/// Those of one stage, call by call.
StageMoments moments_of(const StepPasses& passes, std::int32_t stage);

}  // namespace ds::memory
