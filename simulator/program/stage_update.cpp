// What follows the last backward: gradients are reduced, their norm is taken, weights are updated.
#include <utility>

#include "simulator/program/stage_lowering.h"

namespace ds::program {
using collective::Collective;

/// Elements from `begin` up to `end`.
void StageLowering::zero(Draft& body, BufferId buffer, std::int64_t begin, std::int64_t end) {
  const std::int64_t elements = end - begin;
  if (buffer == BufferId{-1} || elements == 0) return;
  const DataType type = program_.buffer(buffer).type;
  const ViewId view = add_view(buffer, {begin * size_of(type)}, {{elements}, 1});
  body.add(instruction(Kind::compute, {.what = ops::Zero{elements}, .pass = ops::Pass::update, .type = type},
                       {{view, {}, 0}}));
}

void StageLowering::zero_padding(Draft& body, const Chunk& chunk) {
  for (std::size_t b = 0; b < chunk.buckets.size(); ++b) {
    body.repeat(chunk.buckets[b].copies, [&] {
      for (const BufferId buffer : {chunk.buffers[b].gradient, chunk.buffers[b].tied_gradient})
        zero(body, buffer, chunk.buckets[b].elements, chunk.buffers[b].padded);
    });
  }
}

/// What tensor-parallel ranks hold alike, but have gradients of their own tokens or heads of.
void StageLowering::reduce_over_tensor_ranks(Draft& body, const Bucket& bucket, BufferId gradient, Way way) {
  if (bucket.partial_from == bucket.elements) return;
  const Bytes offset{bucket.partial_from * size_of(inputs_.gradient_type)};
  const ViewId tail = add_view(gradient, offset, {{bucket.elements - bucket.partial_from}, 1}, way);
  body.add(collective(Collective::all_reduce, bucket.copied ? kCopiesOfHeads : kTensorGroup,
                      inputs_.lanes.compute, {{tail, Access::add, 0}}));
}

/// Gradients of a bucket, over data-parallel ranks. Layers come as in a backward.
void StageLowering::reduce_bucket(Draft& body, const Chunk& chunk, std::size_t b) {
  const BucketBuffers& buffers = chunk.buffers[b];
  if (data_ranks(buffers) == 1) return;
  for (const BufferId gradient : {buffers.gradient, buffers.tied_gradient}) {
    if (gradient == BufferId{-1}) continue;
    const Use all{whole(gradient, buffers.padded, Way::back), Access::add, 0};
    if (buffers.part == buffers.padded) {
      body.add(collective(Collective::all_reduce, buffers.expert ? kExpertDataGroup : kDataGroup,
                          inputs_.lanes.reduce, {all}));
    } else {
      const Use own{part(gradient, buffers, Way::back), Access::write, 0};
      body.add(
          collective(Collective::reduce_scatter, shard_group(buffers), inputs_.lanes.reduce, {all, own}));
      sum_over_replicas(body, gradient, buffers);
    }
  }
}

/// What one backward has computed is added up in shards: of all micro-batches, each time over the ranks that share a bucket,
/// once a step over those that hold the same shards.
void StageLowering::reduce_into_shards(Draft& body, const Chunk& chunk, std::size_t b, GradientRole role) {
  const Bucket& bucket = chunk.buckets[b];
  const BucketBuffers& buffers = chunk.buffers[b];
  const Use own{whole(buffers.own_gradient, buffers.padded, Way::back), {}, 0};
  const auto update = [&](ops::What what) {
    return ops::Op{.what = what, .pass = ops::Pass::update, .type = inputs_.gradient_type};
  };
  if (buffers.tied_gradient != BufferId{-1}) {
    zero(body, buffers.tied_gradient, bucket.elements, buffers.padded);
    zero(body, buffers.own_gradient, bucket.elements, buffers.padded);
    body.add(instruction(Kind::compute, update(ops::Accumulate{buffers.padded}),
                         {own, {whole(buffers.tied_gradient, buffers.padded, Way::back), {}, 0}}));
  } else {
    zero(body, buffers.own_gradient, bucket.elements, buffers.padded);
  }
  reduce_over_tensor_ranks(body, bucket, buffers.own_gradient, Way::back);
  Use sent = own;
  if (buffers.sent_gradient != BufferId{-1}) {
    sent = {whole(buffers.sent_gradient, buffers.padded, Way::back), {}, 0};
    body.add(instruction(Kind::compute, update(ops::Cast{buffers.padded, inputs_.sharding.reduced_as}),
                         {own, sent}));
  }
  sent.access = Access::read;
  const Access access = role.first ? Access::write : Access::add;
  body.add(collective(Collective::reduce_scatter, shard_group(buffers), reduce_lane(),
                      {sent, {part(buffers.gradient, buffers, Way::back), access, 0}}));
  if (role.last) body.of_step([&] { sum_over_replicas(body, buffers.gradient, buffers); });
}

void StageLowering::sum_over_replicas(Draft& body, BufferId gradient, const BucketBuffers& buffers) {
  if (replicas(buffers) == 1) return;
  body.add(collective(Collective::all_reduce, buffers.expert ? kExpertReplicaGroup : kReplicaGroup,
                      inputs_.lanes.reduce, {{part(gradient, buffers, Way::back), Access::add, 0}}));
}

/// Gradients that are partial over tensor-parallel ranks are summed when all else is reduced, as Megatron-LM does it
/// (finalize_model_grads): within the last backward they would hold up the gradient that the stage before waits for. Where
/// shards were scattered, of what is summed only a rank's own shard means anything. Where no more than a shard is kept, they
/// have been summed before.
void StageLowering::sum_partial(Draft& body, const Chunk& chunk, std::size_t b) {
  if (inputs_.sharding.gradients) return;
  const BucketBuffers& buffers = chunk.buffers[b];
  for (const BufferId gradient : {buffers.gradient, buffers.tied_gradient})
    if (gradient != BufferId{-1}) reduce_over_tensor_ranks(body, chunk.buckets[b], gradient, Way::ahead);
}

/// The two uses of a tied table: added where one rank holds both, else summed over the ends of the pipeline.
void StageLowering::join_ties(Draft& body, const Chunk& chunk, std::size_t b) {
  const BucketBuffers& buffers = chunk.buffers[b];
  if (inputs_.sharding.gradients && chunk.buckets[b].tied) return;  // added before they were reduced
  if (chunk.buckets[b].tied) {
    const ops::Op add{
        .what = ops::Accumulate{buffers.part}, .pass = ops::Pass::update, .type = inputs_.gradient_type};
    body.add(instruction(
        Kind::compute, add,
        {{part(buffers.gradient, buffers), {}, 0}, {part(buffers.tied_gradient, buffers), {}, 0}}));
  } else if (inputs_.tied_across && chunk.buckets[b].token_table) {
    body.add(collective(Collective::all_reduce, kPipelineEnds, inputs_.lanes.compute,
                        {{part(buffers.gradient, buffers), Access::add, 0}}));
  }
}

/// Ranks at mirrored places hold the same stages, one for each direction: the sum of both is the gradient.
void StageLowering::join_mirrors(Draft& body) {
  for (const std::size_t c : chunks_by_place())
    for (std::size_t b = 0; b < chunks_[c].buckets.size(); ++b)
      body.repeat(chunks_[c].buckets[b].copies, [&] {
        const BucketBuffers& buffers = chunks_[c].buffers[b];
        body.add(collective(Collective::all_reduce, kMirrors, inputs_.lanes.compute,
                            {{part(buffers.gradient, buffers), Access::add, 0}}));
      });
}

Draft StageLowering::finish_body() {
  Draft body;
  body.name = "norm";
  body.pass = Pass::norm;
  body.begin_step();
  if (!reduces_early())
    for (std::size_t c = chunks_.size(); c-- > 0;)
      for (std::size_t b = chunks_[c].buckets.size(); b-- > 0;)
        body.repeat(chunks_[c].buckets[b].copies, [&] {
          if (inputs_.sharding.gradients)
            sum_over_replicas(body, chunks_[c].buffers[b].gradient, chunks_[c].buffers[b]);
          else
            reduce_bucket(body, chunks_[c], b);
        });
  for (const Chunk& chunk : chunks_)
    for (std::size_t b = 0; b < chunk.buckets.size(); ++b)
      body.repeat(chunk.buckets[b].copies, [&] { sum_partial(body, chunk, b); });
  for (const Chunk& chunk : chunks_)
    for (std::size_t b = 0; b < chunk.buckets.size(); ++b) join_ties(body, chunk, b);
  if (inputs_.directions == 2) join_mirrors(body);
  norm(body);
  return body;
}

void StageLowering::norm(Draft& body) {
  const Use sums{whole(sums_, 3), {}, 0};
  bool first = true;  // it begins the sum
  for (const Chunk& chunk : chunks_) {
    if (opposite(chunk)) continue;  // the rank at the mirrored place counts it
    for (std::size_t b = 0; b < chunk.buckets.size(); ++b) {
      const Bucket& bucket = chunk.buckets[b];
      const BucketBuffers& buffers = chunk.buffers[b];
      // A table that both ends hold is counted by the first.
      if (inputs_.tied_across && bucket.token_table && !inputs_.counts_tied) continue;
      const auto square = [&](bool begins) {
        const ops::SquaredNorm norm{.elements = buffers.part,
                                    .first = begins,
                                    .shards = buffers.padded / buffers.part,
                                    .once_from = bucket.once_from,
                                    .copies = bucket.holders,
                                    .replicas = replicas(buffers),
                                    .of_experts = buffers.expert};
        body.add(instruction(
            Kind::compute,
            {.what = norm, .pass = ops::Pass::update, .type = program_.buffer(buffers.gradient).type},
            {{part(buffers.gradient, buffers), {}, 0}, sums}));
      };
      std::int32_t done = 0;
      if (std::exchange(first, false)) {
        square(true);
        done = 1;
      }
      body.repeat_from(done, bucket.copies - done, [&] { square(false); });
    }
  }
  const auto scalar_op = [&](ops::What what) {
    return ops::Op{.what = what, .pass = ops::Pass::update, .type = inputs_.master_type};
  };
  if (host_.losses != BufferId{-1}) {
    const std::int32_t m = inputs_.micro_batches;
    body.add(instruction(Kind::compute, scalar_op(ops::LossSum{m, inputs_.tensor_ranks}),
                         {{whole(host_.losses, m), {}, kAllSlots}, sums}));
  }
  if (inputs_.tensor_ranks * inputs_.data_ranks * inputs_.stages > 1)
    body.add(
        collective(Collective::all_reduce, kWorld, inputs_.lanes.compute, {{sums.view, Access::add, 0}}));
  body.add(instruction(Kind::compute, scalar_op(ops::ClipFactor{inputs_.hyper.clip_norm}),
                       {sums, {whole(host_.scalars, 4), {}, 0}}));
}

/// Between the device and the host, by the engine of that way.
void StageLowering::copy(Draft& body, bool to_host, Use from, Use to) {
  const View& view = program_.view(from.view);
  Instruction one = instruction(
      Kind::copy,
      {.what = ops::host_copy(view.shape, to_host), .pass = ops::Pass::forward, .type = view.type},
      {from, to});
  one.lane = to_host ? inputs_.lanes.to_host : inputs_.lanes.from_host;
  body.add(one);
}

/// One copy of a bucket. Weights that live on the device come back to it.
void StageLowering::update_bucket(Draft& body, const Bucket& bucket, const BucketBuffers& buffers,
                                  bool on_host) {
  const bool copies_down = buffers.master != BufferId{-1} && buffers.weight != BufferId{-1};
  const bool comes_back = on_host && copies_down && !inputs_.weights_on_host;
  const ops::AdamW adam{.elements = buffers.part,
                        .decayed = bucket.decayed,
                        .beta1 = inputs_.hyper.beta1,
                        .beta2 = inputs_.hyper.beta2,
                        .epsilon = inputs_.hyper.epsilon,
                        .weight_decay = inputs_.hyper.weight_decay,
                        .shards = buffers.padded / buffers.part,
                        .of_experts = buffers.expert,
                        .copies_down = copies_down,
                        .working_type = copies_down ? inputs_.type : DataType{},
                        .narrow_moments = inputs_.moment_type != inputs_.master_type,
                        .on_host = on_host};
  const auto own = [&](BufferId buffer) { return Use{whole(buffer, buffers.part), {}, 0}; };
  const Use weight =
      buffers.weight != BufferId{-1} ? Use{part(buffers.weight, buffers), {}, 0} : own(buffers.master);
  std::vector<Use> uses{{whole(host_.control, 2), {}, 0},
                        {whole(host_.scalars, 4), {}, 0},
                        on_host                  ? own(buffers.host_gradient)
                        : inputs_.flat_gradients ? own(buffers.flat_gradient)
                                                 : Use{part(buffers.gradient, buffers), {}, 0},
                        copies_down ? own(buffers.master) : weight,
                        own(buffers.first_moment),
                        own(buffers.second_moment)};
  if (copies_down) uses.push_back(comes_back ? own(buffers.host_weight) : weight);
  body.add(instruction(Kind::optimizer,
                       {.what = adam,
                        .pass = ops::Pass::update,
                        .type = inputs_.master_type,
                        .gradient_type = inputs_.flat_gradients ? inputs_.master_type
                                                                : program_.buffer(buffers.gradient).type},
                       uses));
  if (comes_back) copy(body, false, own(buffers.host_weight), weight);
}

/// While gradients travel to the host, the device updates what it has.
Draft StageLowering::update_body() {
  Draft body;
  body.name = "update";
  body.pass = Pass::update;
  body.begin_step();
  const auto each_bucket = [&](auto&& write) {
    for (const Chunk& chunk : chunks_)
      for (std::size_t b = 0; b < chunk.buckets.size(); ++b) write(chunk.buckets[b], chunk.buffers[b]);
  };
  // DeepSpeed flattens all gradients of a parameter group and copies them to the masters' type before it updates one of them
  // (runtime/zero/stage_1_and_2.py, step).
  if (inputs_.flat_gradients)
    each_bucket([&](const Bucket& bucket, const BucketBuffers& buffers) {
      body.repeat(bucket.copies, [&] {
        body.add(instruction(
            Kind::compute,
            {.what = ops::Cast{buffers.part, inputs_.master_type},
             .pass = ops::Pass::update,
             .type = program_.buffer(buffers.gradient).type},
            {{part(buffers.gradient, buffers), {}, 0}, {whole(buffers.flat_gradient, buffers.part), {}, 0}}));
      });
    });
  // Nothing of an update begins before it is known that there is one.
  const ViewId scalars = whole(host_.scalars, 4);
  each_bucket([&](const Bucket&, const BucketBuffers& buffers) {
    body.repeat(buffers.updated_on_host, [&] {
      copy(body, true, {part(buffers.gradient, buffers), {}, 0},
           {whole(buffers.host_gradient, buffers.part), {}, 0});
      Instruction& sent = body.pieces().back().body.back();
      sent.uses = {static_cast<std::int32_t>(program_.uses.size()), 1};
      program_.uses.push_back({scalars, Access::read, 0});
    });
  });
  for (const bool on_host : {false, true})
    each_bucket([&](const Bucket& bucket, const BucketBuffers& buffers) {
      const std::int32_t there = buffers.updated_on_host;
      body.repeat_from(on_host ? 0 : there, on_host ? there : bucket.copies - there,
                       [&] { update_bucket(body, bucket, buffers, on_host); });
    });
  each_bucket([&](const Bucket& bucket, const BucketBuffers& buffers) {
    body.repeat(bucket.copies, [&] {
      if (buffers.part < buffers.padded && !inputs_.gathers_weights())
        body.add(collective(Collective::all_gather, shard_group(buffers), inputs_.lanes.gather,
                            {{part(buffers.weight, buffers), Access::read, 0},
                             {whole(buffers.weight, buffers.padded), Access::add, 0}}));
    });
  });
  return body;
}

}  // namespace ds::program
