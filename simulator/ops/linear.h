#pragma once
// A matrix product with a weight.

#include "simulator/ops/operator.h"

namespace ds::ops {

/// y = x weight^T (+ bias); weight [outputs, inputs].
struct Linear {
  std::int64_t tokens{}, inputs{}, outputs{};
  bool bias{};
  bool operator==(const Linear&) const = default;

  static constexpr std::string_view kName = "linear";
  std::string_view name() const { return kName; }
  bool has_pass(Pass pass) const { return pass != Pass::update; }
  double flops(Pass pass) const {
    const double added = bias && pass != Pass::input_gradient ? real(tokens) * real(outputs) : 0;
    return 2 * real(tokens) * real(inputs) * real(outputs) + added;
  }
  Extents extents() const { return {tokens, inputs, outputs}; }
  void operands(OperandList& l) const {
    const Shape weight = matrix(outputs, inputs), x = matrix(tokens, inputs), y = matrix(tokens, outputs);
    switch (l.pass) {
      case Pass::forward:
        l.in("x", x);
        l.weight("weight", weight);
        if (bias) l.weight("bias", vector(outputs));
        l.result("y", y);
        return;
      case Pass::input_gradient:
        l.in("dy", y);
        l.weight("weight", weight);
        l.result("dx", x);
        return;
      case Pass::weight_gradient:
        l.in("dy", y);
        l.in("x", x);
        l.gradient("dweight", weight);
        if (bias) {
          l.gradient("dbias", vector(outputs));
          l.workspace("sums", vector(outputs));
        }
        return;
      case Pass::update: return;
    }
  }

  template <class Self, class Fn>
  static void fields(Self& self, Fn&& fn) {
    fn("tokens", self.tokens), fn("inputs", self.inputs), fn("outputs", self.outputs), fn("bias", self.bias);
  }
};

}  // namespace ds::ops
