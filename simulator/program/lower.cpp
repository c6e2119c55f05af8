// Lowering: a job becomes buffers, templates and the calls of one step, stage by stage. This file says what of the job
// counts; how a stage is lowered is in stage_lowering.h.
#include "simulator/base/error.h"
#include "simulator/program/program.h"
#include "simulator/program/schedule/schedule.h"
#include "simulator/program/stage_lowering.h"

namespace ds::program {
namespace {

using workload::Job;

DataType storage_type(const Job& job) {
  switch (job.plan.precision) {
    case workload::Precision::fp64: return DataType::fp64;
    case workload::Precision::fp32: return DataType::fp32;
    case workload::Precision::fp16: return DataType::fp16;
    case workload::Precision::bf16: return DataType::bf16;
    case workload::Precision::tf32:
    case workload::Precision::fp8:
    case workload::Precision::dynamic: break;
  }
  throw InputError("plan.precision", "this precision is not supported yet", "fp64, fp32, bf16 and fp16 are");
}

bool narrow(DataType type) { return type != DataType::fp64 && type != DataType::fp32; }

/// As the software keeps gradients: in fp32, or as narrow as training.
DataType gradient_type(const Job& job) {
  const DataType type = storage_type(job);
  return narrow(type) && job.habits.gradient_type == "fp32" ? DataType::fp32 : type;
}

/// The vocabulary is padded as the software does it, at least so that tensor-parallel ranks have equal parts; padded
/// columns have no probability and no gradient.
std::int64_t padded_vocab(const Job& job) {
  const std::int64_t multiple =
      job.habits.vocab_multiple * (job.habits.vocab_multiple_times_tp ? job.plan.tp : 1);
  return round_up(round_up(job.model.vocab, multiple), job.plan.tp);
}

/// Layers of a chunk, and the number of the first. Chunk c of stage s is the (c x stages + s)-th of the model; with two
/// pipelines in opposite directions, chunk 1 is the stage at the mirrored place.
graph::StageOptions chunk_options(const Job& job, std::int64_t stage, std::int64_t chunk) {
  const workload::Plan& plan = job.plan;
  const bool mirrored = directions_of(plan.schedule) == 2 && chunk == 1;
  const std::int64_t place = mirrored ? plan.pp - 1 - stage : chunk * plan.pp + stage;
  const auto layers_at = [&](std::int64_t p) {
    return plan.stage_layers[static_cast<std::size_t>(p % plan.pp)][static_cast<std::size_t>(p / plan.pp)];
  };
  std::int64_t first = 0;
  for (std::int64_t p = 0; p < place; ++p) first += layers_at(p);
  const auto tokens = static_cast<double>(job.train.global_batch * job.train.sequence_length);
  return {.first_layer = static_cast<std::int32_t>(first),
          .layers = static_cast<std::int32_t>(layers_at(place)),
          .embedding = place == 0,
          .head = place + 1 == plan.pp * plan.vpp,
          .tp = plan.tp,
          .sequence_parallel = plan.tp > 1 && plan.sequence_parallel,
          .batch = plan.micro_batch,
          .sequence = job.train.sequence_length,
          .type = storage_type(job),
          .gradient_type = gradient_type(job),
          .flash = plan.attention != workload::Attention::unfused,
          .dropout = plan.dropout,
          .padded_vocab = padded_vocab(job),
          .loss_scale = 1 / tokens};
}

graph::Stage chunk_graph(const Job& job, std::int64_t stage, std::int64_t chunk) {
  graph::Stage graph = graph::build_stage(job.model, chunk_options(job, stage, chunk));
  graph::differentiate(graph);
  if (job.plan.recompute == workload::Recompute::full)
    graph::recompute_layers(graph, graph::all_layers(graph));
  if (job.plan.recompute == workload::Recompute::selective)
    graph::recompute_attention(graph, graph::all_layers(graph));
  graph::gather_again(graph);
  return graph;
}

StagePlan stage_plan(const Job& job, std::int64_t stage, const Program& program, const Lanes& lanes) {
  const workload::Plan& plan = job.plan;
  const DataType type = storage_type(job);
  const bool end = stage == 0 || stage + 1 == plan.pp;
  return {
      .stage = static_cast<std::int32_t>(stage),
      .stages = static_cast<std::int32_t>(plan.pp),
      .directions = directions_of(plan.schedule),
      .tensor_ranks = plan.tp,
      .data_ranks = plan.dp,
      .sharded = plan.zero >= 1 && plan.dp > 1,
      .tied_across = job.model.tied_embeddings && plan.pp > 1 && end,
      .overlap = plan.overlap,
      .lanes = lanes,
      .type = type,
      .gradient_type = gradient_type(job),
      .master_type = narrow(type) ? DataType::fp32 : type,
      .algorithm = static_cast<std::int16_t>(job.cluster.cpu() ? 0 : -1),  // direct: sums in rank order
      .hyper = job.train.hyper,
      .order = order_of(plan.schedule, static_cast<std::int32_t>(plan.pp), static_cast<std::int32_t>(stage),
                        program.micro_batches, static_cast<std::int32_t>(plan.vpp))};
}

std::vector<RankClass> one_class_per_rank(const Program& program) {
  std::vector<RankClass> classes;
  for (std::int32_t rank = 0; rank < ranks_of(program); ++rank) {
    const Coordinates at = coordinates_of(program, rank);
    RankClass single = program.classes[static_cast<std::size_t>(at.pp)];
    single.first = at;
    single.members = 1;
    classes.push_back(std::move(single));
  }
  return classes;
}

}  // namespace

Program lower(const Job& job, Classes classes, Hash hash) {
  const workload::Plan& plan = job.plan;
  Program program;
  program.micro_batches = static_cast<std::int32_t>(job.micro_batches());
  program.extents = {static_cast<std::int32_t>(plan.tp), static_cast<std::int32_t>(plan.cp),
                     static_cast<std::int32_t>(plan.dp), static_cast<std::int32_t>(plan.pp)};
  if (directions_of(plan.schedule) == 2 && job.model.tied_embeddings)
    throw InputError("plan.schedule", "dualpipe with tied embeddings is not supported yet",
                     "1f1b, interleaved and zb-h1 are");
  const std::int64_t chunks_of_stage = plan.vpp * directions_of(plan.schedule);
  const Lanes lanes = make_lanes(program, plan);
  for (std::int64_t stage = 0; stage < plan.pp; ++stage) {
    std::vector<graph::Stage> chunks;
    for (std::int64_t chunk = 0; chunk < chunks_of_stage; ++chunk)
      chunks.push_back(chunk_graph(job, stage, chunk));
    program.classes.push_back(
        StageLowering(program, std::move(chunks), stage_plan(job, stage, program, lanes)).lower());
  }
  if (classes == Classes::per_rank) program.classes = one_class_per_rank(program);
  if (hash == Hash::taken) program.hash = hash_of(program);
  return program;
}

}  // namespace ds::program
