#pragma once
// Products of many experts as one.

#include "simulator/ops/operator.h"

namespace ds::ops {

/// y = x weight[e]^T (+ bias[e] / parts) for the rows of each expert e, which stand one after the other; weight [experts, outputs,
/// inputs], bias [experts, outputs] (Gale et al. 2022). `fp8`: as of Linear. All experts have as many rows (ExpertRows); what comes
/// from several ranks lies rank after rank, of each expert after expert. Where a sum over `parts` ranks follows, each adds its part
/// of the bias, and the gradient of that is the whole one on each.
struct GroupedLinear {
  std::int64_t tokens{};  // rows: tokens times experts of each
  std::int64_t experts{}, inputs{}, outputs{};
  bool fp8{};
  std::int64_t sources{1};  // ranks that rows come from
  bool bias{};
  std::int64_t parts{1};
  std::int64_t expert_of(std::int64_t row) const { return row / (tokens / (experts * sources)) % experts; }
  bool operator==(const GroupedLinear&) const = default;

  static constexpr std::string_view kName = "grouped linear";
  std::string_view name() const { return kName; }
  bool has_pass(Pass pass) const { return pass != Pass::update; }
  double flops(Pass pass) const {
    const double added = bias && pass != Pass::input_gradient ? real(tokens) * real(outputs) : 0;
    return 2 * real(tokens) * real(inputs) * real(outputs) + added;
  }
  Extents extents() const { return {tokens, inputs, outputs}; }
  void operands(OperandList& l) const {
    const Shape weight = {{experts, outputs, inputs}, 3}, x = matrix(tokens, inputs),
                y = matrix(tokens, outputs);
    const DataType factor = fp8 ? DataType::fp8 : l.type;
    const auto in = [&](std::string_view factor_name, Role role, const Shape& shape) {
      l.typed(factor_name, Access::read, role, factor, shape);
    };
    switch (l.pass) {
      case Pass::forward:
        in("x", Role::activation, x);
        in("weight", Role::weight, weight);
        if (bias) l.weight("bias", matrix(experts, outputs));
        l.result("y", y);
        return;
      case Pass::input_gradient:
        in("dy", Role::activation, y);
        in("weight", Role::weight, weight);
        l.result("dx", x);
        return;
      case Pass::weight_gradient:
        in("dy", Role::activation, y);
        in("x", Role::activation, x);
        l.gradient("dweight", weight);
        if (bias) l.gradient("dbias", matrix(experts, outputs));
        return;
      case Pass::update: return;
    }
  }

  template <class Self, class Fn>
  static void fields(Self& self, Fn&& fn) {
    fn("tokens", self.tokens), fn("experts", self.experts), fn("inputs", self.inputs);
    fn("outputs", self.outputs), fn("fp8", self.fp8), fn("sources", self.sources);
    fn("bias", self.bias), fn("parts", self.parts);
  }
};

}  // namespace ds::ops
