#pragma once
// Cross entropy: the loss and its gradient by the logits.

#include "simulator/ops/element_flops.h"
#include "simulator/ops/operator.h"

namespace ds::ops {

/// loss = -sum over tokens of log softmax(logits)[target] * scale; logits become their own gradient in place.
/// scale = 1 / (tokens of the global batch), so nothing divides later. Columns from `vocab` on are padding.
/// Where columns are cut into `shards`, a rank has those from `first` on (`vocab` counts all real ones) and takes
/// `statistics` [shards, tokens, 3] of all shards, rank after rank. Software that takes it apart has
/// `copies` of the logits in fp32 beside them at once: one where it works in place (Megatron-Core's vocab_parallel_cross_entropy), two
/// where the softmax is another (torch's cross_entropy of logits.float()).
struct CrossEntropy {
  std::int64_t tokens{}, vocab{}, columns{};
  double scale{1};
  std::int64_t shards{1}, first{};
  std::int64_t copies{};  // 0: fused
  bool operator==(const CrossEntropy&) const = default;

  static constexpr std::string_view kName = "cross entropy";
  std::string_view name() const { return kName; }
  bool has_pass(Pass pass) const { return pass == Pass::forward; }
  double flops(Pass /*pass*/) const { return kSoftmaxFlops * real(tokens) * real(columns); }
  Extents extents() const { return {tokens, columns}; }
  void operands(OperandList& l) const {
    l.add("logits", Access::add, Role::activation, matrix(tokens, columns));
    l.ids("targets", tokens);
    if (shards > 1)
      l.typed("statistics", Access::read, Role::activation, l.wide(), matrix(shards * tokens, 3));
    l.scalars("loss", Access::write, 1);
    if (copies > 0)
      l.typed("wide", Access::write, Role::workspace, l.wide(), matrix(copies * tokens, columns));
  }
  void stand_at(const RankPosition& position) { first = shards > 1 ? position.tensor * columns : 0; }

  template <class Self, class Fn>
  static void fields(Self& self, Fn&& fn) {
    fn("tokens", self.tokens), fn("vocab", self.vocab), fn("columns", self.columns), fn("scale", self.scale);
    fn("shards", self.shards), fn("copies", self.copies);
  }
};

}  // namespace ds::ops
