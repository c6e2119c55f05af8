// The templates of a stage: its passes as instructions over the buffers that stage_buffers.cpp made.
#include <algorithm>
#include <utility>

#include "simulator/base/error.h"
#include "simulator/program/stage_lowering.h"

namespace ds::program {
namespace {

constexpr LaneId kComputeLane{0};

}  // namespace

OpId StageLowering::op_id(const ops::Op& op) {
  const auto found = std::find(program_.ops.begin(), program_.ops.end(), op);
  if (found != program_.ops.end()) return static_cast<OpId>(found - program_.ops.begin());
  program_.ops.push_back(op);
  return static_cast<OpId>(program_.ops.size() - 1);
}

Instruction StageLowering::instruction(Kind kind, const ops::Op& op, const std::vector<Use>& uses) {
  const ops::Operands operands = ops::operands(op);
  ensure(static_cast<std::size_t>(operands.size()) == uses.size(), "an operator has a use for every operand");
  const Span span{static_cast<std::int32_t>(program_.uses.size()), operands.size()};
  for (int i = 0; i < operands.size(); ++i) {
    Use use = uses[static_cast<std::size_t>(i)];
    use.access = operands[i].access;
    program_.uses.push_back(use);
  }
  program_.operators.push_back({op_id(op), span});
  return {.kind = kind,
          .lane = kComputeLane,
          .operators = {static_cast<std::int32_t>(program_.operators.size()) - 1, 1},
          .uses = {},
          .comm = {}};
}

Instruction StageLowering::lower_node(const graph::Node& node, bool accumulate) {
  ops::Op op = node.op;
  op.accumulate = accumulate && op.pass == ops::Pass::weight_gradient;
  std::vector<Use> uses;
  for (graph::TensorIndex t : node.operands) uses.push_back(use_of_[static_cast<std::size_t>(t)]);
  return instruction(Kind::compute, op, uses);
}

TemplateId StageLowering::add_template(Template body) {
  program_.templates.push_back(std::move(body));
  return static_cast<TemplateId>(program_.templates.size() - 1);
}

TemplateId StageLowering::forward() {
  Template body{.name = "forward", .pass = Pass::forward, .body = {}};
  for (const graph::Node& node : stage_.forward) body.body.push_back(lower_node(node, false));
  return add_template(std::move(body));
}

TemplateId StageLowering::backward(Gradients gradients) {
  const bool add = gradients == Gradients::added;
  Template body{.name = add ? "backward" : "backward, first", .pass = Pass::backward, .body = {}};
  for (const graph::Node& node : stage_.backward) body.body.push_back(lower_node(node, add));
  return add_template(std::move(body));
}

TemplateId StageLowering::norm() {
  Template body{.name = "norm", .pass = Pass::norm, .body = {}};
  const Use sums{whole(sums_, 3), {}, 0};
  bool first = true;
  for (std::size_t b = 0; b < buckets_.size(); ++b) {
    const std::int64_t elements = buckets_[b].elements;
    const Use gradient{whole(bucket_buffers_[b].gradient, elements), {}, 0};
    if (buckets_[b].tied) {
      const Use tied{whole(bucket_buffers_[b].tied_gradient, elements), {}, 0};
      const ops::Op add{ops::Accumulate{elements}, ops::Pass::update, type_};
      body.body.push_back(instruction(Kind::compute, add, {gradient, tied}));
    }
    const ops::Op square{
        ops::SquaredNorm{.elements = elements, .first = std::exchange(first, false), .once_from = elements},
        ops::Pass::update, type_};
    body.body.push_back(instruction(Kind::compute, square, {gradient, sums}));
  }
  const ops::Op loss{ops::LossSum{program_.micro_batches}, ops::Pass::update, type_};
  const Use losses{whole(program_.host.losses, program_.micro_batches), {}, kAllSlots};
  body.body.push_back(instruction(Kind::compute, loss, {losses, sums}));
  const ops::Op clip{ops::ClipFactor{hyper_.clip_norm}, ops::Pass::update, type_};
  body.body.push_back(instruction(Kind::compute, clip, {sums, {whole(program_.host.scalars, 4), {}, 0}}));
  return add_template(std::move(body));
}

TemplateId StageLowering::update() {
  Template body{.name = "update", .pass = Pass::update, .body = {}};
  const Use control{whole(program_.host.control, 2), {}, 0}, scalars{whole(program_.host.scalars, 4), {}, 0};
  for (std::size_t b = 0; b < buckets_.size(); ++b) {
    const BucketBuffers& buffers = bucket_buffers_[b];
    const std::int64_t n = buckets_[b].elements;
    const ops::AdamW adam{.elements = n,
                          .decayed = buckets_[b].decayed,
                          .beta1 = hyper_.beta1,
                          .beta2 = hyper_.beta2,
                          .epsilon = hyper_.epsilon,
                          .weight_decay = hyper_.weight_decay};
    const auto use = [&](BufferId buffer) { return Use{whole(buffer, n), {}, 0}; };
    body.body.push_back(instruction(Kind::optimizer, {adam, ops::Pass::update, type_},
                                    {control, scalars, use(buffers.gradient), use(buffers.weight),
                                     use(buffers.first_moment), use(buffers.second_moment)}));
  }
  return add_template(std::move(body));
}

}  // namespace ds::program
