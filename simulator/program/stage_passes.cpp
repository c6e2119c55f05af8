// Forward and backward of a chunk as instructions over the buffers that stage_buffers.cpp made.
#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <utility>

#include "simulator/base/error.h"
#include "simulator/program/launch_waits.h"
#include "simulator/program/rows.h"
#include "simulator/program/stage_gathering.h"
#include "simulator/program/stage_lowering.h"

namespace ds::program {
namespace {

/// Bytes of a block in 8 bits with its scale, over those of the block (DeepSeek-V3, section 3.3.2; OCP microscaling formats).
constexpr double kScaledBlock = 33.0 / 32;

Use with(Use use, Access access) {
  use.access = access;
  return use;
}

collective::Collective collective_of(const ops::Regroup& regroup, ops::Pass pass) {
  using collective::Collective;
  const bool forward = pass == ops::Pass::forward;
  switch (regroup.how) {
    case ops::Regrouping::gather: return forward ? Collective::all_gather : Collective::reduce_scatter;
    case ops::Regrouping::scatter: return forward ? Collective::reduce_scatter : Collective::all_gather;
    case ops::Regrouping::sum:
    case ops::Regrouping::copy: return Collective::all_reduce;
    case ops::Regrouping::exchange:
    case ops::Regrouping::to_heads:
    case ops::Regrouping::to_tokens: return Collective::all_to_all;
  }
  return {};
}

Group group_of(ops::Sharers sharers) {
  switch (sharers) {
    case ops::Sharers::tensor: return kTensorGroup;
    case ops::Sharers::experts: return kExpertGroup;
    case ops::Sharers::context: return kContextGroup;
    case ops::Sharers::expert: return kExpertTensorGroup;
    case ops::Sharers::row: return kRowGroup;
    case ops::Sharers::column: return kColumnGroup;
  }
  return {};
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
  const bool no_work =
      std::holds_alternative<ops::JoinColumns>(op.what) || std::holds_alternative<ops::Hold>(op.what);
  program_.operators.push_back({op_id(op), span, no_work || (inputs_.fuses_bias_dropout && joins_add)});
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
                   .algorithm = inputs_.algorithms.of(group),
                   .bytes = {bytes, static_cast<double>(bytes.value)}}};
}

Instruction StageLowering::transfer(Kind kind, const Chunk& chunk, bool forward, Use use) {
  const bool other_way = goes_back(chunk), sends = kind == Kind::send;
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
  if (!has_passes()) return;
  std::vector<Use> uses;
  for (const graph::TensorIndex t : node.operands) {
    const auto handed_on = chunk.series.find({node.layer, t});
    const TensorUse& use =
        handed_on != chunk.series.end() ? handed_on->second : chunk.use_of[static_cast<std::size_t>(t)];
    uses.push_back(way == Way::ahead ? use.ahead : use.back);
  }
  const auto* regroup = std::get_if<ops::Regroup>(&node.op.what);
  const auto* around = std::get_if<ops::ContextAttention>(&node.op.what);
  const bool to_keys = node.op.pass != ops::Pass::weight_gradient;  // that is of sinks
  if (around != nullptr && around->keys == ops::Keys::ring && to_keys) {
    ring_attention(body, node, uses);
    return;
  }
  if (regroup == nullptr) {
    ops::Op op = node.op;
    if (auto* whole = std::get_if<ops::ContextAttention>(&op.what); whole != nullptr && !to_keys)
      whole->keys = ops::Keys::first;
    op.accumulate = (op.accumulate || accumulate) && op.pass == ops::Pass::weight_gradient;
    const auto* copy = std::get_if<ops::HostCopy>(&node.op.what);
    Instruction one = instruction(copy != nullptr ? Kind::copy : Kind::compute, op, uses);
    if (copy != nullptr) one.lane = copy->to_host ? inputs_.lanes.to_host : inputs_.lanes.from_host;
    body.add(one);
    return;
  }
  if (regroup->how == ops::Regrouping::copy && node.op.pass == ops::Pass::forward) return;
  const bool in_place = uses.size() == 1;
  for (std::size_t i = 0; i < uses.size(); ++i)
    uses[i].access = in_place ? Access::add : i == 0 ? Access::read : Access::write;
  const LaneId lane = regroup->over == ops::Sharers::experts ? inputs_.lanes.experts : inputs_.lanes.compute;
  Instruction exchange =
      collective(collective_of(*regroup, node.op.pass), group_of(regroup->over), lane, uses);
  exchange.comm.heads = regroup->heads(node.op.pass);
  exchange.comm.rows = regroup->rows;
  // What experts take in 8 bits has a scale of 32 bits for 128 elements beside it, or of 8 for 32.
  const bool scaled = regroup->how == ops::Regrouping::exchange && node.op.type == DataType::fp8;
  if (scaled && inputs_.scales_of_blocks) exchange.comm.bytes.expected_bytes *= kScaledBlock;
  body.add(exchange);
}

