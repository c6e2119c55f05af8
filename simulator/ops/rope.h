#pragma once
// Rotary positions of queries and keys.

#include "simulator/ops/operator.h"

namespace ds::ops {

/// Rotates pairs (i, i + head_dim / 2) of q and k inside qkv by position (Su et al. 2021, the half-split layout of
/// LLaMA), in place. qkv [tokens, (heads + 2 kv_heads) head_dim]: all q heads, then k, then v.
/// table [sequence, head_dim]: cosines in the first half of a row, sines in the second; base 10000. With `rotary`, of each
/// head only so many elements are rotated, and the table is as wide (GPT-J, Wang & Komatsuzaki 2021).
struct Rope {
  std::int64_t tokens{}, sequence{}, heads{}, kv_heads{}, head_dim{};
  std::int64_t rotary{0};  // 0: all of head_dim
  std::int64_t width() const { return rotary > 0 ? rotary : head_dim; }
  bool operator==(const Rope&) const = default;

  static constexpr std::string_view kName = "rope";
  std::string_view name() const { return kName; }
  bool has_pass(Pass pass) const { return pass == Pass::forward || pass == Pass::input_gradient; }
  double flops(Pass /*pass*/) const { return 3 * real(tokens) * real((heads + kv_heads) * width()); }
  Extents extents() const { return {tokens * (heads + kv_heads) * width()}; }
  void operands(OperandList& l) const {
    const Shape qkv = matrix(tokens, (heads + 2 * kv_heads) * head_dim);
    l.add(l.pass == Pass::forward ? "qkv" : "dqkv", Access::add, Role::activation, qkv);
    l.add("table", Access::read, Role::table, matrix(sequence, width()));
  }
  /// Of heads that are rotated in part the rest stays where it is.
  Bytes moved(const Operand& operand, bool /*add*/) const {
    if (operand.role == Role::table || rotary == 0) return operand.bytes();
    return {tokens * (heads + kv_heads) * rotary * size_of(operand.type)};
  }

  template <class Self, class Fn>
  static void fields(Self& self, Fn&& fn) {
    fn("tokens", self.tokens), fn("sequence", self.sequence), fn("heads", self.heads);
    fn("kv_heads", self.kv_heads);
    fn("head_dim", self.head_dim), fn("rotary", self.rotary);
  }
};

}  // namespace ds::ops
