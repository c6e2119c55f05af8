#pragma once
// The choice of experts.

#include "simulator/ops/element_flops.h"
#include "simulator/ops/operator.h"

namespace ds::ops {

/// probs [tokens, top_k]: of softmax(logits) the largest, of the experts `chosen` (Fedus et al. 2021; Jiang et al. 2024,
/// section 2.1). logits [tokens, experts] are kept.
struct Route {
  std::int64_t tokens{}, experts{}, top_k{};
  bool operator==(const Route&) const = default;

  static constexpr std::string_view kName = "route";
  std::string_view name() const { return kName; }
  bool has_pass(Pass pass) const { return pass == Pass::forward || pass == Pass::input_gradient; }
  double flops(Pass /*pass*/) const { return kSoftmaxFlops * real(tokens) * real(experts); }
  Extents extents() const { return {tokens, experts}; }
  void operands(OperandList& l) const {
    const Shape logits = matrix(tokens, experts), few = matrix(tokens, top_k);
    const bool forward = l.pass == Pass::forward;
    if (forward)
      l.in("logits", logits);
    else
      l.in("dprobs", few), l.in("logits", logits);
    if (forward) l.result("probs", few);
    l.typed("chosen", forward ? Access::write : Access::read, Role::activation, DataType::int32, few);
    if (!forward) l.result("dlogits", logits);
  }

  template <class Self, class Fn>
  static void fields(Self& self, Fn&& fn) {
    fn("tokens", self.tokens), fn("experts", self.experts), fn("top_k", self.top_k);
  }
};

}  // namespace ds::ops
