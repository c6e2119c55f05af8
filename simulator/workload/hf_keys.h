#pragma once
// How values of a config.json are read: a function for each kind of key. Private to the table of families.

#include <fmt/format.h>

#include <algorithm>

#include "simulator/workload/hf_families.h"
#include "simulator/workload/limits.h"
#include "simulator/workload/misspelt.h"

namespace ds::workload::hf {

template <std::int64_t Model::* kField, std::int64_t kMost = kMaxWidth>
void count(HfDraft& d, const Cursor& at) {
  d.model.*kField = at.count(1, kMost);
}
template <bool Model::* kField>
void flag(HfDraft& d, const Cursor& at) {
  d.model.*kField = at.boolean();
}
template <bool Model::* kField>
void no(HfDraft& d, const Cursor& at) {
  d.model.*kField = !at.boolean();
}

inline void layers(HfDraft& d, const Cursor& at) { d.model.layers = at.count(1, kMaxLayers); }
inline void heads(HfDraft& d, const Cursor& at) { d.model.heads = at.count(1, kMaxHeads); }
inline void kv_heads(HfDraft& d, const Cursor& at) { d.model.kv_heads = at.count(1, kMaxHeads); }
inline void head_dim(HfDraft& d, const Cursor& at) {
  d.model.head_dim = at.count(1, kMaxWidth);
  d.model.head_dim_given = true;
}
inline void tied(HfDraft& d, const Cursor& at) { d.model.tied_embeddings = at.boolean(); }
/// Of queries, keys, values and the projection behind them.
inline void attention_bias(HfDraft& d, const Cursor& at) {
  d.model.qkv_bias = d.model.projection_bias = at.boolean();
}
inline void all_biases(HfDraft& d, const Cursor& at) {
  d.model.qkv_bias = d.model.projection_bias = d.model.mlp_bias = at.boolean();
}
inline void one_kv_head(HfDraft& d, const Cursor& at) {
  if (at.boolean()) d.model.kv_heads = 1;
}
inline void rotary_share(HfDraft& d, const Cursor& at) { d.rotary_share = at.real(0, 1); }
/// Where newer files keep the share of a head that is rotated.
inline void rope_parameters(HfDraft& d, const Cursor& at) {
  constexpr std::string_view kRead[] = {"partial_rotary_factor"};
  at.expect_object();
  refuse_misspelt(at, kRead);
  if (const auto share = at.find_not_null("partial_rotary_factor")) rotary_share(d, *share);
}
inline void window(HfDraft& d, const Cursor& at) { d.model.window = at.count(1, kMaxSequence); }
inline void window_in_use(HfDraft& d, const Cursor& at) { d.window_in_use = at.boolean(); }
inline void first_windowed(HfDraft& d, const Cursor& at) { d.first_windowed = at.count(0, kMaxLayers); }
inline void full_every(HfDraft& d, const Cursor& at) { d.full_every = at.count(1, kMaxLayers); }
/// "full_attention" or "sliding_attention", layer by layer.
inline void layer_types(HfDraft& d, const Cursor& at) {
  constexpr std::string_view kTypes[] = {"sliding_attention", "full_attention"};
  const std::vector<Cursor> types = at.list(1, kMaxLayers);
  if (std::ssize(types) != d.model.layers)
    at.fail(fmt::format("has {} layers, must have as many as the model, {}", types.size(), d.model.layers));
  d.model.full_layers.clear();
  for (const Cursor& type : types) d.model.full_layers.push_back(type.choose(kTypes) == 1);
  d.full_every = 0;
  d.first_windowed = 0;
}
/// Layer by layer: 1 where it rotates.
inline void rotating_layers(HfDraft& d, const Cursor& at) {
  const std::vector<Cursor> rotates = at.list(0, kMaxLayers);
  if (rotates.empty()) return;
  if (std::ssize(rotates) != d.model.layers)
    at.fail(fmt::format("has {} layers, must have as many as the model, {}", rotates.size(), d.model.layers));
  d.model.unrotated_layers.clear();
  for (const Cursor& one : rotates) d.model.unrotated_layers.push_back(one.count(0, 1) == 0);
  d.rotates_all_but_every = 0;
}
/// A key that is known and changes nothing here.
inline void nothing(HfDraft& /*d*/, const Cursor& /*at*/) {}

inline constexpr HfKey kLayers{"num_hidden_layers|n_layer|n_layers", layers, &Model::layers};
inline constexpr HfKey kHidden{"hidden_size|n_embd|n_embed|d_model", count<&Model::hidden>, &Model::hidden};
inline constexpr HfKey kHeads{"num_attention_heads|n_head|n_heads", heads, &Model::heads};
inline constexpr HfKey kFfn{"intermediate_size|n_inner|ffn_dim|ffn_hidden_size", count<&Model::ffn_hidden>};
inline constexpr HfKey kVocab{"vocab_size", count<&Model::vocab>, &Model::vocab};
inline constexpr HfKey kTied{"tie_word_embeddings", tied};
inline constexpr HfKey kPositions{"n_positions|max_position_embeddings",
                                  count<&Model::positions, kMaxSequence>};

}  // namespace ds::workload::hf
