#pragma once
// Tokens on their way to experts and back, which is simulated only.

#include "simulator/ops/operator.h"

namespace ds::ops {

/// rows [tokens top_k, width]: each token once for each of its experts, expert after expert.
struct Dispatch {
  std::int64_t tokens{}, width{}, top_k{};
  bool operator==(const Dispatch&) const = default;

  static constexpr std::string_view kName = "dispatch";
  std::string_view name() const { return kName; }
  bool has_pass(Pass pass) const { return pass == Pass::forward || pass == Pass::input_gradient; }
  double flops(Pass pass) const { return pass == Pass::forward ? 0 : real(tokens * top_k) * real(width); }
  Extents extents() const { return {tokens * width * top_k}; }
  void operands(OperandList& l) const {
    const Shape x = matrix(tokens, width), rows = matrix(tokens * top_k, width);
    const bool forward = l.pass == Pass::forward;
    l.in(forward ? "x" : "drows", forward ? x : rows);
    l.typed("chosen", Access::read, Role::activation, DataType::int32, matrix(tokens, top_k));
    l.result(forward ? "rows" : "dx", forward ? rows : x);
  }

  template <class Self, class Fn>
  static void fields(Self& self, Fn&& fn) {
    fn("tokens", self.tokens), fn("width", self.width), fn("top_k", self.top_k);
  }
};

/// y[t]: the sum of its experts' rows, each times its probability.
struct Combine {
  std::int64_t tokens{}, width{}, top_k{};
  bool operator==(const Combine&) const = default;

  static constexpr std::string_view kName = "combine";
  std::string_view name() const { return kName; }
  bool has_pass(Pass pass) const { return pass == Pass::forward || pass == Pass::input_gradient; }
  double flops(Pass pass) const {
    return (pass == Pass::forward ? 2 : 3) * real(tokens * top_k) * real(width);
  }
  Extents extents() const { return {tokens * width * top_k}; }
  void operands(OperandList& l) const {
    const Shape y = matrix(tokens, width), rows = matrix(tokens * top_k, width),
                probs = matrix(tokens, top_k);
    const bool forward = l.pass == Pass::forward;
    if (!forward) l.in("dy", y);
    l.in("rows", rows);
    l.in("probs", probs);
    l.typed("chosen", Access::read, Role::activation, DataType::int32, probs);
    if (forward) {
      l.result("y", y);
    } else {
      l.result("drows", rows);
      l.result("dprobs", probs);
    }
  }

  template <class Self, class Fn>
  static void fields(Self& self, Fn&& fn) {
    fn("tokens", self.tokens), fn("width", self.width), fn("top_k", self.top_k);
  }
};

}  // namespace ds::ops
