// Forward and backward of a chunk as instructions over the buffers that stage_buffers.cpp made.
#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <utility>

#include "simulator/base/error.h"
#include "simulator/program/rows.h"
#include "simulator/program/stage_lowering.h"

namespace ds::program {
namespace {

Use with(Use use, Access access) {
  use.access = access;
  return use;
}

bool touches_gradient(const graph::Stage& graph, const graph::Node& node, const Bucket& bucket) {
  return std::ranges::any_of(node.operands, [&](graph::TensorIndex t) {
    const graph::Tensor& tensor = graph.tensors[static_cast<std::size_t>(t)];
    return tensor.role == ops::Role::gradient &&
           std::ranges::any_of(bucket.members, [&](const Bucket::Member& member) {
             return member.parameter == tensor.parameter;
           });
  });
}

}  // namespace

OpId StageLowering::op_id(const ops::Op& op) {
  // Most differ in what they are, which is told faster than by comparing all of both.
  const auto found = std::ranges::find_if(program_.ops, [&](const ops::Op& known) {
    return known.pass == op.pass && known.what.index() == op.what.index() && known == op;
  });
  if (found != program_.ops.end()) return static_cast<OpId>(found - program_.ops.begin());
  program_.ops.push_back(op);
  return static_cast<OpId>(program_.ops.size() - 1);
}

Instruction StageLowering::instruction(Kind kind, const ops::Op& op, const std::vector<Use>& uses) {
  const ops::Operands operands = ops::operands(op);
  ensure(static_cast<std::size_t>(operands.size()) == uses.size(), "an operator has a use for every operand");
  const Span span{static_cast<std::int32_t>(program_.uses.size()), operands.size()};
  for (int i = 0; i < operands.size(); ++i)
    program_.uses.push_back(with(uses[static_cast<std::size_t>(i)], operands[i].access));
  const bool joins_add = op.pass == ops::Pass::forward && (std::holds_alternative<ops::Bias>(op.what) ||
                                                           std::holds_alternative<ops::Dropout>(op.what));
  program_.operators.push_back({op_id(op), span, inputs_.fuses_bias_dropout && joins_add});
  return {.kind = kind,
          .lane = inputs_.lanes.compute,
          .operators = {static_cast<std::int32_t>(program_.operators.size()) - 1, 1},
          .uses = {},
          .comm = {}};
}

Instruction StageLowering::collective(collective::Collective what, Group group, LaneId lane,
                                      const std::vector<Use>& uses) {
  const Span span{static_cast<std::int32_t>(program_.uses.size()), static_cast<std::int32_t>(uses.size())};
  Bytes bytes{};
  for (const Use& use : uses) {
    program_.uses.push_back(use);
    bytes = std::max(bytes, program_.view(use.view).bytes());
  }
  return {.kind = Kind::collective,
          .lane = lane,
          .operators = {},
          .uses = span,
          .comm = {.what = what,
                   .group = group,
                   .algorithm = inputs_.algorithm,
                   .bytes = {bytes, static_cast<double>(bytes.value)}}};
}

Instruction StageLowering::transfer(Kind kind, const Chunk& chunk, bool forward, Use use) {
  const bool other_way = opposite(chunk), sends = kind == Kind::send;
  const MessageLanes& lanes = inputs_.lanes.messages[other_way ? 1 : 0];
  const LaneId lane = sends ? (forward ? lanes.send_forward : lanes.send_backward)
                            : (forward ? lanes.receive_forward : lanes.receive_backward);
  Instruction result = collective(collective::Collective::shift, other_way ? kOppositePipeline : kPipeline,
                                  lane, {with(use, sends ? Access::read : Access::write)});
  result.kind = kind;
  result.comm.shift = static_cast<std::int8_t>(forward != other_way ? 1 : -1);
  return result;
}

Use StageLowering::share_of(Use whole) {
  View view = program_.view(whole.view);
  view.shape = {{view.shape.elements() / inputs_.tensor_ranks}, 1};
  view.shard_group = kTensorGroup;
  view.shard_stride = view.bytes();
  whole.view = static_cast<ViewId>(program_.views.size());
  program_.views.push_back(view);
  return whole;
}

/// A message of activations that all tensor-parallel ranks hold is sent in shares, and gathered where it arrives (Narayanan
/// et al. 2021, section 4.1).
void StageLowering::send(Draft& body, const Chunk& chunk, bool forward, Use use) {
  body.add(transfer(Kind::send, chunk, forward, inputs_.sends_shares ? share_of(use) : use));
}

void StageLowering::receive(Draft& body, const Chunk& chunk, bool forward, Use use) {
  if (!inputs_.sends_shares) {
    body.add(transfer(Kind::receive, chunk, forward, use));
    return;
  }
  const Use share = share_of(use);
  body.add(transfer(Kind::receive, chunk, forward, share));
  body.add(collective(collective::Collective::all_gather, kTensorGroup, inputs_.lanes.compute,
                      {with(share, Access::read), with(use, Access::write)}));
}

/// Each tensor-parallel collective that has a matrix product next to it is cut into pieces with that: a gather with the
/// one behind it, a reduction with the one before it. Not where another communication of the lane stands between. What sums
/// gradients once a step is left alone.
void StageLowering::overlap_products(Draft& body) const {
  if (!inputs_.products_in_pieces) return;
  const auto product_of = [&](const Instruction& i) {
    for (std::int32_t o = i.operators.first; o < i.operators.first + i.operators.count; ++o)
      if (std::holds_alternative<ops::Linear>(
              program_.op(program_.operators[static_cast<std::size_t>(o)].op).what))
        return o;
    return -1;
  };
  const auto nearest = [&](auto from, const auto& to, LaneId lane) {
    for (; from != to; ++from) {
      if (from->of_step) continue;
      if (communicates(from->kind) && from->lane == lane) break;
      if (const std::int32_t product = product_of(*from); product >= 0) return product;
    }
    return -1;
  };
  for (Draft::Piece& piece : body.pieces())
    for (std::size_t at = 0; at < piece.body.size(); ++at) {
      Instruction& one = piece.body[at];
      if (one.kind != Kind::collective || one.comm.group != kTensorGroup || one.of_step) continue;
      const bool after = one.comm.what == collective::Collective::all_gather;
      const std::span<const Instruction> behind = std::span(piece.body).subspan(at + 1);
      const std::span<const Instruction> before = std::span(piece.body).first(at);
      one.comm.beside = after ? nearest(behind.begin(), behind.end(), one.lane)
                              : nearest(before.rbegin(), before.rend(), one.lane);
    }
}

void StageLowering::lower_node(Draft& body, const Chunk& chunk, const graph::Node& node, Way way,
                               bool accumulate) {
  using collective::Collective;
  std::vector<Use> uses;
  for (const graph::TensorIndex t : node.operands) {
    const auto handed_on = chunk.series.find({node.layer, t});
    const TensorUse& use =
        handed_on != chunk.series.end() ? handed_on->second : chunk.use_of[static_cast<std::size_t>(t)];
    uses.push_back(way == Way::ahead ? use.ahead : use.back);
  }
  const auto* regroup = std::get_if<ops::Regroup>(&node.op.what);
  if (regroup == nullptr) {
    ops::Op op = node.op;
    op.accumulate = accumulate && op.pass == ops::Pass::weight_gradient;
    body.add(instruction(Kind::compute, op, uses));
    return;
  }
  const bool forward = node.op.pass == ops::Pass::forward;
  if (regroup->how == ops::Regrouping::copy && forward) return;
  const bool in_place = uses.size() == 1;
  Collective what = Collective::all_reduce;
  if (!in_place)
    what = (regroup->how == ops::Regrouping::gather) == forward ? Collective::all_gather
                                                                : Collective::reduce_scatter;
  for (std::size_t i = 0; i < uses.size(); ++i)
    uses[i].access = in_place ? Access::add : i == 0 ? Access::read : Access::write;
  body.add(collective(what, kTensorGroup, inputs_.lanes.compute, uses));
}

namespace {

/// Visits runs of nodes of the same layers: fn(first, end, times).
template <class Fn>
void for_each_run(const graph::Stage& graph, const std::vector<graph::Node>& nodes, Fn&& fn) {
  for (std::size_t first = 0; first < nodes.size();) {
    std::size_t end = first;
    while (end < nodes.size() && nodes[end].layer == nodes[first].layer) ++end;
    const std::int32_t layer = nodes[first].layer;
    fn(first, end, layer == graph::kNone ? 1 : graph.layers[static_cast<std::size_t>(layer)].count);
    first = end;
  }
}

}  // namespace

Draft StageLowering::forward(const Chunk& chunk) {
  const graph::Stage& graph = *chunk.graph;
  const auto use = [&](graph::TensorIndex t) { return chunk.use_of[static_cast<std::size_t>(t)].ahead; };
  Draft body;
  body.name = "forward";
  body.pass = Pass::forward;
  body.chunk = chunk.number;
  if (graph.input != graph::kNone) receive(body, chunk, true, use(graph.input));
  for_each_run(graph, graph.forward, [&](std::size_t first, std::size_t end, std::int32_t times) {
    body.repeat(times, [&] {
      for (std::size_t n = first; n < end; ++n) lower_node(body, chunk, graph.forward[n], Way::ahead, false);
    });
  });
  if (graph.output != graph::kNone) send(body, chunk, true, use(graph.output));
  overlap_products(body);
  return body;
}

Draft StageLowering::backward(const Chunk& chunk, Gradients gradients, GradientRole role) {
  const graph::Stage& graph = *chunk.graph;
  const auto use = [&](graph::TensorIndex t) { return chunk.use_of[static_cast<std::size_t>(t)].back; };
  const bool weights = gradients != Gradients::inputs, inputs = gradients != Gradients::weights;
  const char* const what = !weights ? "input gradients" : !inputs ? "weight gradients" : "backward";
  Draft body;
  body.name = fmt::format("{}{}{}", what, role.first ? ", first" : "", role.last ? ", last" : "");
  body.pass = inputs ? Pass::backward : Pass::weight_gradient;
  body.chunk = chunk.number;
  if (role.first) body.of_step([&] { zero_padding(body, chunk); });
  if (inputs && graph.output_gradient != graph::kNone)
    receive(body, chunk, false, use(graph.output_gradient));
  // Buckets in the order in which their last gradient comes.
  std::vector<std::size_t> waiting;
  if (role.last)
    for (std::size_t b = 0; b < chunk.buckets.size(); ++b) waiting.push_back(b);
  for_each_run(graph, graph.backward, [&](std::size_t first, std::size_t end, std::int32_t times) {
    body.repeat(times, [&] {
      for (std::size_t n = first; n < end; ++n) {
        if (!(chunk.weights_alone[n] ? weights : inputs)) continue;
        lower_node(body, chunk, graph.backward[n], Way::back, !role.first);
        release_finished(body, chunk, waiting, n);
      }
    });
  });
  if (inputs && graph.input_gradient != graph::kNone) send(body, chunk, false, use(graph.input_gradient));
  overlap_products(body);
  return body;
}

/// A backward begins when its gradient is there, also where it begins with a replay that has no need of it: frameworks call
/// for the backward of a stage when they have received (Megatron-LM: recv_backward, then backward_step). Where a replay
/// comes first, an instruction without operators waits. Beside a forward there is other work to do.
Draft StageLowering::backward_alone(const Chunk& chunk, Gradients gradients, GradientRole role) {
  Draft body = backward(chunk, gradients, role);
  const graph::TensorIndex gradient = chunk.graph->output_gradient;
  if (gradients == Gradients::weights || gradient == graph::kNone) return body;
  const std::vector<graph::TensorIndex>& first = chunk.graph->backward.front().operands;
  if (std::ranges::find(first, gradient) != first.end()) return body;
  Instruction wait{.kind = Kind::compute, .lane = inputs_.lanes.compute};
  wait.uses = {static_cast<std::int32_t>(program_.uses.size()), 1};
  program_.uses.push_back(with(chunk.use_of[static_cast<std::size_t>(gradient)].back, Access::read));
  for (Draft::Piece& piece : body.pieces()) {
    const auto received = std::ranges::find(piece.body, Kind::receive, &Instruction::kind);
    if (received == piece.body.end()) continue;
    // What gathers its shares follows it.
    piece.body.insert(received + (inputs_.sends_shares ? 2 : 1), wait);
    break;
  }
  return body;
}

void StageLowering::release_finished(Draft& body, const Chunk& chunk, std::vector<std::size_t>& waiting,
                                     std::size_t node) {
  const std::vector<graph::Node>& nodes = chunk.graph->backward;
  std::erase_if(waiting, [&](std::size_t b) {
    if (!touches_gradient(*chunk.graph, nodes[node], chunk.buckets[b])) return false;
    for (std::size_t later = node + 1; later < nodes.size(); ++later)
      if (touches_gradient(*chunk.graph, nodes[later], chunk.buckets[b])) return false;
    body.of_step([&] { reduce_bucket(body, chunk, b); });
    return true;
  });
}

}  // namespace ds::program
