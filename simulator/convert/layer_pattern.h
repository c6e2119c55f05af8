#pragma once
// Patterns of layers as Megatron-LM's flags write them.

#include <cstdint>
#include <string_view>
#include <vector>

#include "simulator/convert/flags.h"

namespace ds::convert {

/// --moe-layer-freq, --no-rope-freq, --window-attn-skip-freq: N (every N-th layer, beginning with the first or with the last
/// of each N: see below), or a list as Python writes it: [0]*3+[1]*58, ([1]+[0]*3)*4. One entry a layer.
/// Throws InputError where it is neither, or has not as many entries as there are layers.
std::vector<bool> layer_pattern(const Flag& flag, std::int64_t layers, bool first_of_each);

/// --pipeline-model-parallel-layout: stages apart by |, of E (embedding), t (layer), m (multi-token prediction), L (loss), with
/// x*n for repetition and parentheses: "Et*3|(tt|)*29,m|L".
struct Layout {
  std::vector<std::int64_t>
      layers;                // of each chunk, in the order of the model: chunk v of stage s at v x pp + s
  std::int64_t predicted{};  // layers of multi-token prediction
  bool predicted_with_loss{true};  // they stand in the last chunk
};
/// Throws InputError where letters are unknown, the embedding is not first or the loss not last.
Layout pipeline_layout(const Flag& flag);

}  // namespace ds::convert
