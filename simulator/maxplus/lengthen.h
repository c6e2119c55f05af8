#pragma once
// Long steps from short ones: more micro-batches make the repeats of a tape longer and leave the rest as it is.

#include <optional>
#include <span>
#include <vector>

#include "simulator/maxplus/tape.h"

namespace ds::maxplus {

/// A step as it is kept for a structure: its tape, and by class how weights follow from durations.
struct StepStructure {
  Tape tape;
  std::vector<WeightFormulas> formulas;
};

/// Reduces and compiles: `cut` as find_cut gives it.
StepStructure structure_of(std::span<const Outline* const> classes,
                           const std::optional<std::vector<std::int32_t>>& cut);

/// `longer` is `shorter` with some micro-batches more; the step with `times` as many more. Repeats come so many times more
/// often, and sums hold so many times more calls. None where that is not all that they differ in: then the steady state is
/// not reached yet, or the difference is no whole number of its periods. Of the points of items it knows nothing any more.
std::optional<StepStructure> lengthened(const StepStructure& shorter, const StepStructure& longer,
                                        std::int32_t times);

}  // namespace ds::maxplus
