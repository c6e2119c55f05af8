// The buffers of a stage: where every tensor of the graph lives, and how long.
#include <fmt/format.h>

#include <algorithm>

#include "simulator/base/error.h"
#include "simulator/program/stage_lowering.h"

namespace ds::program {
namespace {

using ops::Role;

constexpr int bit(Leg leg) { return 1 << static_cast<int>(leg); }

/// For each tensor of the graph, which legs of a micro-batch touch it. `weights_alone`: backward nodes of the last leg.
std::vector<int> legs_touching(const graph::Stage& stage, const std::vector<bool>& weights_alone) {
  std::vector<int> touched(stage.tensors.size(), 0);
  for (const graph::Node& node : stage.forward)
    for (graph::TensorIndex t : node.operands) touched[static_cast<std::size_t>(t)] |= bit(Leg::forward);
  for (std::size_t n = 0; n < stage.backward.size(); ++n)
    for (graph::TensorIndex t : stage.backward[n].operands)
      touched[static_cast<std::size_t>(t)] |= bit(weights_alone[n] ? Leg::weights : Leg::inputs);
  return touched;
}

Leg first_of(int legs) {
  return (legs & bit(Leg::forward)) != 0  ? Leg::forward
         : (legs & bit(Leg::inputs)) != 0 ? Leg::inputs
                                          : Leg::weights;
}

Leg last_of(int legs) {
  return (legs & bit(Leg::weights)) != 0  ? Leg::weights
         : (legs & bit(Leg::inputs)) != 0 ? Leg::inputs
                                          : Leg::forward;
}

Size exactly(Bytes bytes) { return {bytes, static_cast<double>(bytes.value)}; }

}  // namespace

BufferId StageLowering::add_buffer(Buffer buffer) {
  program_.buffers.push_back(std::move(buffer));
  return static_cast<BufferId>(program_.buffers.size() - 1);
}

ViewId StageLowering::add_view(BufferId buffer, Bytes offset, ops::Shape shape, TensorId tensor) {
  program_.views.push_back({buffer, offset, shape, program_.buffer(buffer).type, tensor});
  return static_cast<ViewId>(program_.views.size() - 1);
}

ViewId StageLowering::whole(BufferId buffer, std::int64_t elements) {
  return add_view(buffer, {}, {{elements}, 1});
}

ViewId StageLowering::part(BufferId bucket, const BucketBuffers& buffers) {
  const ViewId view = whole(bucket, buffers.part);
  if (buffers.part < buffers.padded) {
    View& v = program_.views[index(view)];
    v.by_data_rank = v.bytes();
  }
  return view;
}

void StageLowering::make_host_buffers() {
  const auto scalar = [&](const char* name, std::int64_t count, std::int32_t slots, Host host) {
    return add_buffer({.name = name,
                       .size = exactly({count * size_of(DataType::fp64)}),
                       .type = DataType::fp64,
                       .life = Life::step,
                       .part = Part::buffers,
                       .host = host,
                       .slots = slots});
  };
  const bool head =
      std::ranges::any_of(chunks_, [](const Chunk& chunk) { return chunk.graph->output == graph::kNone; });
  host_.control = scalar("control", 2, 1, Host::writes);
  if (head) host_.losses = scalar("losses", 1, micro_batches(), Host::reads);
  host_.scalars = scalar("scalars", 4, 1, Host::reads);
  sums_ = scalar("sums", 3, 1, Host::none);
}

void StageLowering::make_bucket(Chunk& chunk, const Bucket& bucket) {
  const auto [padded, shard] =
      shards_of(bucket.elements, plan_.sharded ? plan_.data_ranks : 1, plan_.gradient_type);
  BucketBuffers buffers;
  buffers.padded = padded;
  buffers.part = shard;
  const auto run = [&](const char* what, Part part, std::int64_t elements, DataType type) {
    return add_buffer({.name = fmt::format("{}.{}", bucket.name, what),
                       .size = exactly({elements * size_of(type)}),
                       .type = type,
                       .life = Life::run,
                       .part = part,
                       .host = Host::writes});
  };
  const auto gradient = [&](const char* what) {
    return add_buffer({.name = fmt::format("{}.{}", bucket.name, what),
                       .size = exactly({buffers.padded * size_of(plan_.gradient_type)}),
                       .type = plan_.gradient_type,
                       .life = Life::step,
                       .part = Part::gradients});
  };
  buffers.weight = run("weight", Part::weights, buffers.padded, plan_.type);
  buffers.gradient = gradient("gradient");
  if (bucket.tied) buffers.tied_gradient = gradient("tied_gradient");
  if (plan_.master_type != plan_.type)
    buffers.master = run("master", Part::optimizer, buffers.part, plan_.master_type);
  buffers.first_moment = run("first_moment", Part::optimizer, buffers.part, plan_.master_type);
  buffers.second_moment = run("second_moment", Part::optimizer, buffers.part, plan_.master_type);
  make_tensor_views(chunk, bucket, buffers);
  chunk.buffers.push_back(buffers);
}

void StageLowering::make_tensor_views(Chunk& chunk, const Bucket& bucket, const BucketBuffers& buffers) {
  for (const Bucket::Member& member : bucket.members) {
    const graph::Parameter& parameter = chunk.graph->parameters[static_cast<std::size_t>(member.parameter)];
    const auto id = static_cast<TensorId>(program_.tensors.size());
    const auto view = [&](BufferId buffer) {
      if (buffer == BufferId{-1}) return ViewId{-1};
      const Bytes offset{member.first_element * size_of(program_.buffer(buffer).type)};
      return add_view(buffer, offset, parameter.shape, id);
    };
    const TrainedTensor tensor{.name = parameter.name,
                               .shape = parameter.shape,
                               .cut = parameter.cut,
                               .init = parameter.init,
                               .deviation = parameter.deviation,
                               .weight = view(buffers.weight),
                               .gradient = view(buffers.gradient),
                               .tied_gradient = view(buffers.tied_gradient),
                               .first_in_bucket = member.first_element,
                               .master = buffers.master,
                               .first_moment = buffers.first_moment,
                               .second_moment = buffers.second_moment,
                               .shards = buffers.padded / buffers.part};
    chunk.weights[{member.parameter, 0}] = tensor.weight;
    chunk.gradients[{member.parameter, 0}] = tensor.gradient;
    chunk.gradients[{member.parameter, 1}] = tensor.tied_gradient;
    program_.tensors.push_back(tensor);
  }
}

void StageLowering::make_activations(Chunk& chunk) {
  // Where no backward is in two parts, its last two legs are one call.
  const std::vector<bool> none(chunk.weights_alone.size(), false);
  const std::vector<int> touched = legs_touching(*chunk.graph, chunk.splits ? chunk.weights_alone : none);
  chunk.use_of.resize(chunk.graph->tensors.size());
  for (std::size_t t = 0; t < chunk.graph->tensors.size(); ++t)
    if (touched[t] != 0) bind_tensor(chunk, t, touched[t]);
}

/// `touched`: by which legs. What more than one touches lives from the first to the last of them.
void StageLowering::bind_tensor(Chunk& chunk, std::size_t t, int touched) {
  const graph::Tensor& tensor = chunk.graph->tensors[t];
  const auto is = [&](graph::TensorIndex other) { return other == static_cast<graph::TensorIndex>(t); };
  const bool sent = is(chunk.graph->output) || is(chunk.graph->input_gradient);
  const bool received_aside =
      plan_.overlap.p2p && (is(chunk.graph->input) || is(chunk.graph->output_gradient));
  const Leg from = first_of(touched), to = last_of(touched);
  const bool crosses = from != to, lanes_share = sent || received_aside;
  Buffer buffer{.name = tensor.name, .size = exactly(tensor.bytes()), .type = tensor.type};
  std::int16_t instance = 0;
  switch (tensor.role) {
    case Role::weight: chunk.use_of[t] = {chunk.weights.at({tensor.parameter, 0}), {}, 0}; return;
    case Role::gradient:
      chunk.use_of[t] = {chunk.gradients.at({tensor.parameter, tensor.use}), {}, 0};
      return;
    case Role::scalar: chunk.use_of[t] = {whole(host_.losses, 1), {}, kMicro0}; return;
    case Role::tokens:
      buffer.life = Life::step;
      buffer.part = Part::buffers;
      buffer.host = Host::writes;
      buffer.slots = micro_batches();
      instance = kMicro0;
      break;
    case Role::table:
      buffer.life = Life::run;
      buffer.part = Part::buffers;
      buffer.host = Host::writes;
      break;
    case Role::activation:
    case Role::workspace:
      buffer.life = crosses || lanes_share ? Life::slot : Life::call;
      buffer.part = tensor.role == Role::workspace ? Part::buffers : Part::activations;
      if (buffer.life == Life::slot) {
        instance = kMicro0;
        const std::int32_t alive = crosses ? most_in_flight(plan_.order, chunk.number, from, to) : 1;
        buffer.slots = slots_for(alive, lanes_share, micro_batches());
      }
      break;
    case Role::state: ensure(false, "optimizer states are no tensors of the graph");
  }
  const bool known_table = tensor.role == Role::table && host_.rope_table != BufferId{-1};
  const BufferId id = known_table ? host_.rope_table : add_buffer(std::move(buffer));
  if (tensor.name == "ids") host_.ids = id;
  if (tensor.name == "targets") host_.targets = id;
  if (tensor.role == Role::table) host_.rope_table = id;
  chunk.use_of[t] = {add_view(id, {}, tensor.shape), {}, instance};
}

}  // namespace ds::program
