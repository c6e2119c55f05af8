#pragma once
// Dropout, which is simulated only.

#include "simulator/ops/operator.h"

namespace ds::ops {

/// x is set to zero where a coin says so, else divided by 1 - probability, in place; the mask keeps a byte per element.
struct Dropout {
  std::int64_t tokens{}, width{};
  bool operator==(const Dropout&) const = default;

  static constexpr std::string_view kName = "dropout";
  std::string_view name() const { return kName; }
  bool has_pass(Pass pass) const { return pass == Pass::forward || pass == Pass::input_gradient; }
  double flops(Pass /*pass*/) const { return 2 * real(tokens) * real(width); }
  Extents extents() const { return {tokens * width}; }
  void operands(OperandList& l) const {
    const Shape x = matrix(tokens, width);
    const bool forward = l.pass == Pass::forward;
    l.add(forward ? "x" : "dx", Access::add, Role::activation, x);
    // A byte per element, whatever the byte means.
    l.typed("mask", forward ? Access::write : Access::read, Role::activation, DataType::fp8, x);
  }

  template <class Self, class Fn>
  static void fields(Self& self, Fn&& fn) {
    fn("tokens", self.tokens), fn("width", self.width);
  }
};

}  // namespace ds::ops
