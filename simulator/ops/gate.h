#pragma once
// The gate of shared experts: one factor for each token.

#include "simulator/ops/operator.h"

namespace ds::ops {

/// y = x sigmoid(logit), one logit a token (Qwen team 2024, "Qwen1.5-MoE"; Qwen2MoeSparseMoeBlock of transformers).
struct Gate {
  std::int64_t tokens{}, width{};
  bool operator==(const Gate&) const = default;

  static constexpr std::string_view kName = "gate";
  std::string_view name() const { return kName; }
  bool has_pass(Pass pass) const { return pass == Pass::forward || pass == Pass::input_gradient; }
  /// The gradient of a logit is a sum over its row.
  double flops(Pass pass) const { return (pass == Pass::forward ? 1 : 3) * real(tokens) * real(width); }
  Extents extents() const { return {tokens * width}; }
  void operands(OperandList& l) const {
    const Shape x = matrix(tokens, width), logits = matrix(tokens, 1);
    if (l.pass != Pass::forward) l.in("dy", x);
    l.in("x", x);
    l.in("logits", logits);
    l.result(l.pass == Pass::forward ? "y" : "dx", x);
    if (l.pass != Pass::forward) l.result("dlogits", logits);
  }

  template <class Self, class Fn>
  static void fields(Self& self, Fn&& fn) {
    fn("tokens", self.tokens), fn("width", self.width);
  }
};

}  // namespace ds::ops
