#pragma once
// Causal self-attention, flash or unfused.

#include "simulator/ops/element_flops.h"
#include "simulator/ops/operator.h"

namespace ds::ops {

/// o = softmax(q k^T / sqrt(head_dim), causal) v, per sequence and head; kv head of q head h: h / (heads / kv_heads).
/// Flash: tile by tile without the score matrix, keeps a log-sum-exp a row (Dao 2023). Unfused: keeps probabilities.
struct Attention {
  std::int64_t batch{}, sequence{}, heads{}, kv_heads{}, head_dim{};
  bool flash{true};
  std::int64_t tokens() const { return batch * sequence; }
  bool operator==(const Attention&) const = default;

  static constexpr std::string_view kName = "attention", kUnfusedName = "unfused attention";
  std::string_view name() const { return flash ? kName : kUnfusedName; }
  bool has_pass(Pass pass) const { return pass == Pass::forward || pass == Pass::input_gradient; }
  double flops(Pass pass) const {
    // Lower triangle with its diagonal; forward two products, backward four, and one more where flash repeats q k^T.
    const double pairs = real(batch * heads) * real(sequence) * real(sequence + 1) / 2;
    const double products = pass == Pass::forward ? 2 : flash ? 5 : 4;
    return pairs * (2 * products * real(head_dim) + kSoftmaxFlops);
  }
  Extents extents() const { return {batch * heads, sequence, head_dim}; }
  void operands(OperandList& l) const {
    const Shape qkv = matrix(tokens(), (heads + 2 * kv_heads) * head_dim);
    const Shape o = matrix(tokens(), heads * head_dim);
    const Shape rows = {{batch, heads, sequence}, 3};
    const Shape scores = {{batch, heads, sequence, sequence}, 4};
    if (l.pass == Pass::forward) {
      l.in("qkv", qkv);
      l.result("o", o);
      l.result(flash ? "lse" : "probabilities", flash ? rows : scores);
      return;
    }
    l.in("do", o);
    l.in("qkv", qkv);
    if (flash) {
      l.in("o", o);
      l.in("lse", rows);
      l.result("dqkv", qkv);
      l.workspace("delta", vector(sequence));  // row sums of do * o, one head at a time
    } else {
      l.in("probabilities", scores);
      l.result("dqkv", qkv);
      l.workspace("dscores", matrix(sequence, sequence));  // one head at a time
    }
  }

  template <class Self, class Fn>
  static void fields(Self& self, Fn&& fn) {
    fn("batch", self.batch), fn("sequence", self.sequence), fn("heads", self.heads);
    fn("kv_heads", self.kv_heads);
    fn("head_dim", self.head_dim), fn("flash", self.flash);
  }
};

}  // namespace ds::ops
