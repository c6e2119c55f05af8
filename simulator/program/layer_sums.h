#pragma once
// What adds up over the layers of a chunk, from chunks of one layer and of two.

#include <cstdint>
#include <utility>
#include <vector>

#include "simulator/graph/graph.h"

namespace ds::program {

/// `of(options)`: of a chunk, which has at most two layers, all of one kind. A Sum has add(other, times).
template <class Sum, class Of>
Sum sum_over_layers(graph::StageOptions options, const Of& of) {
  const std::vector<workload::LayerKind> kinds = std::exchange(options.kinds, {});
  const std::int32_t layers = std::exchange(options.layers, 0);
  const auto with = [&](std::int32_t count, std::size_t k) -> const Sum& {
    options.layers = count;
    if (!kinds.empty()) options.kinds.assign(static_cast<std::size_t>(count), kinds[k]);
    return of(options);
  };
  if (layers == 0) return with(0, 0);
  Sum sum = with(1, 0);
  const auto add_layers = [&](std::size_t k, double count) {
    sum.add(with(2, k), count);
    sum.add(with(1, k), -count);
  };
  if (kinds.empty() && layers > 1) add_layers(0, layers - 1);
  for (std::size_t k = 1; k < kinds.size(); ++k) add_layers(k, 1);
  return sum;
}

}  // namespace ds::program
