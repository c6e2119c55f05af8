// Lowering: a job becomes buffers, templates and the calls of one step, stage by stage. This file says what of the job
// counts; how a stage is lowered is in stage_lowering.h.
#include <algorithm>
#include <map>
#include <string_view>

#include "simulator/base/error.h"
#include "simulator/program/program.h"
#include "simulator/program/schedule/schedule.h"
#include "simulator/program/stage_graphs.h"
#include "simulator/program/stage_lowering.h"
#include "simulator/program/types.h"

namespace ds::program {
namespace {

using workload::Job;
using Order = std::vector<ScheduledPass>;

bool has_fusion(const Job& job, std::string_view name) {
  return std::ranges::find(job.habits.fusions, name) != job.habits.fusions.end();
}

StageInputs stage_inputs(const Job& job, std::int64_t stage, const Order& order, const Program& program,
                         const Lanes& lanes) {
  const workload::Plan& plan = job.plan;
  const DataType type = storage_type(job);
  const bool end = stage == 0 || stage + 1 == plan.pp;
  const std::int32_t directions = directions_of(plan.schedule);
  StageInputs inputs{
      .chunks = {},
      .stages = static_cast<std::int32_t>(plan.pp),
      .directions = directions,
      .second_half = directions == 2 && 2 * stage >= plan.pp,
      .tensor_ranks = plan.tp,
      .data_ranks = plan.dp,
      .sharded = plan.zero >= 1 && plan.dp > 1,
      .tied_across = job.model.tied_embeddings && plan.pp > 1 && end,
      .counts_tied = stage == 0,
      .overlap = plan.overlap,
      .sends_shares = job.habits.pipeline_scatter_gather && plan.tp > 1 && !plan.sequence_parallel,
      .products_in_pieces =
          !job.cluster.cpu() && plan.overlap.tp_comm && plan.sequence_parallel && plan.tp > 1,
      .fuses_bias_dropout = !job.cluster.cpu() && has_fusion(job, "bias_dropout_add"),
      .dummy_gradients = job.habits.dummy_weight_gradients && job.habits.allocator != "arena",
      .lanes = lanes,
      .type = type,
      .gradient_type = gradient_type(job),
      .master_type = narrow(type) ? DataType::fp32 : type,
      .algorithm = static_cast<std::int16_t>(job.cluster.cpu() ? 0 : -1),  // direct: sums in rank order
      .hyper = job.train.hyper};
  for (std::int64_t chunk = 0; chunk < plan.vpp * directions; ++chunk) {
    inputs.chunks.push_back({.graph = chunk_options(job, stage, chunk),
                             .recompute = plan.recompute,
                             .splits_backward = splits_backward(order, static_cast<std::int32_t>(chunk))});
    if (inputs.chunks.back().graph.head) inputs.micro_batches = program.micro_batches / directions;
  }
  if (!inputs.tied_across) inputs.counts_tied = true;
  return inputs;
}

/// Lowers each kind of stage once, and each kind of chunk's graph.
class Lowering {
 public:
  Lowering(const Job& job, Program& program)
      : job_(job), program_(program), lanes_(make_lanes(program, job.plan)) {}

  RankClass stage(std::int64_t stage) {
    const workload::Plan& plan = job_.plan;
    const Order order =
        order_of(plan.schedule, static_cast<std::int32_t>(plan.pp), static_cast<std::int32_t>(stage),
                 program_.micro_batches, static_cast<std::int32_t>(plan.vpp));
    StageInputs inputs = stage_inputs(job_, stage, order, program_, lanes_);
    auto found = kinds_.find(inputs);
    if (found == kinds_.end()) {
      std::vector<std::shared_ptr<const graph::Stage>> graphs;
      for (const ChunkInputs& chunk : inputs.chunks) graphs.push_back(graph_of(chunk));
      found = kinds_.emplace(inputs, StageLowering(program_, graphs, inputs)).first;
    }
    RankClass ranks = found->second.lower(order, program_.micro_batches);
    ranks.first = program_.grid.rank_at({.pp = static_cast<std::int32_t>(stage)});
    for (std::size_t chunk = 0; chunk < inputs.chunks.size(); ++chunk)
      ranks.first_layer.push_back(first_layer_of(job_, stage, static_cast<std::int64_t>(chunk)));
    return ranks;
  }

 private:
  std::shared_ptr<const graph::Stage> graph_of(const ChunkInputs& chunk) {
    std::shared_ptr<const graph::Stage>& graph = graphs_[{chunk.graph, chunk.recompute}];
    if (!graph)
      graph = std::make_shared<const graph::Stage>(chunk_graph(job_.model, chunk.graph, chunk.recompute));
    return graph;
  }

  const Job& job_;
  Program& program_;
  Lanes lanes_;
  std::map<StageInputs, StageLowering> kinds_;
  std::map<std::pair<graph::StageOptions, workload::Recompute>, std::shared_ptr<const graph::Stage>> graphs_;
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

Grid grid_of(const workload::Plan& plan) {
  return Grid({.tp = static_cast<std::int32_t>(plan.tp),
               .cp = static_cast<std::int32_t>(plan.cp),
               .dp_shard = static_cast<std::int32_t>(plan.dp),
               .pp = static_cast<std::int32_t>(plan.pp),
               .ep = static_cast<std::int32_t>(plan.ep),
               .etp = static_cast<std::int32_t>(plan.etp)},
              plan.placement);
}

Program lower(const Job& job, Classes classes, Hash hash) {
  const workload::Plan& plan = job.plan;
  Program program;
  program.micro_batches = static_cast<std::int32_t>(job.micro_batches());
  ensure(directions_of(plan.schedule) == 1 || !job.model.tied_embeddings,
         "each end of the model is on one stage");
  program.grid = grid_of(plan);
  Lowering lowering(job, program);
  for (std::int64_t stage = 0; stage < plan.pp; ++stage) program.classes.push_back(lowering.stage(stage));
  if (classes == Classes::per_rank) program.classes = one_class_per_rank(program);
  if (hash == Hash::taken) program.hash = hash_of(program);
  return program;
}

}  // namespace ds::program
