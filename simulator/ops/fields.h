#pragma once
// The sizes and switches of every operator by name, for hashing, files and dumps: for_each_field(what, fn(name, field)).

#include <string_view>
#include <type_traits>

#include "simulator/ops/ops.h"

namespace ds::ops {

template <class T, class What>
concept Is = std::same_as<std::remove_const_t<T>, What>;

template <Is<Embedding> E, class Fn>
void for_each_field(E& e, Fn&& fn) {
  fn("tokens", e.tokens), fn("sequence", e.sequence), fn("hidden", e.hidden), fn("vocab", e.vocab);
  fn("positions", e.positions), fn("shards", e.shards);
}
template <class E, class Fn>
  requires Is<E, LayerNorm> || Is<E, RmsNorm>
void for_each_field(E& e, Fn&& fn) {
  fn("tokens", e.tokens), fn("hidden", e.hidden), fn("residual", e.residual);
}
template <Is<Linear> E, class Fn>
void for_each_field(E& e, Fn&& fn) {
  fn("tokens", e.tokens), fn("inputs", e.inputs), fn("outputs", e.outputs), fn("bias", e.bias);
}
template <Is<Rope> E, class Fn>
void for_each_field(E& e, Fn&& fn) {
  fn("tokens", e.tokens), fn("sequence", e.sequence), fn("heads", e.heads), fn("kv_heads", e.kv_heads);
  fn("head_dim", e.head_dim);
}
template <Is<Attention> E, class Fn>
void for_each_field(E& e, Fn&& fn) {
  fn("batch", e.batch), fn("sequence", e.sequence), fn("heads", e.heads), fn("kv_heads", e.kv_heads);
  fn("head_dim", e.head_dim), fn("flash", e.flash);
}
template <class E, class Fn>
  requires Is<E, Gelu> || Is<E, SwiGlu> || Is<E, Add> || Is<E, Bias> || Is<E, Dropout>
void for_each_field(E& e, Fn&& fn) {
  fn("tokens", e.tokens), fn("width", e.width);
}
template <Is<CrossEntropy> E, class Fn>
void for_each_field(E& e, Fn&& fn) {
  fn("tokens", e.tokens), fn("vocab", e.vocab), fn("columns", e.columns), fn("scale", e.scale);
  fn("shards", e.shards);
}
template <Is<SquaredNorm> E, class Fn>
void for_each_field(E& e, Fn&& fn) {
  fn("elements", e.elements), fn("first", e.first), fn("shards", e.shards), fn("once_from", e.once_from);
  fn("copies", e.copies), fn("replicas", e.replicas);
}
template <Is<LossSum> E, class Fn>
void for_each_field(E& e, Fn&& fn) {
  fn("micro_batches", e.micro_batches), fn("copies", e.copies);
}
template <Is<ClipFactor> E, class Fn>
void for_each_field(E& e, Fn&& fn) {
  fn("clip_norm", e.clip_norm);
}
template <Is<AdamW> E, class Fn>
void for_each_field(E& e, Fn&& fn) {
  fn("elements", e.elements), fn("decayed", e.decayed), fn("beta1", e.beta1), fn("beta2", e.beta2);
  fn("epsilon", e.epsilon), fn("weight_decay", e.weight_decay), fn("shards", e.shards);
  fn("copies_down", e.copies_down);
}
template <class E, class Fn>
  requires Is<E, Accumulate> || Is<E, Zero>
void for_each_field(E& e, Fn&& fn) {
  fn("elements", e.elements);
}
template <Is<Positions> E, class Fn>
void for_each_field(E& e, Fn&& fn) {
  fn("tokens", e.tokens), fn("sequence", e.sequence), fn("hidden", e.hidden), fn("shards", e.shards);
}
template <Is<SoftmaxStatistics> E, class Fn>
void for_each_field(E& e, Fn&& fn) {
  fn("tokens", e.tokens), fn("vocab", e.vocab), fn("columns", e.columns), fn("shards", e.shards);
}
template <Is<Regroup> E, class Fn>
void for_each_field(E& e, Fn&& fn) {
  fn("tokens", e.tokens), fn("width", e.width), fn("shards", e.shards);
}

/// Whether a field is one of the sizes and switches that time depends on; the others say how ranks share the work, and
/// profiles leave them out.
constexpr bool is_of_shape(std::string_view field) {
  return field != "shards" && field != "once_from" && field != "copies" && field != "replicas" &&
         field != "copies_down";
}

/// All operators with their fields zero, in the order of `What`: to look one up by name.
const std::array<What, std::variant_size_v<What>>& catalogue();

}  // namespace ds::ops
