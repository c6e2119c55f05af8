// Lowering: a job becomes buffers, templates and the calls of one step, stage by stage. What of the job counts is in
// stage_inputs.h; how a stage is lowered, in stage_lowering.h.
#include <algorithm>
#include <map>

#include "simulator/base/error.h"
#include "simulator/program/program.h"
#include "simulator/program/schedule/schedule.h"
#include "simulator/program/stage_graphs.h"
#include "simulator/program/stage_lowering.h"
#include "simulator/workload/head_copies.h"

namespace ds::program {
namespace {

using workload::Job;
using Order = std::vector<ScheduledPass>;

/// Lowers each kind of stage once, and each kind of chunk's graph.
class Lowering {
 public:
  Lowering(const Job& job, Program& program)
      : job_(job), program_(program), lanes_(make_lanes(program, job.plan)), graphs_(job.model) {}

  RankClass stage(std::int64_t stage) {
    const workload::Plan& plan = job_.plan;
    const Order order =
        order_of(plan.order(), static_cast<std::int32_t>(plan.pp), static_cast<std::int32_t>(stage),
                 program_.micro_batches, static_cast<std::int32_t>(plan.chunks()));
    const auto chunks = static_cast<std::int32_t>(plan.chunks()) * directions_of(plan.schedule);
    const StageInputs inputs = stage_inputs(job_, stage, splits_backward(order, chunks), lanes_);
    auto found = kinds_.find(inputs);
    if (found == kinds_.end()) {
      std::vector<std::shared_ptr<const graph::Stage>> graphs;
      for (const ChunkInputs& chunk : inputs.chunks) graphs.push_back(graphs_.of(chunk));
      found = kinds_.emplace(inputs, StageLowering(program_, graphs, inputs)).first;
    }
    RankClass ranks = found->second.lower(order, program_.micro_batches);
    ranks.first = program_.grid.rank_at({.pp = static_cast<std::int32_t>(stage)});
    for (std::size_t chunk = 0; chunk < inputs.chunks.size(); ++chunk)
      ranks.first_layer.push_back(first_layer_of(job_, stage, static_cast<std::int64_t>(chunk)));
    return ranks;
  }

 private:
  const Job& job_;
  Program& program_;
  Lanes lanes_;
  std::map<StageInputs, StageLowering> kinds_;
  ChunkGraphs graphs_;
};

std::vector<RankClass> one_class_per_rank(const Program& program) {
  std::vector<RankClass> classes;
  for (std::int32_t rank = 0; rank < program.grid.ranks(); ++rank) {
    RankClass single = program.classes[static_cast<std::size_t>(program.grid.coordinate(Axis::pp, rank))];
    single.first = rank;
    single.members = 1;
    classes.push_back(std::move(single));
  }
  return classes;
}

}  // namespace

std::size_t class_of(const Program& program, std::int32_t rank) {
  if (std::ssize(program.classes) == program.grid.ranks()) return static_cast<std::size_t>(rank);
  return static_cast<std::size_t>(program.grid.coordinate(Axis::pp, rank));
}

graph::PartPlace part_of(const Grid& grid, const graph::Cut& cut, std::int32_t rank) {
  if (cut.over_grid)
    return {.first = grid.coordinate(Axis::tp_column, rank), .second = grid.coordinate(Axis::tp_row, rank)};
  if (!cut.over_experts) return {.first = grid.coordinate(Axis::tp, rank)};
  return {.first = grid.coordinate(Axis::ep, rank), .second = grid.coordinate(Axis::etp, rank)};
}

Grid grid_of(const workload::Plan& plan, const workload::Model& model) {
  const std::int64_t shards = plan.zero > 0 ? std::max<std::int64_t>(plan.zero_group / plan.cp, 1) : plan.dp;
  ensure(plan.dp % shards == 0, "groups of shards make up all data-parallel ranks");
  return Grid({.tp = static_cast<std::int32_t>(plan.tp),
               .cp = static_cast<std::int32_t>(plan.cp),
               .dp_shard = static_cast<std::int32_t>(shards),
               .dp_replica = static_cast<std::int32_t>(plan.dp / shards),
               .pp = static_cast<std::int32_t>(plan.pp),
               .ep = static_cast<std::int32_t>(plan.ep),
               .etp = static_cast<std::int32_t>(plan.etp),
               .edp_replica = static_cast<std::int32_t>(plan.ep > 1 ? plan.dp / shards : 1),
               .tp_copy = static_cast<std::int32_t>(workload::head_copies(model, plan)),
               .tp_rows = static_cast<std::int32_t>(plan.tp_rows)},
              plan.placement);
}

Program lower(const Job& job, Classes classes, Hash hash) {
  const workload::Plan& plan = job.plan;
  Program program;
  program.micro_batches = static_cast<std::int32_t>(job.micro_batches());
  ensure((directions_of(plan.schedule) == 1 && !plan.turns_back()) || !job.model.tied_embeddings,
         "each end of the model is on one stage");
  program.grid = grid_of(plan, job.model);
  Lowering lowering(job, program);
  for (std::int64_t stage = 0; stage < plan.pp; ++stage) program.classes.push_back(lowering.stage(stage));
  if (classes == Classes::per_rank) program.classes = one_class_per_rank(program);
  if (hash == Hash::taken) program.hash = hash_of(program);
  return program;
}

}  // namespace ds::program
