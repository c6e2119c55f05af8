// Lowering: a job becomes buffers, templates and the calls of one step, stage by stage. This file says what of the job
// counts; how a stage is lowered is in stage_lowering.h.
#include "simulator/base/error.h"
#include "simulator/program/program.h"
#include "simulator/program/schedule/schedule.h"
#include "simulator/program/stage_graphs.h"
#include "simulator/program/stage_lowering.h"
#include "simulator/program/types.h"

namespace ds::program {
namespace {

using workload::Job;

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

Program lower(const Job& job, Classes classes, Hash hash, StageGraphs* graphs) {
  ensure(graphs == nullptr || hash == Hash::left_out, "programs with graphs of others are for pricing alone");
  const workload::Plan& plan = job.plan;
  Program program;
  program.micro_batches = static_cast<std::int32_t>(job.micro_batches());
  program.extents = {static_cast<std::int32_t>(plan.tp), static_cast<std::int32_t>(plan.cp),
                     static_cast<std::int32_t>(plan.dp), static_cast<std::int32_t>(plan.pp)};
  ensure(directions_of(plan.schedule) == 1 || !job.model.tied_embeddings,
         "each end of the model is on one stage");
  const std::int64_t chunks_of_stage = plan.vpp * directions_of(plan.schedule);
  const Lanes lanes = make_lanes(program, plan);
  for (std::int64_t stage = 0; stage < plan.pp; ++stage) {
    std::vector<std::shared_ptr<const graph::Stage>> chunks;
    for (std::int64_t chunk = 0; chunk < chunks_of_stage; ++chunk)
      chunks.push_back(graphs != nullptr
                           ? graphs->of(job, stage, chunk)
                           : std::make_shared<const graph::Stage>(chunk_graph(job, stage, chunk)));
    program.classes.push_back(StageLowering(program, chunks, stage_plan(job, stage, program, lanes)).lower());
  }
  if (classes == Classes::per_rank) program.classes = one_class_per_rank(program);
  if (hash == Hash::taken) program.hash = hash_of(program);
  return program;
}

}  // namespace ds::program
