#pragma once
// The end of a tensor's life where no operator that needs it says so.

#include "simulator/ops/operator.h"

namespace ds::ops {

/// A software keeps x up to here although nothing reads it any more: caches of selective checkpointing hold every result of the
/// operators that they are told to keep, until the layer's backward.
struct Hold {
  std::int64_t elements{};
  bool operator==(const Hold&) const = default;

  static constexpr std::string_view kName = "hold";
  std::string_view name() const { return kName; }
  bool has_pass(Pass pass) const { return pass == Pass::forward; }
  double flops(Pass /*pass*/) const { return 0; }
  Extents extents() const { return {elements}; }
  void operands(OperandList& l) const { l.in("x", vector(elements)); }
  Bytes moved(const Operand& /*operand*/, bool /*add*/) const { return {}; }

  template <class Self, class Fn>
  static void fields(Self& self, Fn&& fn) {
    fn("elements", self.elements);
  }
};

}  // namespace ds::ops
