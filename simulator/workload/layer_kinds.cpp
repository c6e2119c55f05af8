// Reads the masks of a model.
#include "simulator/workload/layer_kinds.h"

#include <algorithm>

namespace ds::workload {
namespace {

bool masked(const std::vector<bool>& mask, std::int64_t layer) {
  return !mask.empty() && mask[static_cast<std::size_t>(layer)];
}

bool is_even(const std::vector<bool>& mask) {
  return std::ranges::adjacent_find(mask, std::ranges::not_equal_to{}) == mask.end();
}

bool has_window(const Model& model, std::int64_t sequence_length) {
  return model.window > 0 && model.window < sequence_length;
}

}  // namespace

LayerKind kind_of_layer(const Model& model, std::int64_t sequence_length, std::int64_t layer) {
  return {.windowed = has_window(model, sequence_length) && !masked(model.full_layers, layer),
          .unrotated = model.position == Position::rope && masked(model.unrotated_layers, layer),
          .dense = model.moe && masked(model.moe->dense_layers, layer)};
}

bool layers_are_alike(const Model& model, std::int64_t sequence_length) {
  return (is_even(model.full_layers) || !has_window(model, sequence_length)) &&
         (is_even(model.unrotated_layers) || model.position != Position::rope) &&
         (!model.moe || is_even(model.moe->dense_layers));
}

}  // namespace ds::workload
