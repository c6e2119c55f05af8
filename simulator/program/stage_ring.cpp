// Ring attention: keys and values go from rank to rank, while each rank's queries meet those that have arrived (Liu et al.
// 2023, arXiv 2310.01889). Backward, their gradients travel along and come home with one shift more, added to on the way.
#include "simulator/program/stage_lowering.h"

namespace ds::program {
namespace {

using ops::Access;

/// The operand of that name, of those that the whole ring has.
class RingUses {
 public:
  RingUses(const ops::Op& ring, const std::vector<Use>& uses) : operands_(ops::operands(ring)), uses_(uses) {}
  Use of(std::string_view name) const {
    const int i = operands_.find(name);
    ensure(i >= 0, "an operand of a part is one of the ring");
    return uses_[static_cast<std::size_t>(i)];
  }

 private:
  ops::Operands operands_;
  const std::vector<Use>& uses_;
};

}  // namespace

void StageLowering::ring_attention(Draft& body, const graph::Node& node, const std::vector<Use>& uses) {
  const RingUses ring(node.op, uses);
  const auto& whole_ring = std::get<ops::ContextAttention>(node.op.what);
  const bool forward = node.op.pass == ops::Pass::forward;
  const Use near_and_far[] = {ring.of("kv.near"), ring.of("kv.far")};
  const auto kv = [&](std::int64_t part) {
    return part == 0 ? ring.of("kv") : near_and_far[static_cast<std::size_t>((part - 1) % 2)];
  };
  const auto shift = [&](Use from, Use to) {
    from.access = Access::read, to.access = Access::write;
    body.add(collective(collective::Collective::shift, kContextGroup, inputs_.lanes.context, {from, to}));
  };
  /// Of a backward: where gradients of keys are added up that are at this rank.
  const auto sum = [&](std::int64_t part) { return ring.of(part % 2 == 0 ? "dkv.near" : "dkv.far"); };
  const auto attend = [&](std::int64_t part) {
    ops::Op op = node.op;
    auto& attention = std::get<ops::ContextAttention>(op.what);
    attention.keys = part == 0 ? ops::Keys::first : ops::Keys::later;
    attention.step = part;
    std::vector<Use> own;
    for (const ops::Operand& operand : ops::operands(op))
      own.push_back(operand.name == "kv"    ? kv(part)
                    : operand.name == "dkv" ? (part == 0 ? sum(0) : ring.of("dkv.own"))
                                            : ring.of(operand.name));
    body.add(instruction(Kind::compute, op, own));
  };
  for (std::int64_t part = 0; part < whole_ring.ranks; ++part) {
    if (part + 1 < whole_ring.ranks) shift(kv(part), kv(part + 1));
    if (!forward && part > 0) shift(sum(part - 1), sum(part));
    attend(part);
    if (forward || part == 0) continue;
    const std::int64_t elements = program_.view(sum(part).view).shape.elements();
    body.add(instruction(Kind::compute,
                         {.what = ops::Accumulate{elements}, .pass = ops::Pass::update, .type = node.op.type},
                         {sum(part), ring.of("dkv.own")}));
  }
  if (!forward) shift(sum(whole_ring.ranks - 1), ring.of("dkv"));
}

}  // namespace ds::program
