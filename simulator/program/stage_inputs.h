#pragma once
// What of a job counts when a stage of the pipeline is lowered. Stages that are given the same inputs are lowered once.

#include <array>
#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "simulator/graph/graph.h"
#include "simulator/program/program.h"
#include "simulator/workload/job.h"

namespace ds::program {

/// Lanes that all stages have. Where nothing overlaps, receives and collectives sit on the compute lane.
struct MessageLanes {
  LaneId send_forward{0}, send_backward{0}, receive_forward{0}, receive_backward{0};
  auto operator<=>(const MessageLanes&) const = default;
};
struct Lanes {
  LaneId compute{0}, reduce{0}, gather{0}, context{0}, experts{0};
  LaneId to_host{0}, from_host{0};
  std::array<MessageLanes, 2> messages;  // of the pipeline, and of the one in the opposite direction
  auto operator<=>(const Lanes&) const = default;
};
/// Adds them to the program.
Lanes make_lanes(Program& program, const workload::Plan& plan);

/// A chunk of a stage: its graph, and whether some of its backwards are in two parts.
struct ChunkInputs {
  graph::StageOptions graph;
  workload::Recompute recompute{};
  bool splits_backward{};
  auto operator<=>(const ChunkInputs&) const = default;
};

/// Graphs of chunks, each made once.
class ChunkGraphs {
 public:
  /// The model has to outlive it.
  explicit ChunkGraphs(const workload::Model& model) : model_(model) {}
  std::shared_ptr<const graph::Stage> of(const ChunkInputs& chunk);

 private:
  const workload::Model& model_;
  std::map<std::pair<graph::StageOptions, workload::Recompute>, std::shared_ptr<const graph::Stage>> graphs_;
};

/// Where weights are between passes: whole on every rank; or in shards that are gathered once for a micro-batch's forward and
/// backward, or by every pass anew, layer by layer.
enum class WeightStore : std::uint8_t { whole, gathered_by_micro_batch, gathered_by_pass };

/// What of a bucket each data-parallel rank has for itself (ZeRO, Rajbhandari et al. 2020; FSDP, Zhao et al. 2023).
struct Sharding {
  std::int64_t shards{1};  // optimizer states are cut into so many
  WeightStore weights{};
  bool gradients{};  // every backward reduces its gradients into shards, in which micro-batches are added up
  bool masters_alone{};   // shards of weights are masters; they are cast on the way to who gathers them
  DataType reduced_as{};  // gradients travel in this type, and are kept in the other, where they are cut
  DataType kept_as{};
  auto operator<=>(const Sharding&) const = default;
};

/// Algorithms of collectives by what they are over, numbers of collective::Algorithm; -1: as the software chooses.
struct CollectiveChoice {
  std::int16_t tp{-1}, cp{-1}, ep{-1}, dp{-1}, pp{-1}, world{-1};
  std::int16_t of(const Group& group) const;
  auto operator<=>(const CollectiveChoice&) const = default;
};

/// All that lowering a kind of stage reads beside the model. Compared whole: what is equal is lowered once.
struct StageInputs {
  std::vector<ChunkInputs> chunks;
  std::int32_t stages{1};
  std::int32_t directions{1};  // 2: chunk 1 belongs to a pipeline that runs the other way (DualPipe)
  bool second_half{false};     // of such a pipeline: chunk 1 stands before chunk 0 in the model
  bool turns_back{false};      // chunk 1 belongs to the way back of the same pipeline (ZB-V)
  bool hands_over{false};      // where it turns, chunk 0 hands its result to chunk 1
  std::int64_t tensor_ranks{1};
  std::int64_t data_ranks{1};         // that have the same weights, those of one sequence among them
  std::int64_t expert_data_ranks{1};  // that have the same experts, where ranks share them out
  std::int64_t expert_shards{1};      // of these, that shards of them are dealt to
  Sharding sharding;
  bool tied_across{false};        // first and last stage hold the same table
  bool counts_tied{true};         // and this one counts it in the norm
  std::int32_t micro_batches{0};  // of the rank and pipeline, where it has the loss of all of them; else 0
  workload::Overlap overlap;
  bool sends_shares{false};  // of activations that all tensor-parallel ranks hold each sends a part
  bool waits_for_launches{
      false};  // the host may be slower than the device; not where another lane takes turns in each layer
  bool products_in_pieces{false};  // tensor-parallel collectives run beside the products next to them
  bool fuses_bias_dropout{
      false};  // bias and dropout of a projection are done by the residual add that takes them in
  bool scales_of_blocks{false};  // of tensors in 8 bits: a scale for each block, not one for all
  bool dummy_gradients{
      false};  // a gradient in the working precision for each shape of a layer's weight, which nothing reads
  bool keeps_gradients{false};                       // their buffers are there all the time
  Bytes workspace;                                   // of libraries, all the time
  std::int64_t bucket_count{0}, bucket_elements{0};  // what shards travel through, all the time
  bool flat_gradients{false};                        // an update copies its shards in the masters' type first
  std::int64_t states_on_host{0};  // of the optimizer, with the update: so many millionths of the elements
  bool weights_on_host{false};     // shards of them
  bool allocates{false};  // what passes between stages is allocated for each message, not bound to a place
  Lanes lanes;
  DataType type{}, gradient_type{}, master_type{}, moment_type{};
  CollectiveChoice algorithms;  // of collectives, by the axis that they are over
  workload::HyperParameters hyper;
  /// Buckets are reduced beside the last backward, each once its gradients are complete.
  bool reduces_early() const { return overlap.grad_reduce && data_ranks > 1; }
  /// Weights in 8 bits are made once a step, by the first forward; those that passes gather, by each of these.
  bool quantises_once() const { return chunks.front().graph.fp8.on() && !gathers_weights(); }
  /// Whether calls may be a forward and a backward, layer by layer.
  bool merges_passes() const { return directions > 1 || lanes.experts != lanes.compute; }
  bool gathers_weights() const { return sharding.weights != WeightStore::whole; }
  /// Ranks that hold the same shard.
  std::int64_t replicas() const { return data_ranks / sharding.shards; }
  auto operator<=>(const StageInputs&) const = default;
};

/// StageInputs::quantises_once() of all stages.
bool quantises_once(const workload::Job& job);

/// `splits`: by chunk, whether the stage's order has backwards of it in two parts.
StageInputs stage_inputs(const workload::Job& job, std::int64_t stage, const std::vector<bool>& splits,
                         const Lanes& lanes);

}  // namespace ds::program
