#pragma once
// A matrix product with a weight.

#include "simulator/ops/operator.h"

namespace ds::ops {

/// y = x weight^T (+ bias); weight [outputs, inputs]. `fp8`: what it multiplies has been quantised, results have not.
/// `spare_gradient`: beside that of its weights there is one in the working precision, which autograd is handed where the real one
/// is added to a buffer itself, or which is added to it (Megatron-LM, linear_with_grad_accumulation_and_async_allreduce).
struct Linear {
  std::int64_t tokens{}, inputs{}, outputs{};
  bool bias{}, fp8{}, spare_gradient{};
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
    const DataType factor = fp8 ? DataType::fp8 : l.type;
    const auto in = [&](std::string_view factor_name, const Shape& shape) {
      l.typed(factor_name, Access::read, Role::activation, factor, shape);
    };
    switch (l.pass) {
      case Pass::forward:
        in("x", x);
        l.typed("weight", Access::read, Role::weight, factor, weight);
        if (bias) l.weight("bias", vector(outputs));
        l.result("y", y);
        return;
      case Pass::input_gradient:
        in("dy", y);
        l.typed("weight", Access::read, Role::weight, factor, weight);
        l.result("dx", x);
        return;
      case Pass::weight_gradient:
        in("dy", y);
        in("x", x);
        l.gradient("dweight", weight);
        if (spare_gradient) l.workspace("spare", weight);
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
    fn("tokens", self.tokens), fn("inputs", self.inputs), fn("outputs", self.outputs), fn("bias", self.bias),
        fn("fp8", self.fp8), fn("spare_gradient", self.spare_gradient);
  }
};

}  // namespace ds::ops
