#pragma once
// Activations that wait for their backward in fewer bits, which is simulated only.

#include "simulator/ops/operator.h"

namespace ds::ops {

/// narrow = x in `bits` bits an element, as bytes: 8, or 12 (a sign, five bits of exponent and six of mantissa: DeepSeek-V3,
/// arXiv 2412.19437, section 3.3.3). `widens`: the way back.
struct Narrow {
  std::int64_t tokens{}, width{}, bits{8};
  bool widens{false};
  std::int64_t columns() const { return width * bits / 8; }
  bool operator==(const Narrow&) const = default;

  static constexpr std::string_view kName = "narrow";
  std::string_view name() const { return kName; }
  bool has_pass(Pass pass) const { return pass == Pass::forward; }
  double flops(Pass /*pass*/) const { return 0; }
  Extents extents() const { return {tokens * width}; }
  void operands(OperandList& l) const {
    const auto bytes = [&](Access access) {
      l.typed("narrow", access, Role::activation, DataType::fp8, matrix(tokens, columns()));
    };
    if (widens) {
      bytes(Access::read);
      l.result("x", matrix(tokens, width));
    } else {
      l.in("x", matrix(tokens, width));
      bytes(Access::write);
    }
  }

  template <class Self, class Fn>
  static void fields(Self& self, Fn&& fn) {
    fn("tokens", self.tokens), fn("width", self.width), fn("bits", self.bits), fn("widens", self.widens);
  }
};

}  // namespace ds::ops
