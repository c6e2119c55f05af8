#pragma once
// How layers are cut into stages and chunks when they do not divide evenly. Stages take floor or ceil; the short ones
// are, in this order, the last, the first, the last but one, the second, ... Within the first stage the first chunks
// are short, in every other the later ones: beside the embedding and the head there is less room. How much less, a plan can say
// (embedding_as_layers, head_as_layers), as Megatron-Core does by --account-for-embedding-in-pipeline-split.

#include <cstdint>
#include <vector>

namespace ds::workload {

/// Layers of `stage` (0 to pp - 1). layers >= 0, pp >= 1.
constexpr std::int64_t stage_layers(std::int64_t layers, std::int64_t pp, std::int64_t stage) {
  const std::int64_t long_ones = layers % pp;
  const std::int64_t from_end = pp - 1 - stage;
  const std::int64_t turn =
      from_end <= stage ? 2 * from_end : 2 * stage + 1;  // its place among those to be short
  const bool is_short = turn < pp - long_ones;
  return layers / pp + (is_short ? 0 : 1);
}

/// Layers of `chunk` (0 to vpp - 1) in a stage of `layers` layers.
constexpr std::int64_t chunk_layers(std::int64_t layers, std::int64_t vpp, std::int64_t stage,
                                    std::int64_t chunk) {
  const std::int64_t long_ones = layers % vpp;
  const bool is_long = stage == 0 ? chunk >= vpp - long_ones : chunk < long_ones;
  return layers / vpp + (is_long ? 1 : 0);
}

/// So many layers the first chunk has fewer, for its embedding, and the last one, for its head; at least 0.
struct Ends {
  std::int64_t embedding{0}, head{0};
  bool head_in_first_stage{false};  // where the model goes down the stages and back up
};

/// Layers of a chunk of the whole split: the ends are dealt out as if they were layers. Below 0 where a chunk cannot take them.
constexpr std::int64_t layers_of_chunk(std::int64_t layers, std::int64_t pp, std::int64_t vpp,
                                       const Ends& ends, std::int64_t stage, std::int64_t chunk) {
  const std::int64_t all = layers + ends.embedding + ends.head;
  std::int64_t own = chunk_layers(stage_layers(all, pp, stage), vpp, stage, chunk);
  if (stage == 0 && chunk == 0) own -= ends.embedding;
  if (stage == (ends.head_in_first_stage ? 0 : pp - 1) && chunk == vpp - 1) own -= ends.head;
  return own;
}

/// [pp][vpp]: the whole split.
std::vector<std::vector<std::int64_t>> split_layers(std::int64_t layers, std::int64_t pp, std::int64_t vpp,
                                                    const Ends& ends = {});

/// Whether a chunk may be without a layer: only the very first and the very last, and only when vpp > 1, where they
/// hold the embedding or the head alone.
constexpr bool may_be_empty(std::int64_t pp, std::int64_t vpp, std::int64_t stage, std::int64_t chunk) {
  return vpp > 1 && ((stage == 0 && chunk == 0) || (stage == pp - 1 && chunk == vpp - 1));
}

}  // namespace ds::workload
