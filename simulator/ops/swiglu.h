#pragma once
// SwiGLU: the gated activation of LLaMA.

#include "simulator/ops/operator.h"

namespace ds::ops {

/// y = silu(gate) * up (Shazeer 2020); x [tokens, 2 width] holds gate in the first `width` columns, up in the others.
/// `composite`: silu and product are an operator each, so silu(gate) is kept. `weighted`: each row times a factor of its own
/// [tokens, 1], an expert's probability; the gradient of that is made of what is recomputed.
struct SwiGlu {
  std::int64_t tokens{}, width{};
  bool composite{}, weighted{};
  bool operator==(const SwiGlu&) const = default;

  static constexpr std::string_view kName = "swiglu";
  std::string_view name() const { return kName; }
  bool has_pass(Pass pass) const { return pass == Pass::forward || pass == Pass::input_gradient; }
  double flops(Pass pass) const { return (pass == Pass::forward ? 5 : 10) * real(tokens) * real(width); }
  Extents extents() const { return {tokens * width}; }
  void operands(OperandList& l) const {
    const Shape x = matrix(tokens, 2 * width), y = matrix(tokens, width);
    const Shape factors = matrix(tokens, 1);
    if (l.pass != Pass::forward) l.in("dy", y);
    l.in("x", x);
    if (weighted) l.in("factors", factors);
    if (l.pass == Pass::forward) {
      l.result("y", y);
      if (composite) l.result("silu", y);
      if (composite && weighted) l.result("unweighted", y);
    } else {
      if (composite) l.in("silu", y);
      if (composite && weighted) l.in("unweighted", y);
      l.result("dx", x);
      if (weighted) l.result("dfactors", factors);
    }
  }

  template <class Self, class Fn>
  static void fields(Self& self, Fn&& fn) {
    fn("tokens", self.tokens), fn("width", self.width), fn("composite", self.composite);
    fn("weighted", self.weighted);
  }
};

}  // namespace ds::ops