/// One bucket, for the iteration of a block that is so many further on.
void StageLowering::gather(Draft& body, const Chunk& chunk, std::size_t b, Way way,
                           std::int32_t iterations_ahead) {
  const BucketBuffers& buffers = chunk.buffers[b];
  BufferId shard = buffers.weight != BufferId{-1} ? buffers.weight : buffers.master;
  if (buffers.fetched_weight != BufferId{-1}) {
    copy(body, false, {later(part(shard, buffers, way), iterations_ahead), {}, 0},
         {later(whole(buffers.fetched_weight, buffers.part, way), iterations_ahead), {}, 0});
    shard = buffers.fetched_weight;
  }
  body.add(collective(collective::Collective::all_gather, shard_group(buffers),
                      prefetches() ? inputs_.lanes.gather : inputs_.lanes.compute,
                      {{later(part(shard, buffers, way), iterations_ahead), Access::read, 0},
                       {later(whole(buffers.used_weight, buffers.padded, way), iterations_ahead),
                        Access::write, buffers.used_instance()}}));
}

/// What products of a bucket's weights take.
void StageLowering::quantise_weights(Draft& body, const Chunk& chunk, std::size_t b, Way way) {
  const std::int64_t elements = chunk.buckets[b].fp8;
  const BucketBuffers& buffers = chunk.buffers[b];
  const ops::Op op{
      .what = ops::Quantise{.tokens = elements, .width = 1, .forms = fp8().forms, .reads = fp8().reads},
      .pass = ops::Pass::forward,
      .type = inputs_.type};
  const auto write = [&] {
    body.add(instruction(Kind::compute, op,
                         {{whole(buffers.used_weight, elements, way), {}, buffers.used_instance()},
                          {whole(buffers.narrow_weight, elements, way), {}, 0}}));
  };
  if (inputs_.quantises_once())
    body.of_step(write);
  else
    write();
}

class StageLowering::Units {
 public:
  enum class Quantises : std::uint8_t { no, yes };
  Units(StageLowering& stage, Draft& body, const Chunk& chunk, Way way, const std::vector<bool>& in_pass,
        Quantises quantises)
      : stage_(stage), body_(body), chunk_(chunk), way_(way) {
    const graph::Stage& graph = *chunk.graph;
    std::vector<bool> gathers(chunk.buckets.size(), stage.inputs_.gathers_weights());
    if (way == Way::back)
      for (std::size_t b = 0; b < gathers.size(); ++b) gathers[b] = gathers[b] && !chunk.buffers[b].kept;
    const std::vector<graph::Node>& nodes = way == Way::ahead ? graph.forward : graph.backward;
    runs_ = unit_runs(graph, nodes, in_pass, chunk.buckets, gathers);
    if (quantises == Quantises::no) return;
    std::vector<bool> narrow;
    for (const Bucket& bucket : chunk.buckets) narrow.push_back(bucket.fp8 > 0);
    for (const UnitRun& run : unit_runs(graph, nodes, in_pass, chunk.buckets, narrow))
      quantised_.push_back(run.buckets);
  }

  /// Gathers what is needed first, where the rest is gathered ahead.
  void begin() {
    if (stage_.prefetches() && !runs_.empty()) gather(0, 0);
  }

