#pragma once
// To 8 bits with a scale, which is simulated only.

#include "simulator/ops/operator.h"

namespace ds::ops {

/// y = x / scale in fp8. `forms`: copies that are written, row by row and, where the GPU's products want both operands that way or
/// scales run along rows, column by column; only one stays. `reads`: passes over x, two where its largest element
/// has to be known first, none where the norm that makes x writes y itself (Micikevicius et al. 2022, "FP8 formats for deep learning"; recipes of Transformer Engine).
/// `copies`: of rows into lengths that products of experts want, and of as many results back, before and behind the product that reads
/// y; `gradient_copies`: of the gradients of that product's results, and of its input.
struct Quantise {
  std::int64_t tokens{}, width{};
  std::int64_t forms{1}, reads{1};
  std::int64_t copies{0}, gradient_copies{0};
  bool operator==(const Quantise&) const = default;

  static constexpr std::string_view kName = "quantise";
  std::string_view name() const { return kName; }
  bool has_pass(Pass pass) const { return pass == Pass::forward; }
  double flops(Pass /*pass*/) const { return 0; }
  Extents extents() const { return {tokens * width}; }
  void operands(OperandList& l) const {
    l.in("x", matrix(tokens, width));
    l.typed("y", Access::write, Role::activation, DataType::fp8, matrix(tokens, width));
  }
  Bytes moved(const Operand& operand, bool /*add*/) const {
    return operand.bytes() * (operand.access == Access::read ? reads + 2 * copies : forms);
  }

  template <class Self, class Fn>
  static void fields(Self& self, Fn&& fn) {
    fn("tokens", self.tokens), fn("width", self.width), fn("forms", self.forms), fn("reads", self.reads);
    fn("copies", self.copies), fn("gradient_copies", self.gradient_copies);
  }
};

}  // namespace ds::ops
