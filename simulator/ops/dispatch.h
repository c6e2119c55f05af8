#pragma once
// Tokens on their way to experts and back.

#include "simulator/ops/operator.h"

namespace ds::ops {

/// Where tokens stand among the rows that go to experts: expert after expert, in the order of tokens. Each expert has as many
/// rows: a `capacity`, or what it would have if all were chosen evenly. Tokens for which no row is left are dropped, rows that
/// no token takes are zero (Fedus et al. 2021, section 2.2; decision 022).
struct ExpertRows {
  std::int64_t tokens{}, top_k{}, experts{}, capacity{};
  std::int64_t count() const { return capacity > 0 ? experts * capacity : tokens * top_k; }
  std::int64_t of_expert() const { return count() / experts; }
};

/// rows [rows, width]: each token once for each of its experts, expert after expert: see ExpertRows.
struct Dispatch {
  std::int64_t tokens{}, width{}, top_k{};
  std::int64_t experts{}, capacity{0};  // 0: as many rows as tokens times top_k
  ExpertRows rows() const { return {tokens, top_k, experts, capacity}; }
  bool operator==(const Dispatch&) const = default;

  static constexpr std::string_view kName = "dispatch";
  std::string_view name() const { return kName; }
  bool has_pass(Pass pass) const { return pass == Pass::forward || pass == Pass::input_gradient; }
  double flops(Pass pass) const { return pass == Pass::forward ? 0 : real(tokens * top_k) * real(width); }
  Extents extents() const { return {tokens * width * top_k}; }
  void operands(OperandList& l) const {
    const Shape x = matrix(tokens, width), rows = matrix(this->rows().count(), width);
    const bool forward = l.pass == Pass::forward;
    l.in(forward ? "x" : "drows", forward ? x : rows);
    l.typed("chosen", Access::read, Role::activation, DataType::int32, matrix(tokens, top_k));
    l.result(forward ? "rows" : "dx", forward ? rows : x);
  }

  template <class Self, class Fn>
  static void fields(Self& self, Fn&& fn) {
    fn("tokens", self.tokens), fn("width", self.width), fn("top_k", self.top_k);
    fn("experts", self.experts), fn("capacity", self.capacity);
  }
};

/// factors [rows, 1]: the probability of each choice where its row stands, 0 where no token does.
struct SpreadProbabilities {
  std::int64_t tokens{}, top_k{};
  std::int64_t experts{}, capacity{0};  // as of Dispatch
  ExpertRows rows() const { return {tokens, top_k, experts, capacity}; }
  bool operator==(const SpreadProbabilities&) const = default;

  static constexpr std::string_view kName = "spread probabilities";
  std::string_view name() const { return kName; }
  bool has_pass(Pass pass) const { return pass == Pass::forward || pass == Pass::input_gradient; }
  double flops(Pass /*pass*/) const { return 0; }
  Extents extents() const { return {tokens * top_k}; }
  void operands(OperandList& l) const {
    const Shape probs = matrix(tokens, top_k), factors = matrix(this->rows().count(), 1);
    const bool forward = l.pass == Pass::forward;
    l.in(forward ? "probs" : "dfactors", forward ? probs : factors);
    l.typed("chosen", Access::read, Role::activation, DataType::int32, probs);
    l.result(forward ? "factors" : "dprobs", forward ? factors : probs);
  }

  template <class Self, class Fn>
  static void fields(Self& self, Fn&& fn) {
    fn("tokens", self.tokens), fn("top_k", self.top_k);
    fn("experts", self.experts), fn("capacity", self.capacity);
  }
};

/// y[t]: the sum of its experts' rows, each times its probability, or as they are: then nothing is kept for the backward.
struct Combine {
  std::int64_t tokens{}, width{}, top_k{};
  std::int64_t experts{}, capacity{0};  // as of Dispatch
  bool weighted{true};                  // else experts have multiplied by probabilities
  ExpertRows rows() const { return {tokens, top_k, experts, capacity}; }
  bool operator==(const Combine&) const = default;

  static constexpr std::string_view kName = "combine";
  std::string_view name() const { return kName; }
  bool has_pass(Pass pass) const { return pass == Pass::forward || pass == Pass::input_gradient; }
  double flops(Pass pass) const {
    const double each = pass == Pass::forward ? (weighted ? 2 : 1) : (weighted ? 3 : 0);
    return each * real(tokens * top_k) * real(width);
  }
  Extents extents() const { return {tokens * width * top_k}; }
  void operands(OperandList& l) const {
    const Shape y = matrix(tokens, width), rows = matrix(this->rows().count(), width),
                probs = matrix(tokens, top_k);
    const bool forward = l.pass == Pass::forward;
    if (!forward) l.in("dy", y);
    if (forward || weighted) l.in("rows", rows);
    if (weighted) l.in("probs", probs);
    l.typed("chosen", Access::read, Role::activation, DataType::int32, probs);
    l.result(forward ? "y" : "drows", forward ? y : rows);
    if (!forward && weighted) l.result("dprobs", probs);
  }

  template <class Self, class Fn>
  static void fields(Self& self, Fn&& fn) {
    fn("tokens", self.tokens), fn("width", self.width), fn("top_k", self.top_k);
    fn("experts", self.experts), fn("capacity", self.capacity), fn("weighted", self.weighted);
  }
};

}  // namespace ds::ops