  /// write(node), in order.
  template <class Write>
  void run(Write&& write) {
    for (std::size_t r = 0; r < runs_.size(); ++r) {
      const UnitRun& run = runs_[r];
      const auto nodes = [&] {
        if (!quantised_.empty())
          for (const std::size_t b : quantised_[r]) stage_.quantise_weights(body_, chunk_, b, way_);
        for (std::size_t n = run.first; n < run.end; ++n) write(n);
        if (stage_.inputs_.waits_for_launches && stage_.has_passes())
          wait_for_launches(body_.pieces().back().body);
      };
      if (!stage_.prefetches()) {
        body_.repeat(run.times, [&] { gather(r, 0), nodes(); });
      } else if (run.buckets.empty() && !next_gathers(r)) {
        body_.repeat(run.times, nodes);
      } else {
        // The last layer gathers for what stands behind the layers.
        const std::int32_t last = run.times - 1;
        body_.repeat(last, [&] { gather(r, 1), nodes(); });
        body_.repeat_from(last, 1, [&] {
          if (next_gathers(r)) gather(r + 1, -last);
          nodes();
        });
      }
    }
  }

 private:
  bool next_gathers(std::size_t r) const { return r + 1 < runs_.size() && !runs_[r + 1].buckets.empty(); }
  void gather(std::size_t r, std::int32_t ahead) {
    for (const std::size_t b : runs_[r].buckets) stage_.gather(body_, chunk_, b, way_, ahead);
  }

  StageLowering& stage_;
  Draft& body_;
  const Chunk& chunk_;
  Way way_;
  std::vector<UnitRun> runs_;
  std::vector<std::vector<std::size_t>> quantised_;  // buckets, by run; empty where the pass finds them done
};

Draft StageLowering::forward(const Chunk& chunk, bool first) {
  const graph::Stage& graph = *chunk.graph;
  const auto use = [&](graph::TensorIndex t) { return chunk.use_of[static_cast<std::size_t>(t)].ahead; };
  Draft body;
  body.name = first ? "forward, first" : "forward";
  body.pass = Pass::forward;
  body.chunk = chunk.number;
  const bool quantises = fp8().on() && (first || !inputs_.quantises_once());
  Units units(*this, body, chunk, Way::ahead, std::vector<bool>(graph.forward.size(), true),
              quantises ? Units::Quantises::yes : Units::Quantises::no);
  units.begin();
  const auto passes_on = [&](auto t) { return has_passes() && t != graph::kNone && !handed_over(chunk, t); };
  if (passes_on(graph.input)) receive(body, chunk, true, use(graph.input));
  units.run([&](std::size_t n) { lower_node(body, chunk, graph.forward[n], Way::ahead, false); });
  if (passes_on(graph.output)) send(body, chunk, true, use(graph.output));
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
  const bool into_shards = inputs_.sharding.gradients;
  std::vector<bool> in_pass;
  for (const bool alone : chunk.weights_alone) in_pass.push_back(alone ? weights : inputs);
  const bool quantises = fp8().on() && !inputs_.quantises_once();
  Units units(*this, body, chunk, Way::back, in_pass,
              quantises ? Units::Quantises::yes : Units::Quantises::no);
  units.begin();
  if (role.first && !into_shards) body.of_step([&] { zero_padding(body, chunk); });
  const bool sends = has_passes() && inputs;
  const auto passes_on = [&](auto t) { return sends && t != graph::kNone && !handed_over(chunk, t); };
  if (passes_on(graph.output_gradient)) receive(body, chunk, false, use(graph.output_gradient));
  const bool reduces = role.last || (into_shards && weights);
  units.run([&](std::size_t n) {
    if (!in_pass[n]) return;
    lower_node(body, chunk, graph.backward[n], Way::back, !role.first && !into_shards);
    if (!reduces) return;
    for (const std::size_t b : chunk.complete_after[n])
      if (into_shards)
        reduce_into_shards(body, chunk, b, role);
      else
        body.of_step([&] { reduce_bucket(body, chunk, b); });
  });
  if (passes_on(graph.input_gradient)) send(body, chunk, false, use(graph.input_gradient));
  overlap_products(body);
  return body;
}

/// A backward begins when its gradient is there, also where it begins with a replay that has no need of it: frameworks call
/// for the backward of a stage when they have received (Megatron-LM: recv_backward, then backward_step). Where a replay
/// comes first, an instruction without operators waits. Beside a forward there is other work to do.
Draft StageLowering::backward_alone(const Chunk& chunk, Gradients gradients, GradientRole role) {
  Draft body = backward(chunk, gradients, role);
  const graph::TensorIndex gradient = chunk.graph->output_gradient;
  if (!has_passes() || gradients == Gradients::weights || gradient == graph::kNone ||
      handed_over(chunk, gradient))
    return body;
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

}  // namespace ds::program
