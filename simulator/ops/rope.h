#pragma once
// Rotary positions of queries and keys.

#include "simulator/ops/operator.h"

namespace ds::ops {

/// Rotates pairs (i, i + head_dim / 2) of q and k inside qkv by position (Su et al. 2021, the half-split layout of
/// LLaMA), in place. qkv [tokens, (heads + 2 kv_heads) head_dim]: all q heads, then k, then v.
/// table [sequence, head_dim]: cosines in the first half of a row, sines in the second; base 10000.
struct Rope {
  std::int64_t tokens{}, sequence{}, heads{}, kv_heads{}, head_dim{};
  bool operator==(const Rope&) const = default;

  static constexpr std::string_view kName = "rope";
  std::string_view name() const { return kName; }
  bool has_pass(Pass pass) const { return pass == Pass::forward || pass == Pass::input_gradient; }
  double flops(Pass /*pass*/) const { return 3 * real(tokens) * real((heads + kv_heads) * head_dim); }
  Extents extents() const { return {tokens * (heads + kv_heads) * head_dim}; }
  void operands(OperandList& l) const {
    const Shape qkv = matrix(tokens, (heads + 2 * kv_heads) * head_dim);
    l.add(l.pass == Pass::forward ? "qkv" : "dqkv", Access::add, Role::activation, qkv);
    l.add("table", Access::read, Role::table, matrix(sequence, head_dim));
  }

  template <class Self, class Fn>
  static void fields(Self& self, Fn&& fn) {
    fn("tokens", self.tokens), fn("sequence", self.sequence), fn("heads", self.heads);
    fn("kv_heads", self.kv_heads);
    fn("head_dim", self.head_dim);
  }
};

}  // namespace ds::ops
