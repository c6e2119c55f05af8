// The buffers of a stage: where every tensor of the graph lives, and how long.
#include <fmt/format.h>

#include "simulator/base/error.h"
#include "simulator/program/stage_lowering.h"

namespace ds::program {
namespace {

using ops::Role;

/// For each tensor of the graph: 1 where a forward node touches it, 2 a backward node, 3 both.
std::vector<int> passes_touching(const graph::Stage& stage) {
  std::vector<int> touched(stage.tensors.size(), 0);
  for (const graph::Node& node : stage.forward)
    for (graph::TensorIndex t : node.operands) touched[static_cast<std::size_t>(t)] |= 1;
  for (const graph::Node& node : stage.backward)
    for (graph::TensorIndex t : node.operands) touched[static_cast<std::size_t>(t)] |= 2;
  return touched;
}

DataType stage_type(const graph::Stage& stage) {
  for (const graph::Tensor& tensor : stage.tensors)
    if (tensor.role == Role::weight) return tensor.type;
  return DataType::fp32;
}

Size exactly(Bytes bytes) { return {bytes, static_cast<double>(bytes.value)}; }

}  // namespace

StageLowering::StageLowering(Program& program, graph::Stage stage, const workload::HyperParameters& hyper,
                             std::int32_t slots)
    : program_(program), stage_(std::move(stage)), hyper_(hyper), type_(stage_type(stage_)) {
  program_.lanes.push_back({Unit::compute, {}, 0});
  buckets_ = make_buckets(stage_);
  for (const Bucket& bucket : buckets_) make_bucket(bucket);
  make_host_buffers();
  make_activations(slots);
}

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

void StageLowering::make_host_buffers() {
  const std::int32_t m = program_.micro_batches;
  const auto scalar = [&](const char* name, std::int64_t count, std::int32_t slots, Host host) {
    return add_buffer({.name = name,
                       .size = exactly({count * size_of(DataType::fp64)}),
                       .type = DataType::fp64,
                       .life = Life::step,
                       .part = Part::buffers,
                       .host = host,
                       .slots = slots});
  };
  program_.host.control = scalar("control", 2, 1, Host::writes);
  program_.host.losses = scalar("losses", 1, m, Host::reads);
  program_.host.scalars = scalar("scalars", 4, 1, Host::reads);
  sums_ = scalar("sums", 3, 1, Host::none);
}

void StageLowering::make_bucket(const Bucket& bucket) {
  const Size size = exactly({bucket.elements * size_of(type_)});
  const auto run = [&](const char* what, Part part) {
    return add_buffer({.name = fmt::format("{}.{}", bucket.name, what),
                       .size = size,
                       .type = type_,
                       .life = Life::run,
                       .part = part,
                       .host = Host::writes});
  };
  const auto gradient = [&](const char* what) {
    return add_buffer({.name = fmt::format("{}.{}", bucket.name, what),
                       .size = size,
                       .type = type_,
                       .life = Life::step,
                       .part = Part::gradients});
  };
  BucketBuffers buffers{.weight = run("weight", Part::weights),
                        .gradient = gradient("gradient"),
                        .first_moment = run("first_moment", Part::optimizer),
                        .second_moment = run("second_moment", Part::optimizer)};
  if (bucket.tied) buffers.tied_gradient = gradient("tied_gradient");
  bucket_buffers_.push_back(buffers);
  make_tensor_views(bucket, buffers);
}

void StageLowering::make_tensor_views(const Bucket& bucket, const BucketBuffers& buffers) {
  for (const Bucket::Member& member : bucket.members) {
    const graph::Parameter& parameter = stage_.parameters[static_cast<std::size_t>(member.parameter)];
    const auto id = static_cast<TensorId>(program_.tensors.size());
    const Bytes offset{member.first_element * size_of(type_)};
    const auto view = [&](BufferId buffer) {
      return index(buffer) == static_cast<std::size_t>(-1) ? ViewId{-1}
                                                           : add_view(buffer, offset, parameter.shape, id);
    };
    const TrainedTensor tensor{.name = parameter.name,
                               .shape = parameter.shape,
                               .init = parameter.init,
                               .deviation = parameter.deviation,
                               .weight = view(buffers.weight),
                               .gradient = view(buffers.gradient),
                               .tied_gradient = view(buffers.tied_gradient),
                               .first_moment = view(buffers.first_moment),
                               .second_moment = view(buffers.second_moment)};
    weight_views_[{member.parameter, 0}] = tensor.weight;
    gradient_views_[{member.parameter, 0}] = tensor.gradient;
    gradient_views_[{member.parameter, 1}] = tensor.tied_gradient;
    program_.tensors.push_back(tensor);
  }
}

void StageLowering::make_activations(std::int32_t slots) {
  const std::vector<int> touched = passes_touching(stage_);
  use_of_.resize(stage_.tensors.size());
  for (std::size_t t = 0; t < stage_.tensors.size(); ++t)
    if (touched[t] != 0) bind_tensor(t, touched[t] == 3, slots);
}

/// `crosses`: written forward and read backward, so it lives as long as its micro-batch.
void StageLowering::bind_tensor(std::size_t t, bool crosses, std::int32_t slots) {
  const graph::Tensor& tensor = stage_.tensors[t];
  Buffer buffer{.name = tensor.name, .size = exactly(tensor.bytes()), .type = tensor.type};
  std::int16_t instance = 0;
  switch (tensor.role) {
    case Role::weight: use_of_[t] = {weight_views_.at({tensor.parameter, 0}), {}, 0}; return;
    case Role::gradient: use_of_[t] = {gradient_views_.at({tensor.parameter, tensor.use}), {}, 0}; return;
    case Role::scalar: use_of_[t] = {whole(program_.host.losses, 1), {}, kMicro0}; return;
    case Role::tokens:
      buffer.life = Life::step;
      buffer.part = Part::buffers;
      buffer.host = Host::writes;
      buffer.slots = program_.micro_batches;
      instance = kMicro0;
      break;
    case Role::table:
      buffer.life = Life::run;
      buffer.part = Part::buffers;
      buffer.host = Host::writes;
      break;
    case Role::activation:
    case Role::workspace:
      buffer.life = crosses ? Life::slot : Life::call;
      buffer.part = tensor.role == Role::workspace ? Part::buffers : Part::activations;
      buffer.slots = crosses ? slots : 1;
      instance = crosses ? kMicro0 : std::int16_t{0};
      break;
    case Role::state: ensure(false, "optimizer states are no tensors of the graph");
  }
  const BufferId id = add_buffer(std::move(buffer));
  if (tensor.name == "ids") program_.host.ids = id;
  if (tensor.name == "targets") program_.host.targets = id;
  if (tensor.role == Role::table) program_.host.rope_table = id;
  use_of_[t] = {add_view(id, {}, tensor.shape), {}, instance};
}

}  // namespace ds::program
