#include "simulator/workload/family.h"

namespace ds::workload {

void take_habits_of(Family family, Model& model) {
  const bool llama_like = family == Family::llama || family == Family::moe;
  model.family = family;
  model.gated_mlp = llama_like;
  model.tied_embeddings = !llama_like;
  model.position = llama_like ? Position::rope : Position::learned;
  model.norm = llama_like ? Norm::rms : Norm::layer;
  model.norm_place = family == Family::bert ? NormPlace::after : NormPlace::before;
  model.embedding_norm = model.head_bias = family == Family::bert;
  model.final_norm = family != Family::bert;  // the last layer ends with one
  model.qkv_bias = model.projection_bias = model.mlp_bias = !llama_like;
}

}  // namespace ds::workload
