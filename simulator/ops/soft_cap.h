#pragma once
// A soft limit of logits.

#include "simulator/ops/operator.h"

namespace ds::ops {

/// y = c tanh(x / c) with c = 30 (Gemma 2, arXiv 2408.00118, section 2). The loss turns y into its own gradient, so x is kept.
struct SoftCap {
  std::int64_t tokens{}, width{};
  bool operator==(const SoftCap&) const = default;

  static constexpr std::string_view kName = "soft cap";
  std::string_view name() const { return kName; }
  bool has_pass(Pass pass) const { return pass == Pass::forward || pass == Pass::input_gradient; }
  double flops(Pass pass) const { return (pass == Pass::forward ? 3 : 6) * real(tokens) * real(width); }
  Extents extents() const { return {tokens * width}; }
  void operands(OperandList& l) const {
    const Shape x = matrix(tokens, width);
    if (l.pass != Pass::forward) l.in("dy", x);
    l.in("x", x);
    l.result(l.pass == Pass::forward ? "y" : "dx", x);
  }

  template <class Self, class Fn>
  static void fields(Self& self, Fn&& fn) {
    fn("tokens", self.tokens), fn("width", self.width);
  }
};

}  // namespace ds::ops
