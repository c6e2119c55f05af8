#pragma once
// Products of many experts as one.

#include "simulator/ops/operator.h"

namespace ds::ops {

/// y = x weight[e]^T for the rows of each expert e, which stand one after the other; weight [experts, outputs, inputs]
/// (Gale et al. 2022). `fp8`: as of Linear. All experts have as many rows (ExpertRows); what comes from several ranks lies rank
/// after rank, of each expert after expert.
struct GroupedLinear {
  std::int64_t tokens{};  // rows: tokens times experts of each
  std::int64_t experts{}, inputs{}, outputs{};
  bool fp8{};
  std::int64_t sources{1};  // ranks that rows come from
  std::int64_t expert_of(std::int64_t row) const { return row / (tokens / (experts * sources)) % experts; }
  bool operator==(const GroupedLinear&) const = default;

  static constexpr std::string_view kName = "grouped linear";
  std::string_view name() const { return kName; }
  bool has_pass(Pass pass) const { return pass != Pass::update; }
  double flops(Pass /*pass*/) const { return 2 * real(tokens) * real(inputs) * real(outputs); }
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
        return;
      case Pass::update: return;
    }
  }

  template <class Self, class Fn>
  static void fields(Self& self, Fn&& fn) {
    fn("tokens", self.tokens), fn("experts", self.experts), fn("inputs", self.inputs);
    fn("outputs", self.outputs), fn("fp8", self.fp8), fn("sources", self.sources);
  }
};

}  // namespace ds::ops
