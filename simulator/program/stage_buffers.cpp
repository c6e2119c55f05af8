// The buffers of a stage: where every tensor of the graph lives, and how long.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "simulator/base/error.h"
#include "simulator/program/stage_gathering.h"
#include "simulator/program/stage_lowering.h"

namespace ds::program {
using ops::Role;

namespace {

/// Of buckets a part of which is updated on the host one buffer goes on in another, and views count through both.
std::int32_t copies_through(const Program& program, BufferId id) {
  std::int32_t copies = program.buffer(id).copies;
  if (program.buffer(id).part == Part::activations) return copies;
  while (program.buffer(id).goes_on) {
    id = static_cast<BufferId>(index(id) + 1);
    copies += program.buffer(id).copies;
  }
  return copies;
}

}  // namespace

BufferId StageLowering::add_buffer(Buffer buffer, SlotRule rule, SizeRule size) {
  slot_rules_.push_back(rule);
  size_rules_.push_back(size);
  program_.buffers.push_back(std::move(buffer));
  return static_cast<BufferId>(program_.buffers.size() - 1);
}

ViewId StageLowering::add_view(BufferId buffer, Bytes offset, ops::Shape shape, Way way, TensorId tensor) {
  const std::int32_t copies = copies_through(program_, buffer);
  View view{.buffer = buffer,
            .offset = offset,
            .shape = shape,
            .type = program_.buffer(buffer).type,
            .tensor = tensor};
  if (rings_.contains(buffer)) {
    view.step = 1;
    view.ring = copies;
  } else if (copies > 1) {
    view.copy = way == Way::ahead ? 0 : copies - 1;
    view.step = way == Way::ahead ? 1 : -1;
  }
  program_.views.push_back(view);
  return static_cast<ViewId>(program_.views.size() - 1);
}

ViewId StageLowering::whole(BufferId buffer, std::int64_t elements, Way way) {
  return add_view(buffer, {}, {{elements}, 1}, way);
}

ViewId StageLowering::part(BufferId bucket, const BucketBuffers& buffers, Way way) {
  const ViewId view = whole(bucket, buffers.part, way);
  View& v = program_.views[index(view)];
  if (v.bytes() < program_.buffer(bucket).size.bound) {
    v.shard_group = shard_group(buffers);
    v.shard_stride = v.bytes();
  }
  return view;
}

ViewId StageLowering::later(ViewId view, std::int32_t iterations) {
  if (iterations == 0) return view;
  View moved = program_.view(view);
  moved.copy += iterations * moved.step;
  if (moved.ring > 0) moved.copy = (moved.copy % moved.ring + moved.ring) % moved.ring;
  program_.views.push_back(moved);
  return static_cast<ViewId>(program_.views.size() - 1);
}

void StageLowering::make_host_buffers() {
  const auto scalar = [&](const char* name, std::int64_t count, Host host, SlotRule::Kind slots) {
    return add_buffer({.name = name,
                       .size = Size::exactly({count * size_of(DataType::fp64)}),
                       .type = DataType::fp64,
                       .life = Life::step,
                       .part = Part::buffers,
                       .host = host},
                      {.kind = slots}, {.of_stage = slots == SlotRule::Kind::one});
  };
  using enum SlotRule::Kind;
  host_.control = scalar("control", 2, Host::writes, one);
  if (inputs_.micro_batches > 0) host_.losses = scalar("losses", 1, Host::reads, every_micro_batch);
  host_.scalars = scalar("scalars", 4, Host::reads, one);
  sums_ = scalar("sums", 3, Host::none, one);
}

/// Megatron-LM hands a gradient to its autograd for each weight whose real one it adds to a bucket itself; one serves all
/// weights of a shape.
void StageLowering::make_dummy_gradients() {
  std::set<std::pair<std::int64_t, std::int64_t>> shapes;
  for (const Chunk& chunk : chunks_)
    for (const graph::Node& node : chunk.graph->backward) {
      const auto* product = std::get_if<ops::Linear>(&node.op.what);
      if (product == nullptr || node.op.pass != ops::Pass::weight_gradient || product->spare_gradient)
        continue;
      const DataType type = node.op.type;
      if (!shapes.emplace(product->outputs, product->inputs).second) continue;
      add_buffer({.name = fmt::format("dummy gradient {} x {}", product->outputs, product->inputs),
                  .size = Size::exactly({product->outputs * product->inputs * size_of(type)}),
                  .type = type,
                  .life = Life::run,
                  .part = Part::other},
                 {}, {.of_stage = true});
    }
}

/// What a software keeps beside the program's own buffers: workspaces of its libraries, and buckets, which are as large as they may
/// get from the start.
void StageLowering::make_side_buffers() {
  const auto add = [&](const char* name, Bytes bytes, DataType type) {
    if (bytes.value > 0)
      add_buffer(
          {.name = name, .size = Size::exactly(bytes), .type = type, .life = Life::run, .part = Part::other},
          {}, {.of_stage = true});
  };
  add("workspaces of libraries", inputs_.workspace, DataType::fp8);
  add("buckets of shards", {inputs_.bucket_count * inputs_.bucket_elements * size_of(inputs_.type)},
      inputs_.type);
}

/// Where a bucket lies whole while passes use it. What only layers in a row need, each in turn, is there for two of them: one
/// computes while the next one is gathered.
void StageLowering::make_gathered(const Chunk& chunk, const Bucket& bucket, BucketBuffers& buffers) {
  if (!inputs_.gathers_weights()) {
    buffers.used_weight = buffers.weight;
    return;
  }
  int legs = 0;
  for_each_node(chunk, [&](const graph::Node& node, Leg leg) {
    if (touches(*chunk.graph, node, bucket, Role::weight)) legs |= bit(leg);
  });
  const bool of_layers = bucket.layer >= 0;
  const bool keeps_layers = inputs_.sharding.weights == WeightStore::gathered_by_micro_batch;
  buffers.kept =
      inputs_.stages == 1 && legs != 0 && first_of(legs) != last_of(legs) && (!of_layers || keeps_layers);
  SlotRule rule;
  if (buffers.kept)
    rule = {.kind = SlotRule::Kind::in_flight,
            .chunk = chunk.number,
            .from = first_of(legs),
            .to = last_of(legs)};
  buffers.used_weight =
      add_buffer({.name = fmt::format("{}.gathered", bucket.name),
                  .size = Size::exactly({buffers.padded * size_of(inputs_.type)}),
                  .type = inputs_.type,
                  .life = buffers.kept ? Life::slot : Life::call,
                  .part = Part::weights,
                  .copies = buffers.kept ? bucket.copies : copies_in_turn(bucket, prefetches())},
                 rule, of_bucket(chunk, Holds::whole, buffers.kept && of_layers));
  if (!buffers.kept && program_.buffer(buffers.used_weight).copies > 1) rings_.insert(buffers.used_weight);
  if (!inputs_.weights_on_host) return;
  const DataType type = inputs_.sharding.masters_alone ? inputs_.master_type : inputs_.type;
  buffers.fetched_weight = add_buffer({.name = fmt::format("{}.fetched", bucket.name),
                                       .size = Size::exactly({buffers.part * size_of(type)}),
                                       .type = type,
                                       .life = Life::call,
                                       .part = Part::weights,
                                       .copies = copies_in_turn(bucket, prefetches())},
                                      {}, of_bucket(chunk, Holds::shard, false));
  if (program_.buffer(buffers.fetched_weight).copies > 1) rings_.insert(buffers.fetched_weight);
}

/// Visits all nodes with the leg of a micro-batch that they are in: fn(node, leg). Where no backward is in two parts, its
/// last two legs are one.
template <class Fn>
void StageLowering::for_each_node(const Chunk& chunk, Fn&& fn) const {
  const bool splits = inputs_.chunks[static_cast<std::size_t>(chunk.number)].splits_backward;
  for (const graph::Node& node : chunk.graph->forward) fn(node, Leg::forward);
  for (std::size_t n = 0; n < chunk.graph->backward.size(); ++n)
    fn(chunk.graph->backward[n], splits && chunk.weights_alone[n] ? Leg::weights : Leg::inputs);
}

void StageLowering::find_touched(Chunk& chunk) {
  const std::size_t tensors = chunk.graph->tensors.size();
  chunk.touched.assign(tensors, 0);
  chunk.layer_of.assign(tensors, graph::kNone);
  for_each_node(chunk, [&](const graph::Node& node, Leg leg) {
    for (const graph::TensorIndex t : node.operands) {
      chunk.touched[static_cast<std::size_t>(t)] |= bit(leg);
      chunk.layer_of[static_cast<std::size_t>(t)] = node.layer;
    }
  });
  chunk.use_of.assign(tensors, {{ViewId{-1}, {}, 0}, {ViewId{-1}, {}, 0}});
}

void StageLowering::make_activations() {
  for (Chunk& chunk : chunks_) find_touched(chunk);
  if (inputs_.hands_over) {
    Chunk &ahead = chunks_.front(), &back = chunks_.back();
    ensure(!ahead.graph->layers.empty() && !back.graph->layers.empty(),
           "layers stand to both sides of where a pipeline turns");
    make_series(back, Way::ahead, make_series(ahead, Way::ahead));
    make_series(ahead, Way::back, make_series(back, Way::back));
  }
  for (Chunk& chunk : chunks_) {
    if (!inputs_.hands_over && !chunk.graph->layers.empty()) {
      make_series(chunk, Way::ahead);
      make_series(chunk, Way::back);
    }
    bind_rest(chunk);
  }
}

void StageLowering::bind_rest(Chunk& chunk) {
  for (std::size_t t = 0; t < chunk.use_of.size(); ++t)
    if (chunk.touched[t] != 0 && chunk.use_of[t].ahead.view == ViewId{-1})
      bind_tensor(chunk, static_cast<graph::TensorIndex>(t));
}

/// What layers hand on to each other: before the first, between them, behind the last. What stands before and behind may come
/// from another stage or go there, so it has buffers of its own; a layer's views count through all of them. Gradients are in
/// the order of the backward.
BufferId StageLowering::make_series(Chunk& chunk, Way way, BufferId begin) {
  const graph::Stage& graph = *chunk.graph;
  const auto layers = static_cast<std::int32_t>(graph.layers.size());
  const bool gradients = way == Way::back;
  const auto group = [&](std::int32_t g) { return gradients ? layers - 1 - g : g; };  // the g-th of the pass
  const auto from = [&](std::int32_t g) {
    const graph::Layers& l = graph.layers[static_cast<std::size_t>(group(g))];
    return gradients ? l.output_gradient : l.input;
  };
  const auto to = [&](std::int32_t g) {
    const graph::Layers& l = graph.layers[static_cast<std::size_t>(group(g))];
    return gradients ? l.input_gradient : l.output;
  };
  const auto count = [&](std::int32_t g) { return graph.layers[static_cast<std::size_t>(group(g))].count; };
  const auto bind_end = [&](graph::TensorIndex t, BufferId id) {
    const ViewId view = add_view(id, {}, graph.tensors[static_cast<std::size_t>(t)].shape);
    chunk.use_of[static_cast<std::size_t>(t)] = {{view, {}, kMicro0}, {view, {}, kMicro0}};
    return id;
  };
  const auto end_buffer = [&](graph::TensorIndex t, bool goes_on) {
    SlotRule rule;
    Buffer buffer = activation(chunk, t, chunk.touched[static_cast<std::size_t>(t)], rule);
    buffer.goes_on = goes_on || handed_over(chunk, t);
    return bind_end(t, add_buffer(std::move(buffer), rule));
  };
  std::vector<BufferId> begins{begin == BufferId{-1} ? end_buffer(from(0), true) : bind_end(from(0), begin)};
  for (std::int32_t g = 0; g < layers; ++g) {
    if (count(g) > 1) {
      int legs = 0;  // of a tensor that is one layer's result and the next one's input, and nobody else's
      for_each_node(chunk, [&](const graph::Node& node, Leg leg) {
        for (const graph::TensorIndex t : node.operands)
          if (node.layer == group(g) && (t == from(g) || t == to(g))) legs |= bit(leg);
      });
      graph::Tensor between = graph.tensors[static_cast<std::size_t>(to(g))];
      between.name = gradients ? "d.layers.between" : "layers.between";
      SlotRule rule;
      Buffer buffer = activation(chunk, between, legs, false, rule);
      buffer.copies = count(g) - 1;
      buffer.goes_on = true;
      add_buffer(std::move(buffer), rule, {.chunk = chunk.number, .by_layer = true});
    }
    begins.push_back(end_buffer(to(g), g + 1 < layers));
  }
  for (std::int32_t g = 0; g < layers; ++g) {
    const ops::Shape& shape = graph.tensors[static_cast<std::size_t>(from(g))].shape;
    const auto use = [&](std::int32_t copy, std::int32_t step) {
      const ViewId id = add_view(begins[static_cast<std::size_t>(g)], {}, shape);
      program_.views[index(id)].copy = copy;
      program_.views[index(id)].step = step;
      return Use{id, {}, kMicro0};
    };
    // Iteration k of a backward is the layer count - 1 - k.
    const std::int32_t last = count(g) - 1;
    chunk.series[{group(g), from(g)}] = {use(0, 1), gradients ? use(0, 1) : use(last, -1)};
    chunk.series[{group(g), to(g)}] = {use(1, 1), gradients ? use(1, 1) : use(last + 1, -1)};
  }
  return begins.back();
}

/// A buffer for a tensor that those legs touch, and how many slots it has: what more than one of them touches lives from the
/// first to the last.
Buffer StageLowering::activation(const Chunk& chunk, graph::TensorIndex t, int touched,
                                 SlotRule& rule) const {
  const graph::Stage& graph = *chunk.graph;
  const graph::Tensor& tensor = graph.tensors[static_cast<std::size_t>(t)];
  if (handed_over(chunk, t)) {
    rule = handed_over_rule(t, chunk);
    return {.name = tensor.name,
            .size = Size::exactly(tensor.bytes()),
            .type = tensor.type,
            .life = Life::slot,
            .part = Part::activations};
  }
  const bool sent = t == graph.output || t == graph.input_gradient;
  const bool received_aside = inputs_.overlap.p2p && (t == graph.input || t == graph.output_gradient);
  return activation(chunk, tensor, touched, sent || received_aside, rule);
}

Buffer StageLowering::activation(const Chunk& chunk, const graph::Tensor& tensor, int touched,
                                 bool lanes_share, SlotRule& rule) const {
  const Leg from = first_of(touched), to = last_of(touched);
  const bool crosses = from != to;
  if (crosses || lanes_share)
    rule = {.kind = SlotRule::Kind::in_flight,
            .chunk = chunk.number,
            .from = from,
            .to = to,
            .lanes_share = lanes_share};
  return {.name = tensor.name,
          .size = Size::exactly(tensor.bytes()),
          .type = tensor.type,
          .life = crosses || lanes_share ? Life::slot : Life::call,
          .part = tensor.role == Role::workspace ? Part::buffers : Part::activations,
          .allocated = inputs_.allocates};
}

/// On the device, what a layer keeps on the host: one layer computes while that of another is copied.
BufferId StageLowering::add_by_turns(const graph::Tensor& tensor, std::int32_t layers) {
  const BufferId id = add_buffer({.name = tensor.name,
                                  .size = Size::exactly(tensor.bytes()),
                                  .type = tensor.type,
                                  .life = Life::call,
                                  .part = Part::activations,
                                  .copies = std::min(layers, 2)});
  if (program_.buffer(id).copies > 1) rings_.insert(id);
  return id;
}

void StageLowering::bind_tensor(Chunk& chunk, graph::TensorIndex t) {
  const graph::Tensor& tensor = chunk.graph->tensors[static_cast<std::size_t>(t)];
  TensorUse& use = chunk.use_of[static_cast<std::size_t>(t)];
  const auto bind = [&](BufferId id, std::int16_t instance) {
    use = {{add_view(id, {}, tensor.shape, Way::ahead), {}, instance},
           {add_view(id, {}, tensor.shape, Way::back), {}, instance}};
  };
  const auto host_written = [&](Life life, SlotRule rule, SizeRule size = {}) {
    return add_buffer({.name = tensor.name,
                       .size = Size::exactly(tensor.bytes()),
                       .type = tensor.type,
                       .life = life,
                       .part = Part::buffers,
                       .host = Host::writes},
                      rule, size);
  };
  switch (tensor.role) {
    case Role::weight:
      use = tensor.type == DataType::fp8 ? chunk.narrow_weights.at(tensor.parameter)
                                         : chunk.weights.at({tensor.parameter, 0});
      return;
    case Role::gradient: use = chunk.gradients.at({tensor.parameter, tensor.use}); return;
    case Role::scalar: bind(host_.losses, kMicro0); return;
    case Role::tokens: {
      const BufferId id = host_written(Life::step, {.kind = SlotRule::Kind::every_micro_batch});
      if (tensor.name == "ids") host_.ids = id;
      if (tensor.name == "targets") host_.targets = id;
      bind(id, kMicro0);
      return;
    }
    case Role::table:
      if (host_.rope_table == BufferId{-1})
        host_.rope_table = host_written(Life::run, {}, {.of_stage = true});
      bind(host_.rope_table, 0);
      return;
    case Role::activation:
    case Role::workspace: {
      SlotRule rule;
      const std::int32_t layer = chunk.layer_of[static_cast<std::size_t>(t)];
      if (tensor.by_turns) {
        bind(add_by_turns(tensor, chunk.graph->layers[static_cast<std::size_t>(layer)].count), kMicro0);
        return;
      }
      Buffer buffer = tensor.on_host
                          ? activation(chunk, tensor, chunk.touched[static_cast<std::size_t>(t)], false, rule)
                          : activation(chunk, t, chunk.touched[static_cast<std::size_t>(t)], rule);
      if (tensor.on_host) buffer.tier = Tier::host;
      // What a layer keeps for its backward is its own; what lives within a call makes place for the next layer's.
      const bool by_layer = layer != graph::kNone && buffer.life == Life::slot;
      if (by_layer) buffer.copies = chunk.graph->layers[static_cast<std::size_t>(layer)].count;
      bind(add_buffer(std::move(buffer), rule, {.chunk = chunk.number, .by_layer = by_layer}), kMicro0);
      return;
    }
    case Role::state: ensure(false, "optimizer states are no tensors of the graph");
  }
}

}  // namespace ds::program
