#pragma once
// From one type to another, which is simulated only.

#include "simulator/ops/operator.h"

namespace ds::ops {

/// y = x in the type `to`: gradients that travel wider than they are computed.
struct Cast {
  std::int64_t elements{};
  DataType to{};
  bool operator==(const Cast&) const = default;

  static constexpr std::string_view kName = "cast";
  std::string_view name() const { return kName; }
  bool has_pass(Pass pass) const { return pass == Pass::update; }
  double flops(Pass /*pass*/) const { return 0; }
  Extents extents() const { return {elements}; }
  void operands(OperandList& l) const {
    l.add("x", Access::read, Role::gradient, vector(elements));
    l.typed("y", Access::write, Role::gradient, to, vector(elements));
  }

  template <class Self, class Fn>
  static void fields(Self& self, Fn&& fn) {
    fn("elements", self.elements);
  }
};

}  // namespace ds::ops
