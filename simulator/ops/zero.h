#pragma once
// Zeros, which pad a bucket.

#include "simulator/ops/operator.h"

namespace ds::ops {

/// a = 0: the elements that pad a bucket.
struct Zero {
  std::int64_t elements{};
  bool operator==(const Zero&) const = default;

  static constexpr std::string_view kName = "zero";
  std::string_view name() const { return kName; }
  bool has_pass(Pass pass) const { return pass == Pass::update; }
  double flops(Pass /*pass*/) const { return 0; }
  Extents extents() const { return {elements}; }
  void operands(OperandList& l) const { l.add("a", Access::write, Role::gradient, vector(elements)); }

  template <class Self, class Fn>
  static void fields(Self& self, Fn&& fn) {
    fn("elements", self.elements);
  }
};

}  // namespace ds::ops
