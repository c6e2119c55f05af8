#pragma once
// RMSNorm: normalisation by the root mean square.

#include "simulator/ops/element_flops.h"
#include "simulator/ops/operator.h"

namespace ds::ops {

/// y = x * inv_rms * gain (Zhang & Sennrich 2019); epsilon 1e-5. `composite`: of elementary operators, which keep x in fp32 and
/// x * inv_rms for the backward (LLaMA's reference code, torch's composite rms_norm).
struct RmsNorm {
  std::int64_t tokens{}, hidden{};
  bool residual{}, composite{};
  bool operator==(const RmsNorm&) const = default;

  static constexpr std::string_view kName = "rms norm";
  std::string_view name() const { return kName; }
  bool has_pass(Pass pass) const { return pass != Pass::update; }
  double flops(Pass pass) const { return norm_flops(pass, tokens, hidden); }
  Extents extents() const { return {tokens, hidden}; }
  void operands(OperandList& l) const {
    const Shape x = matrix(tokens, hidden);
    if (l.pass == Pass::forward) {
      l.in("x", x);
      l.weight("gain", vector(hidden));
      l.result("y", x);
      l.result("inv_rms", vector(tokens));
      if (!composite) return;
      l.typed("wide", Access::write, Role::activation, l.wide(), x);
      l.result("normed", x);
      return;
    }
    l.in("dy", x);
    if (composite && l.pass == Pass::input_gradient)
      l.typed("wide", Access::read, Role::activation, l.wide(), x);
    l.in(composite ? "normed" : "x", x);
    l.in("inv_rms", vector(tokens));
    if (l.pass == Pass::input_gradient) {
      l.weight("gain", vector(hidden));
      if (residual) l.in("residual", x);
      l.result("dx", x);
    } else {
      l.gradient("dgain", vector(hidden));
      l.workspace("sums", vector(hidden));
    }
  }

  template <class Self, class Fn>
  static void fields(Self& self, Fn&& fn) {
    fn("tokens", self.tokens), fn("hidden", self.hidden), fn("residual", self.residual);
    fn("composite", self.composite);
  }
};

}  // namespace ds::ops
