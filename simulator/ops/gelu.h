#pragma once
// GELU: the activation of GPT.

#include "simulator/ops/operator.h"

namespace ds::ops {

/// y = 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) (Hendrycks & Gimpel 2016, the tanh form of GPT-2). `weighted`: as of
/// SwiGlu.
struct Gelu {
  std::int64_t tokens{}, width{};
  bool weighted{};
  bool operator==(const Gelu&) const = default;

  static constexpr std::string_view kName = "gelu";
  std::string_view name() const { return kName; }
  bool has_pass(Pass pass) const { return pass == Pass::forward || pass == Pass::input_gradient; }
  double flops(Pass pass) const { return (pass == Pass::forward ? 9 : 18) * real(tokens) * real(width); }
  Extents extents() const { return {tokens * width}; }
  void operands(OperandList& l) const {
    const Shape x = matrix(tokens, width);
    if (l.pass != Pass::forward) l.in("dy", x);
    l.in("x", x);
    if (weighted) l.in("factors", matrix(tokens, 1));
    l.result(l.pass == Pass::forward ? "y" : "dx", x);
    if (weighted && l.pass != Pass::forward) l.result("dfactors", matrix(tokens, 1));
  }

  template <class Self, class Fn>
  static void fields(Self& self, Fn&& fn) {
    fn("tokens", self.tokens), fn("width", self.width), fn("weighted", self.weighted);
  }
};

}  // namespace ds::ops
