// What follows the last backward: gradients are reduced, their norm is taken, weights are updated.
#include <utility>

#include "simulator/program/stage_lowering.h"

namespace ds::program {
using collective::Collective;

void StageLowering::zero_padding(Template& body, const Chunk& chunk) {
  for (std::size_t b = 0; b < chunk.buckets.size(); ++b) {
    const std::int64_t elements = chunk.buckets[b].elements, padding = chunk.buffers[b].padded - elements;
    if (padding == 0) continue;
    const ops::Op zero{.what = ops::Zero{padding}, .pass = ops::Pass::update, .type = plan_.gradient_type};
    for (const BufferId buffer : {chunk.buffers[b].gradient, chunk.buffers[b].tied_gradient})
      if (buffer != BufferId{-1}) {
        const Bytes offset{elements * size_of(plan_.gradient_type)};
        body.body.push_back(
            instruction(Kind::compute, zero, {{add_view(buffer, offset, {{padding}, 1}), {}, 0}}));
      }
  }
}

/// Gradients that are partial over tensor-parallel ranks are summed first, then all over data-parallel ranks.
void StageLowering::reduce_bucket(Template& body, const Chunk& chunk, std::size_t b) {
  const Bucket& bucket = chunk.buckets[b];
  const BucketBuffers& buffers = chunk.buffers[b];
  for (const BufferId gradient : {buffers.gradient, buffers.tied_gradient}) {
    if (gradient == BufferId{-1}) continue;
    if (bucket.partial && bucket.once_from < bucket.elements) {
      const Bytes offset{bucket.once_from * size_of(plan_.gradient_type)};
      const ViewId tail = add_view(gradient, offset, {{bucket.elements - bucket.once_from}, 1});
      body.body.push_back(
          collective(Collective::all_reduce, kTensorGroup, plan_.lanes.compute, {{tail, Access::add, 0}}));
    }
    if (plan_.data_ranks == 1) continue;
    const Use all{whole(gradient, buffers.padded), Access::add, 0};
    if (buffers.part == buffers.padded)
      body.body.push_back(collective(Collective::all_reduce, kDataGroup, plan_.lanes.reduce, {all}));
    else
      body.body.push_back(collective(Collective::reduce_scatter, kDataGroup, plan_.lanes.reduce,
                                     {all, {part(gradient, buffers), Access::write, 0}}));
  }
}

/// The two uses of a tied table: added where one rank holds both, else summed over the ends of the pipeline.
void StageLowering::join_ties(Template& body, const Chunk& chunk, std::size_t b) {
  const BucketBuffers& buffers = chunk.buffers[b];
  const Use gradient{part(buffers.gradient, buffers), Access::add, 0};
  if (chunk.buckets[b].tied) {
    const ops::Op add{
        .what = ops::Accumulate{buffers.part}, .pass = ops::Pass::update, .type = plan_.gradient_type};
    body.body.push_back(
        instruction(Kind::compute, add, {gradient, {part(buffers.tied_gradient, buffers), {}, 0}}));
  } else if (plan_.tied_across && chunk.buckets[b].name == "embedding.tokens") {
    body.body.push_back(collective(Collective::all_reduce, kPipelineEnds, plan_.lanes.compute, {gradient}));
  }
}

/// Ranks at mirrored places hold the same stages, one for each direction: the sum of both is the gradient.
void StageLowering::join_mirrors(Template& body) {
  for (const std::size_t c : chunks_by_place())
    for (const BucketBuffers& buffers : chunks_[c].buffers)
      body.body.push_back(collective(Collective::all_reduce, kMirrors, plan_.lanes.compute,
                                     {{part(buffers.gradient, buffers), Access::add, 0}}));
}

TemplateId StageLowering::finish() {
  Template body{.name = "norm", .pass = Pass::norm, .body = {}};
  if (!reduces_early())
    for (std::size_t c = chunks_.size(); c-- > 0;)
      for (std::size_t b = chunks_[c].buckets.size(); b-- > 0;) reduce_bucket(body, chunks_[c], b);
  for (const Chunk& chunk : chunks_)
    for (std::size_t b = 0; b < chunk.buckets.size(); ++b) join_ties(body, chunk, b);
  if (plan_.directions == 2) join_mirrors(body);
  norm(body);
  return add_template(std::move(body));
}

void StageLowering::norm(Template& body) {
  const Use sums{whole(sums_, 3), {}, 0};
  bool first = true;
  for (const Chunk& chunk : chunks_) {
    if (opposite(chunk)) continue;  // the rank at the mirrored place counts it
    for (std::size_t b = 0; b < chunk.buckets.size(); ++b) {
      const Bucket& bucket = chunk.buckets[b];
      const BucketBuffers& buffers = chunk.buffers[b];
      // A table that both ends hold is counted by the first.
      const bool counted_elsewhere =
          plan_.tied_across && bucket.name == "embedding.tokens" && plan_.stage > 0;
      if (counted_elsewhere) continue;
      const ops::SquaredNorm square{.elements = buffers.part,
                                    .first = std::exchange(first, false),
                                    .shards = buffers.padded / buffers.part,
                                    .once_from = bucket.once_from,
                                    .copies = plan_.tensor_ranks,
                                    .replicas = plan_.sharded ? 1 : plan_.data_ranks};
      body.body.push_back(
          instruction(Kind::compute, {.what = square, .pass = ops::Pass::update, .type = plan_.gradient_type},
                      {{part(buffers.gradient, buffers), {}, 0}, sums}));
    }
  }
  const auto scalar_op = [&](ops::What what) {
    return ops::Op{.what = what, .pass = ops::Pass::update, .type = plan_.master_type};
  };
  if (host_.losses != BufferId{-1}) {
    const std::int32_t m = micro_batches();
    body.body.push_back(instruction(Kind::compute, scalar_op(ops::LossSum{m, plan_.tensor_ranks}),
                                    {{whole(host_.losses, m), {}, kAllSlots}, sums}));
  }
  if (plan_.tensor_ranks * plan_.data_ranks * plan_.stages > 1)
    body.body.push_back(
        collective(Collective::all_reduce, kWorld, plan_.lanes.compute, {{sums.view, Access::add, 0}}));
  body.body.push_back(instruction(Kind::compute, scalar_op(ops::ClipFactor{plan_.hyper.clip_norm}),
                                  {sums, {whole(host_.scalars, 4), {}, 0}}));
}

TemplateId StageLowering::update() {
  Template body{.name = "update", .pass = Pass::update, .body = {}};
  std::vector<Instruction> gathers;
  const Use control{whole(host_.control, 2), {}, 0}, scalars{whole(host_.scalars, 4), {}, 0};
  for (const Chunk& chunk : chunks_)
    for (std::size_t b = 0; b < chunk.buckets.size(); ++b) {
      const BucketBuffers& buffers = chunk.buffers[b];
      const bool copies_down = buffers.master != BufferId{-1};
      const ops::AdamW adam{.elements = buffers.part,
                            .decayed = chunk.buckets[b].decayed,
                            .beta1 = plan_.hyper.beta1,
                            .beta2 = plan_.hyper.beta2,
                            .epsilon = plan_.hyper.epsilon,
                            .weight_decay = plan_.hyper.weight_decay,
                            .shards = buffers.padded / buffers.part,
                            .copies_down = copies_down,
                            .working_type = copies_down ? plan_.type : DataType{}};
      const Use weight{part(buffers.weight, buffers), {}, 0};
      const auto own = [&](BufferId buffer) { return Use{whole(buffer, buffers.part), {}, 0}; };
      std::vector<Use> uses{control,
                            scalars,
                            {part(buffers.gradient, buffers), {}, 0},
                            copies_down ? own(buffers.master) : weight,
                            own(buffers.first_moment),
                            own(buffers.second_moment)};
      if (copies_down) uses.push_back(weight);
      body.body.push_back(instruction(Kind::optimizer,
                                      {.what = adam,
                                       .pass = ops::Pass::update,
                                       .type = plan_.master_type,
                                       .gradient_type = plan_.gradient_type},
                                      uses));
      if (buffers.part < buffers.padded)
        gathers.push_back(collective(
            Collective::all_gather, kDataGroup, plan_.lanes.gather,
            {{weight.view, Access::read, 0}, {whole(buffers.weight, buffers.padded), Access::add, 0}}));
    }
  body.body.insert(body.body.end(), gathers.begin(), gathers.end());
  return add_template(std::move(body));
}

}  // namespace ds::program
