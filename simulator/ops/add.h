#pragma once
// The residual connection.

#include "simulator/ops/operator.h"

namespace ds::ops {

/// y = a + b, the residual connection. It has no backward: both inputs share y's gradient.
struct Add {
  std::int64_t tokens{}, width{};
  bool operator==(const Add&) const = default;

  static constexpr std::string_view kName = "residual add";
  std::string_view name() const { return kName; }
  bool has_pass(Pass pass) const { return pass == Pass::forward; }
  double flops(Pass /*pass*/) const { return real(tokens) * real(width); }
  Extents extents() const { return {tokens * width}; }
  void operands(OperandList& l) const {
    const Shape x = matrix(tokens, width);
    l.in("a", x);
    l.in("b", x);
    l.result("y", x);
  }

  template <class Self, class Fn>
  static void fields(Self& self, Fn&& fn) {
    fn("tokens", self.tokens), fn("width", self.width);
  }
};

}  // namespace ds::ops
