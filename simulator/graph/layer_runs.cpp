#include "simulator/graph/layer_runs.h"

#include <algorithm>

namespace ds::graph {
namespace {

// No model is known whose kinds come again after more layers; and time stays linear in layers.
constexpr std::size_t kLongestPeriod = 32;

/// How often the first `period` layers come in a row.
std::size_t times_of(std::span<const workload::LayerKind> layers, std::size_t period) {
  std::size_t end = period;
  while (end < layers.size() && layers[end] == layers[end - period]) ++end;
  return end / period;
}

}  // namespace

std::vector<LayerRun> layer_runs(std::span<const workload::LayerKind> layers) {
  std::vector<LayerRun> runs;
  while (!layers.empty()) {
    std::size_t best = 1, times = times_of(layers, 1);
    for (std::size_t period = 2; period <= std::min(kLongestPeriod, layers.size() / 2); ++period) {
      const std::size_t here = times_of(layers, period);
      if (here > 1 && here * period > times * best) best = period, times = here;
    }
    const auto kinds = layers.first(best);
    runs.push_back({{kinds.begin(), kinds.end()}, static_cast<std::int32_t>(times)});
    layers = layers.subspan(best * times);
  }
  return runs;
}

}  // namespace ds::graph
