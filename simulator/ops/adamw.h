#pragma once
// AdamW: the optimizer on a shard of a bucket.

#include "simulator/ops/operator.h"

namespace ds::ops {

/// AdamW (Loshchilov & Hutter 2019) on a rank's shard of a flat bucket; of the whole bucket the first `decayed` elements
/// decay, the others do not. control {learning rate, step (from 1)} and scalars {loss, norm, factor, finite} are fp64.
struct AdamW {
  std::int64_t elements{}, decayed{};
  double beta1{0.9}, beta2{0.95}, epsilon{1e-8}, weight_decay{0.1};
  std::int64_t shards{1}, first{};  // the rank's elements begin at `first` of the bucket
  bool of_experts{};                // that ranks share out: their shards are dealt out by themselves
  bool copies_down{};  // the weight is a master copy; a working copy in `working_type` is written as well
  DataType working_type{};
  bool narrow_moments{};  // in bf16 (DeepSeek-V3, arXiv 2412.19437, section 3.3.3)
  bool on_host{};         // states lie in the memory of the host, whose processors update them
  bool operator==(const AdamW&) const = default;

  static constexpr std::string_view kName = "adamw";
  std::string_view name() const { return kName; }
  bool has_pass(Pass pass) const { return pass == Pass::update; }
  double flops(Pass /*pass*/) const { return 15 * real(elements); }
  Extents extents() const { return {elements}; }
  void operands(OperandList& l) const {
    const Shape flat = vector(elements);
    l.scalars("control", Access::read, 2);
    l.scalars("scalars", Access::read, 4);
    l.typed("gradient", Access::read, Role::gradient, copies_down ? l.narrow_type : l.gradient_type, flat);
    l.add("weight", Access::add, Role::weight, flat);
    const DataType moments = narrow_moments ? DataType::bf16 : l.type;
    l.typed("first_moment", Access::add, Role::state, moments, flat);
    l.typed("second_moment", Access::add, Role::state, moments, flat);
    if (copies_down) l.typed("working", Access::write, Role::weight, working_type, flat);
  }
  void stand_at(const RankPosition& position) {
    first = (of_experts ? position.expert_data : position.data) % shards * elements;
  }

  template <class Self, class Fn>
  static void fields(Self& self, Fn&& fn) {
    fn("elements", self.elements), fn("decayed", self.decayed), fn("beta1", self.beta1);
    fn("beta2", self.beta2);
    fn("epsilon", self.epsilon), fn("weight_decay", self.weight_decay), fn("shards", self.shards);
    fn("of_experts", self.of_experts), fn("copies_down", self.copies_down);
    fn("narrow_moments", self.narrow_moments);
  }
};

}  // namespace ds::ops
