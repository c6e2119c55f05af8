#pragma once
// What a stage does with one micro-batch at a time.

#include <cstdint>
#include <vector>

namespace ds::workload {

/// What a backward computes: all, or the gradient that the stage before waits for now and those of weights later.
enum class Gradients : std::uint8_t { all, inputs, weights };

struct ScheduledPass {
  bool forward{};
  std::int32_t micro{};
  std::int32_t chunk{0};
  Gradients gradients{Gradients::all};  // of a backward
  bool merged{false};                   // in one call with the pass before it
  bool operator==(const ScheduledPass&) const = default;
};

}  // namespace ds::workload
