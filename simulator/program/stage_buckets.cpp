// What a stage keeps of its buckets: weights, gradients, states of the optimizer, whole or in shards.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "simulator/program/stage_lowering.h"

namespace ds::program {

SizeRule StageLowering::of_bucket(const Chunk& chunk, Holds holds, bool by_layer) {
  return {.chunk = chunk.number,
          .bucket = static_cast<std::int32_t>(chunk.buffers.size()),
          .shard = holds == Holds::shard,
          .by_layer = by_layer};
}

/// Of a bucket's copies, how many have their states on the host: buckets and their layers in order, until there are as many
/// elements as asked for. Trainers deal whole parameters too (Megatron-LM, HybridDeviceOptimizer; DeepSpeed, sub-groups of ZeRO).
std::int32_t StageLowering::updated_on_host(const Bucket& bucket, std::int64_t elements) {
  const auto each = static_cast<double>(elements);
  states_wanted_there_ += each * bucket.copies * static_cast<double>(inputs_.states_on_host) /
                          static_cast<double>(workload::kMillionths);
  const double copies =
      std::clamp<double>(std::round((states_wanted_there_ - states_on_host_) / each), 0, bucket.copies);
  states_on_host_ += copies * each;
  return static_cast<std::int32_t>(copies);
}

void StageLowering::make_bucket(Chunk& chunk, const Bucket& bucket) {
  const bool cuts = inputs_.sharding.shards > 1;
  const std::int64_t shards = bucket.expert && cuts ? inputs_.expert_shards : inputs_.sharding.shards;
  const auto [padded, shard] = shards_of(bucket.elements, shards, inputs_.gradient_type);
  BucketBuffers buffers{.expert = bucket.expert};
  buffers.padded = padded;
  buffers.part = shard;
  const auto elements = [&](Holds holds) { return holds == Holds::shard ? buffers.part : buffers.padded; };
  const bool by_layer = bucket.layer >= 0;
  buffers.updated_on_host = updated_on_host(bucket, buffers.part);
  const auto run = [&](const char* what, Part part, Holds holds, DataType type, Tier tier,
                       std::int32_t copies) {
    return add_buffer({.name = fmt::format("{}.{}", bucket.name, what),
                       .size = Size::exactly({elements(holds) * size_of(type)}),
                       .type = type,
                       .life = Life::run,
                       .tier = tier,
                       .part = part,
                       .host = Host::writes,
                       .copies = copies},
                      {}, of_bucket(chunk, holds, by_layer));
  };
  // Of what an update takes, a buffer for the layers that are updated on the host and one for the others.
  const auto split = [&](auto&& some) {
    const std::int32_t there = buffers.updated_on_host, here = bucket.copies - there;
    if (there == 0 || here == 0) return some(here > 0 ? Tier::device : Tier::host, bucket.copies);
    const BufferId first = some(Tier::host, there);
    some(Tier::device, here);
    program_.buffers[index(first)].goes_on = true;
    return first;
  };
  const auto states = [&](const char* what, DataType type) {
    return split([&](Tier tier, std::int32_t copies) {
      return run(what, Part::optimizer, Holds::shard, type, tier, copies);
    });
  };
  const auto gradient = [&](const char* what, Holds holds, DataType type) {
    return split([&](Tier, std::int32_t copies) {
      return add_buffer({.name = fmt::format("{}.{}", bucket.name, what),
                         .size = Size::exactly({elements(holds) * size_of(type)}),
                         .type = type,
                         .life = inputs_.keeps_gradients ? Life::run : Life::step,
                         .part = Part::gradients,
                         .copies = copies},
                        {}, of_bucket(chunk, holds, by_layer));
    });
  };
  const Sharding& sharding = inputs_.sharding;
  const bool has_masters = inputs_.master_type != inputs_.type;
  if (!has_masters || !sharding.masters_alone)
    buffers.weight = run("weight", Part::weights, inputs_.gathers_weights() ? Holds::shard : Holds::whole,
                         inputs_.type, inputs_.weights_on_host ? Tier::host : Tier::device, bucket.copies);
  if (sharding.gradients) {
    buffers.gradient = gradient("gradient", Holds::shard, sharding.kept_as);
    make_own_gradients(chunk, bucket, buffers);
  } else {
    buffers.own_gradient = buffers.gradient = gradient("gradient", Holds::whole, inputs_.gradient_type);
    if (bucket.tied) buffers.tied_gradient = gradient("tied_gradient", Holds::whole, inputs_.gradient_type);
  }
  if (has_masters) buffers.master = states("master", inputs_.master_type);
  buffers.first_moment = states("first_moment", inputs_.moment_type);
  buffers.second_moment = states("second_moment", inputs_.moment_type);
  const auto on_host = [&](const char* what, DataType type) {
    return add_buffer({.name = fmt::format("{}.{} on host", bucket.name, what),
                       .size = Size::exactly({buffers.part * size_of(type)}),
                       .type = type,
                       .life = Life::step,
                       .tier = Tier::host,
                       .part = Part::optimizer,
                       .copies = buffers.updated_on_host},
                      {}, of_bucket(chunk, Holds::shard, by_layer));
  };
  if (buffers.updated_on_host > 0) {
    buffers.host_gradient = on_host("gradient", program_.buffer(buffers.gradient).type);
    if (has_masters && !inputs_.weights_on_host) buffers.host_weight = on_host("weight", inputs_.type);
  }
  if (inputs_.flat_gradients)
    buffers.flat_gradient = add_buffer({.name = fmt::format("{}.flat_gradient", bucket.name),
                                        .size = Size::exactly({buffers.part * size_of(inputs_.master_type)}),
                                        .type = inputs_.master_type,
                                        .life = Life::step,
                                        .part = Part::gradients,
                                        .copies = bucket.copies},
                                       {}, of_bucket(chunk, Holds::shard, by_layer));
  make_gathered(chunk, bucket, buffers);
  make_narrow_weight(chunk, bucket, buffers);
  if (has_passes()) make_tensor_views(chunk, bucket, buffers);
  chunk.buffers.push_back(buffers);
}

void StageLowering::make_narrow_weight(const Chunk& chunk, const Bucket& bucket, BucketBuffers& buffers) {
  if (bucket.fp8 == 0) return;
  const bool lasts = inputs_.quantises_once();
  buffers.narrow_weight = add_buffer({.name = fmt::format("{}.fp8", bucket.name),
                                      .size = Size::exactly({bucket.fp8 * fp8().forms}),
                                      .type = DataType::fp8,
                                      .life = lasts ? Life::run : Life::call,
                                      .part = Part::weights,
                                      .copies = lasts ? bucket.copies : 1},
                                     {}, {.chunk = chunk.number, .by_layer = lasts && bucket.layer >= 0});
}

/// What a backward writes before it is reduced, for two layers in turn where that is done beside the work.
void StageLowering::make_own_gradients(const Chunk& chunk, const Bucket& bucket, BucketBuffers& buffers) {
  const auto buffer = [&](const char* what, DataType type, Part part) {
    const BufferId id = add_buffer({.name = fmt::format("{}.{}", bucket.name, what),
                                    .size = Size::exactly({buffers.padded * size_of(type)}),
                                    .type = type,
                                    .life = Life::call,
                                    .part = part,
                                    .copies = copies_in_turn(bucket, inputs_.overlap.grad_reduce)},
                                   {}, of_bucket(chunk, Holds::whole, false));
    if (program_.buffer(id).copies > 1) rings_.insert(id);
    return id;
  };
  buffers.own_gradient = buffer("own_gradient", inputs_.gradient_type, Part::gradients);
  if (bucket.tied) buffers.tied_gradient = buffer("tied_gradient", inputs_.gradient_type, Part::gradients);
  if (inputs_.sharding.reduced_as != inputs_.gradient_type)
    buffers.sent_gradient = buffer("sent_gradient", inputs_.sharding.reduced_as, Part::buffers);
}

void StageLowering::make_tensor_views(Chunk& chunk, const Bucket& bucket, const BucketBuffers& buffers) {
  for (const Bucket::Member& member : bucket.members) {
    const graph::Parameter& parameter = chunk.graph->parameters[static_cast<std::size_t>(member.parameter)];
    const auto id = static_cast<TensorId>(program_.tensors.size());
    const auto view = [&](BufferId buffer, Way way) {
      if (buffer == BufferId{-1}) return ViewId{-1};
      const Bytes offset{member.first_element * size_of(program_.buffer(buffer).type)};
      return add_view(buffer, offset, parameter.shape, way, id);
    };
    const auto both = [&](BufferId buffer, ViewId ahead, std::int16_t instance = 0) {
      return TensorUse{{ahead, {}, instance}, {view(buffer, Way::back), {}, instance}};
    };
    const TrainedTensor tensor{.name = parameter.name,
                               .chunk = chunk.number,
                               .layer = bucket.layer,
                               .copies = bucket.copies,
                               .layer_step = bucket.layer_step,
                               .shape = parameter.shape,
                               .cut = parameter.cut,
                               .init = parameter.init,
                               .deviation = parameter.deviation,
                               .weight = view(buffers.used_weight, Way::ahead),
                               .gradient = view(buffers.own_gradient, Way::ahead),
                               .tied_gradient = view(buffers.tied_gradient, Way::ahead),
                               .first_in_bucket = member.first_element,
                               .weight_shard = inputs_.gathers_weights() ? buffers.weight : BufferId{-1},
                               .master = buffers.master,
                               .first_moment = buffers.first_moment,
                               .second_moment = buffers.second_moment,
                               .shards = buffers.padded / buffers.part,
                               .shard_group = shard_group(buffers)};
    chunk.weights[{member.parameter, 0}] = both(buffers.used_weight, tensor.weight, buffers.used_instance());
    if (parameter.fp8) {
      const auto narrow = [&](Way way) {
        return Use{add_view(buffers.narrow_weight, {member.first_element}, parameter.shape, way), {}, 0};
      };
      chunk.narrow_weights[member.parameter] = {narrow(Way::ahead), narrow(Way::back)};
    }
    chunk.gradients[{member.parameter, 0}] = both(buffers.own_gradient, tensor.gradient);
    if (buffers.tied_gradient != BufferId{-1})
      chunk.gradients[{member.parameter, 1}] = both(buffers.tied_gradient, tensor.tied_gradient);
    program_.tensors.push_back(tensor);
  }
}

}  // namespace ds::program
