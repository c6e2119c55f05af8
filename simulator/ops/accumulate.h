#pragma once
// Accumulation: the gradients of a tied tensor, added.

#include "simulator/ops/operator.h"

namespace ds::ops {

/// a += b, element by element: the gradients of two uses of a tied tensor that one rank holds.
struct Accumulate {
  std::int64_t elements{};
  bool operator==(const Accumulate&) const = default;

  static constexpr std::string_view kName = "accumulate";
  std::string_view name() const { return kName; }
  bool has_pass(Pass pass) const { return pass == Pass::update; }
  double flops(Pass /*pass*/) const { return real(elements); }
  Extents extents() const { return {elements}; }
  void operands(OperandList& l) const {
    l.add("a", Access::add, Role::gradient, vector(elements));
    l.add("b", Access::read, Role::gradient, vector(elements));
  }

  template <class Self, class Fn>
  static void fields(Self& self, Fn&& fn) {
    fn("elements", self.elements);
  }
};

}  // namespace ds::ops
