#pragma once
// Results of products that the software keeps apart and ds's next operator reads as one.

#include "simulator/ops/operator.h"

namespace ds::ops {

/// y [tokens, first + second + third] of what separate products of one input have made: queries, keys, values; gate and up. The
/// operator behind it reads the parts themselves, so nothing moves.
struct JoinColumns {
  std::int64_t tokens{}, first{}, second{}, third{0};
  bool operator==(const JoinColumns&) const = default;

  static constexpr std::string_view kName = "join columns";
  std::string_view name() const { return kName; }
  bool has_pass(Pass pass) const { return pass == Pass::forward || pass == Pass::input_gradient; }
  double flops(Pass /*pass*/) const { return 0; }
  Extents extents() const { return {tokens, first + second + third}; }
  void operands(OperandList& l) const {
    const Shape all = matrix(tokens, first + second + third);
    const bool forward = l.pass == Pass::forward;
    if (!forward) l.in("dy", all);
    const auto part = [&](std::string_view x, std::string_view dx, std::int64_t width) {
      if (width == 0) return;
      forward ? l.in(x, matrix(tokens, width)) : l.result(dx, matrix(tokens, width));
    };
    part("a", "da", first), part("b", "db", second), part("c", "dc", third);
    if (forward) l.result("y", all);
  }
  Bytes moved(const Operand& /*operand*/, bool /*add*/) const { return {}; }

  template <class Self, class Fn>
  static void fields(Self& self, Fn&& fn) {
    fn("tokens", self.tokens), fn("first", self.first), fn("second", self.second), fn("third", self.third);
  }
};

}  // namespace ds::ops
