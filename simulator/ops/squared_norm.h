#pragma once
// Squares of gradients, for their norm.

#include <algorithm>

#include "simulator/ops/operator.h"

namespace ds::ops {

/// sums {loss, squares, not finite} += {0, sum of squares of the gradient, number of elements that are not finite}; fp64.
/// Elements are a rank's shard of a bucket. What other ranks hold as well is counted by the first of them only: elements
/// from `once_from` on, in the whole bucket, which so many `copies` in a row of the tensor-parallel ranks hold; all where
/// `replicas` > 1.
struct SquaredNorm {
  std::int64_t elements{};
  bool first{};            // writes the sums instead of adding to them
  std::int64_t shards{1};  // of the bucket, over data-parallel ranks
  std::int64_t once_from{};
  std::int64_t copies{1}, replicas{1};  // over tensor-parallel ranks in a row, over data-parallel ranks
  bool of_experts{};                    // that ranks share out: other ranks have the same shards
  std::int64_t counted{-1};             // of this rank's elements; -1: not said yet, see at()
  bool operator==(const SquaredNorm&) const = default;

  static constexpr std::string_view kName = "squared norm";
  std::string_view name() const { return kName; }
  bool has_pass(Pass pass) const { return pass == Pass::update; }
  double flops(Pass /*pass*/) const { return 2 * real(elements); }
  Extents extents() const { return {elements}; }
  void operands(OperandList& l) const {
    l.add("gradient", Access::read, Role::gradient, vector(elements));
    l.scalars("sums", first ? Access::write : Access::add, 3);
  }
  void stand_at(const RankPosition& position) {
    const std::int64_t place = of_experts ? position.expert_data : position.data;
    const std::int64_t begin = place % shards * elements;
    counted = elements;
    if (position.tensor % copies > 0) counted = std::clamp<std::int64_t>(once_from - begin, 0, elements);
    if (replicas > 1 && place >= shards) counted = 0;
  }

  template <class Self, class Fn>
  static void fields(Self& self, Fn&& fn) {
    fn("elements", self.elements), fn("first", self.first), fn("shards", self.shards);
    fn("once_from", self.once_from);
    fn("copies", self.copies), fn("replicas", self.replicas), fn("of_experts", self.of_experts);
  }
};

}  // namespace ds::ops
