#pragma once
// Softmax statistics: what a shard of the vocabulary tells the others.

#include "simulator/ops/operator.h"

namespace ds::ops {

/// statistics[t] = {largest logit, sum of exp(logit - largest), logit of the target or -infinity} of the rank's columns.
struct SoftmaxStatistics {
  std::int64_t tokens{}, vocab{}, columns{};
  std::int64_t shards{1}, first{};
  bool operator==(const SoftmaxStatistics&) const = default;

  static constexpr std::string_view kName = "softmax statistics";
  std::string_view name() const { return kName; }
  bool has_pass(Pass pass) const { return pass == Pass::forward; }
  double flops(Pass /*pass*/) const { return 3 * real(tokens) * real(columns); }
  Extents extents() const { return {tokens, columns}; }
  void operands(OperandList& l) const {
    l.in("logits", matrix(tokens, columns));
    l.ids("targets", tokens);
    l.typed("statistics", Access::write, Role::activation, l.wide(), matrix(tokens, 3));
  }
  void stand_at(const RankPosition& position) { first = shards > 1 ? position.tensor * columns : 0; }

  template <class Self, class Fn>
  static void fields(Self& self, Fn&& fn) {
    fn("tokens", self.tokens), fn("vocab", self.vocab), fn("columns", self.columns);
    fn("shards", self.shards);
  }
};

}  // namespace ds::ops
