// Picks what counts out of a job.
#include "simulator/program/stage_inputs.h"

#include <algorithm>
#include <string_view>

#include "simulator/program/schedule/schedule.h"
#include "simulator/program/stage_graphs.h"
#include "simulator/program/types.h"

namespace ds::program {
namespace {

using workload::Job;

Sharding sharding_of(const Job& job) {
  const workload::Plan& plan = job.plan;
  if (plan.zero == 0 || plan.dp * plan.cp == 1) return {};
  Sharding sharding{.shards = plan.cp * program::grid_of(plan, job.model).size(Axis::dp_shard)};
  if (plan.zero < 2 || sharding.shards == 1) return sharding;
  const bool fsdp = job.habits.fsdp;
  // FSDP's ZeRO 2 keeps what a forward has gathered. With micro-batches of many stages under way that would be all weights.
  if (plan.zero == 3)
    sharding.weights = WeightStore::gathered_by_pass;
  else if (fsdp && plan.pp == 1)
    sharding.weights = WeightStore::gathered_by_micro_batch;
  sharding.gradients = true;
  sharding.masters_alone = fsdp && sharding.weights != WeightStore::whole;
  sharding.reduced_as = reduce_type(job);
  sharding.kept_as = fsdp ? master_type(job) : gradient_type(job);
  return sharding;
}

/// On processors always direct, which sums in rank order.
CollectiveChoice choice_of(const Job& job) {
  if (job.cluster.cpu()) return {0, 0, 0, 0, 0, 0};
  CollectiveChoice choice;
  for (const auto& [axis, name] : job.plan.collectives) {
    const auto* const found =
        std::ranges::find(collective::kAlgorithms, std::string_view(name),
                          [](collective::Algorithm one) { return collective::name_of(one); });
    std::int16_t& its = axis == "tp"   ? choice.tp
                        : axis == "cp" ? choice.cp
                        : axis == "ep" ? choice.ep
                        : axis == "dp" ? choice.dp
                                       : choice.pp;
    its = found == std::end(collective::kAlgorithms) ? std::int16_t{-1} : static_cast<std::int16_t>(*found);
  }
  return choice;
}

bool may_wait_for_launches(const Job& job) {
  return !job.cluster.cpu() && job.habits.host.kernel_s > 0 &&
         job.plan.cuda_graphs != workload::CudaGraphs::full;
}

Bytes workspace_of(const Job& job) {
  const bool grouped = job.model.moe.has_value();
  return {job.habits.workspace_bytes + (grouped ? job.habits.grouped_workspace_bytes : 0)};
}

}  // namespace

std::int16_t CollectiveChoice::of(const Group& group) const {
  if (group.has(Axis::tp) && group.has(Axis::pp)) return world;
  if (group.has(Axis::dp_shard) || group.has(Axis::dp_replica) || group.has(Axis::edp) ||
      group.has(Axis::edp_replica))
    return dp;
  if (group.has(Axis::pp)) return pp;
  if (group.has(Axis::ep)) return ep;
  if (group.has(Axis::cp)) return cp;
  return tp;
}

bool quantises_once(const Job& job) {
  return job.plan.precision == workload::Precision::fp8 && sharding_of(job).weights == WeightStore::whole;
}

StageInputs stage_inputs(const Job& job, std::int64_t stage, const std::vector<bool>& splits,
                         const Lanes& lanes) {
  const workload::Plan& plan = job.plan;
  const Grid grid = grid_of(plan, job.model);
  const DataType type = storage_type(job);
  const bool end = stage == 0 || stage + 1 == plan.pp;
  const std::int32_t directions = directions_of(plan.schedule);
  StageInputs inputs{
      .chunks = {},
      .stages = static_cast<std::int32_t>(plan.pp),
      .directions = directions,
      .second_half = directions == 2 && 2 * stage >= plan.pp,
      .turns_back = plan.turns_back(),
      .hands_over = plan.turns_back() && stage + 1 == plan.pp,
      .tensor_ranks = plan.tp,
      .data_ranks = plan.dp * plan.cp,
      .expert_data_ranks = std::int64_t{grid.size(Axis::edp)} * grid.size(Axis::edp_replica),
      .expert_shards = grid.size(Axis::edp),
      .sharding = sharding_of(job),
      .tied_across = job.model.tied_embeddings && plan.pp > 1 && end,
      .counts_tied = stage == 0,
      .overlap = plan.overlap,
      .sends_shares = job.habits.pipeline_scatter_gather && plan.tp > 1 && !plan.sequence_parallel,
      .products_in_pieces =
          !job.cluster.cpu() && plan.overlap.tp_comm && plan.sequence_parallel && plan.tp > 1,
      .fuses_bias_dropout = !job.cluster.cpu() && job.habits.fuses("bias_dropout_add"),
      .scales_of_blocks =
          plan.precision == workload::Precision::fp8 && !plan.fp8_recipe.starts_with("tensor"),
      .dummy_gradients = has_dummy_gradients(job),
      .keeps_gradients = job.habits.keeps_gradients,
      .workspace = workspace_of(job),
      .bucket_count = plan.zero > 0 && plan.dp > 1 ? job.habits.bucket_count : 0,
      .bucket_elements = job.habits.bucket_elements,
      .flat_gradients = job.habits.flat_gradients && (plan.zero == 1 || plan.zero == 2) &&
                        !plan.offload_optimizer && gradient_type(job) != master_type(job),
      .states_on_host = plan.offload_optimizer ? plan.offloaded_states : 0,
      .weights_on_host = plan.offload_weights,
      .allocates = job.habits.allocator != "arena",
      .lanes = lanes,
      .type = type,
      .gradient_type = gradient_type(job),
      .master_type = master_type(job),
      .moment_type = moment_type(job),
      .algorithms = choice_of(job),
      .hyper = job.train.hyper};
  for (std::int64_t chunk = 0; chunk < plan.chunks() * directions; ++chunk) {
    inputs.chunks.push_back({.graph = chunk_options(job, stage, chunk),
                             .recompute = plan.recompute,
                             .splits_backward = splits[static_cast<std::size_t>(chunk)]});
    if (inputs.chunks.back().graph.head)
      inputs.micro_batches = static_cast<std::int32_t>(job.micro_batches()) / directions;
  }
  inputs.waits_for_launches = may_wait_for_launches(job);
  if (!inputs.tied_across) inputs.counts_tied = true;
  return inputs;
}

Lanes make_lanes(Program& program, const workload::Plan& plan) {
  const auto add = [&](Unit unit, Group group, std::int8_t direction) {
    program.lanes.push_back({unit, group, direction});
    return static_cast<LaneId>(program.lanes.size() - 1);
  };
  Lanes lanes;
  lanes.compute = add(Unit::compute, {}, 0);
  const auto add_messages = [&](Group group, std::int8_t forward) {
    const auto backward = static_cast<std::int8_t>(-forward);
    MessageLanes messages{.send_forward = add(Unit::link, group, forward),
                          .send_backward = add(Unit::link, group, backward)};
    if (plan.overlap.p2p) {
      messages.receive_forward = add(Unit::link, group, forward);
      messages.receive_backward = add(Unit::link, group, backward);
    }
    return messages;
  };
  if (plan.pp > 1) lanes.messages[0] = add_messages(kPipeline, 1);
  if (directions_of(plan.schedule) == 2 || plan.turns_back())
    lanes.messages[1] = add_messages(kOppositePipeline, -1);
  if (plan.cp > 1 && plan.cp_kind == workload::CpKind::ring)
    lanes.context = add(Unit::link, kContextGroup, 0);
  // Where a forward and a backward take turns, rows of the one travel beside work on the other.
  if (plan.exchanges_apart()) lanes.experts = add(Unit::link, kExpertGroup, 0);
  // One lane for all of a communicator: two would start its collectives in an order that ranks need not share.
  if (plan.dp * plan.cp > 1 && (plan.overlap.grad_reduce || plan.overlap.param_gather))
    lanes.reduce = lanes.gather = add(Unit::link, kDataGroup, 0);
  // A copy engine for each direction.
  if (workload::offloads(plan)) {
    lanes.to_host = add(Unit::copy_out, {}, 0);
    lanes.from_host = add(Unit::copy_in, {}, 0);
  }
  return lanes;
}

std::shared_ptr<const graph::Stage> ChunkGraphs::of(const ChunkInputs& chunk) {
  constexpr std::size_t kMost = 64;  // what is remembered only saves time, and a graph takes 50 kB and more
  const auto found = graphs_.find({chunk.graph, chunk.recompute});
  if (found != graphs_.end()) return found->second;
  if (graphs_.size() == kMost) graphs_.clear();
  std::shared_ptr<const graph::Stage>& graph = graphs_[{chunk.graph, chunk.recompute}];
  graph = std::make_shared<const graph::Stage>(chunk_graph(model_, chunk.graph, chunk.recompute));
  return graph;
}

}  // namespace ds::program
