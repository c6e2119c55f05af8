#pragma once
// The sum of a rank's losses.

#include "simulator/ops/operator.h"

namespace ds::ops {

/// sums[0] += sum of losses, where `copies` ranks know the same losses by the first of them only.
struct LossSum {
  std::int64_t micro_batches{};
  std::int64_t copies{1};
  bool counted{true};
  bool operator==(const LossSum&) const = default;

  static constexpr std::string_view kName = "loss sum";
  std::string_view name() const { return kName; }
  bool has_pass(Pass pass) const { return pass == Pass::update; }
  double flops(Pass /*pass*/) const { return real(micro_batches); }
  Extents extents() const { return {micro_batches}; }
  void operands(OperandList& l) const {
    l.scalars("losses", Access::read, micro_batches);
    l.scalars("sums", Access::add, 3);
  }
  void stand_at(const RankPosition& position) { counted = copies == 1 || position.tensor == 0; }

  template <class Self, class Fn>
  static void fields(Self& self, Fn&& fn) {
    fn("micro_batches", self.micro_batches), fn("copies", self.copies);
  }
};

}  // namespace ds::ops
