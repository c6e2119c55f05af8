#pragma once
// LayerNorm: normalisation by mean and deviation.

#include "simulator/ops/element_flops.h"
#include "simulator/ops/operator.h"

namespace ds::ops {

/// y = (x - mean) * inv_std * gain + bias over the hidden dimension (Ba, Kiros & Hinton 2016); epsilon 1e-5. Some models
/// have no bias (MPT, Cohere), some no gain either (OLMo).
struct LayerNorm {
  std::int64_t tokens{}, hidden{};
  bool residual{};  // input gradient: the gradient that flows past the branch is added to the result
  bool gains{true}, shifts{true};
  bool operator==(const LayerNorm&) const = default;

  static constexpr std::string_view kName = "layer norm";
  std::string_view name() const { return kName; }
  bool has_pass(Pass pass) const { return pass != Pass::update && (gains || pass != Pass::weight_gradient); }
  double flops(Pass pass) const { return norm_flops(pass, tokens, hidden); }
  Extents extents() const { return {tokens, hidden}; }
  void operands(OperandList& l) const {
    const Shape x = matrix(tokens, hidden);
    if (l.pass == Pass::forward) {
      l.in("x", x);
      if (gains) l.weight("gain", vector(hidden));
      if (shifts) l.weight("bias", vector(hidden));
      l.result("y", x);
      l.result("mean", vector(tokens));
      l.result("inv_std", vector(tokens));
      return;
    }
    l.in("dy", x);
    l.in("x", x);
    l.in("mean", vector(tokens));
    l.in("inv_std", vector(tokens));
    if (l.pass == Pass::input_gradient) {
      if (gains) l.weight("gain", vector(hidden));
      if (residual) l.in("residual", x);
      l.result("dx", x);
    } else {
      l.gradient("dgain", vector(hidden));
      if (shifts) l.gradient("dbias", vector(hidden));
      l.workspace("sums", matrix(shifts ? 2 : 1, hidden));
    }
  }

  template <class Self, class Fn>
  static void fields(Self& self, Fn&& fn) {
    fn("tokens", self.tokens), fn("hidden", self.hidden), fn("residual", self.residual);
    fn("gains", self.gains), fn("shifts", self.shifts);
  }
};

}  // namespace ds::ops
