#pragma once
// Gradient norm, clip factor and finite flag, from the sums of all ranks.

#include "simulator/ops/operator.h"

namespace ds::ops {

/// From sums {loss, squares, not finite} to scalars {loss, gradient norm, factor, finite}, all fp64: norm = sqrt(squares),
/// rounded once to `type`; factor = min(1, clip_norm / norm), 1 when clip_norm is 0; finite = 1 when nothing is not
/// finite, else 0.
struct ClipFactor {
  double clip_norm{};
  bool operator==(const ClipFactor&) const = default;

  static constexpr std::string_view kName = "clip factor";
  std::string_view name() const { return kName; }
  bool has_pass(Pass pass) const { return pass == Pass::update; }
  double flops(Pass /*pass*/) const { return 4; }
  Extents extents() const { return {1}; }
  void operands(OperandList& l) const {
    l.scalars("sums", Access::read, 3);
    l.scalars("scalars", Access::write, 4);
  }

  template <class Self, class Fn>
  static void fields(Self& self, Fn&& fn) {
    fn("clip_norm", self.clip_norm);
  }
};

}  // namespace ds::ops
