#pragma once
// A bias of its own, added after a sum over ranks.

#include "simulator/ops/operator.h"

namespace ds::ops {

/// y = x + bias, in place: of a matrix product whose result is summed over ranks, so that it is added once.
struct Bias {
  std::int64_t tokens{}, width{};
  bool operator==(const Bias&) const = default;

  static constexpr std::string_view kName = "bias";
  std::string_view name() const { return kName; }
  bool has_pass(Pass pass) const { return pass == Pass::forward || pass == Pass::weight_gradient; }
  double flops(Pass /*pass*/) const { return real(tokens) * real(width); }
  Extents extents() const { return {tokens * width}; }
  void operands(OperandList& l) const {
    const Shape x = matrix(tokens, width);
    if (l.pass == Pass::forward) {
      l.add("x", Access::add, Role::activation, x);
      l.weight("bias", vector(width));
    } else {
      l.in("dx", x);
      l.gradient("dbias", vector(width));
      l.workspace("sums", vector(width));
    }
  }

  template <class Self, class Fn>
  static void fields(Self& self, Fn&& fn) {
    fn("tokens", self.tokens), fn("width", self.width);
  }
};

}  // namespace ds::ops
