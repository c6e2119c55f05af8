#pragma once
// Lowers one stage of the pipeline: a buffer for every tensor of its chunks, a template for every pass, the calls of a step.
//
//   stage_lowering.cpp   the order of calls
//   stage_buffers.cpp    where tensors live
//   stage_passes.cpp     forward and backward of a chunk
//   stage_update.cpp     what follows the last backward: reduction, norm, update

#include <array>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "simulator/graph/graph.h"
#include "simulator/program/buckets.h"
#include "simulator/program/program.h"
#include "simulator/program/schedule/schedule.h"

namespace ds::program {

/// Lanes that all stages have. Where nothing overlaps, receives and collectives sit on the compute lane.
struct MessageLanes {
  LaneId send_forward{0}, send_backward{0}, receive_forward{0}, receive_backward{0};
};
struct Lanes {
  LaneId compute{0}, reduce{0}, gather{0};
  std::array<MessageLanes, 2> messages;  // of the pipeline, and of the one in the opposite direction
};
Lanes make_lanes(Program& program, const workload::Plan& plan);

/// What a stage has to know of the plan.
struct StagePlan {
  std::int32_t stage{0}, stages{1};
  std::int32_t directions{1};  // 2: chunk 1 belongs to a pipeline that runs the other way (DualPipe)
  std::int64_t tensor_ranks{1}, data_ranks{1};
  bool sharded{false};      // each data-parallel rank updates its shard of every bucket (ZeRO 1)
  bool tied_across{false};  // first and last stage hold the same table
  workload::Overlap overlap;
  Lanes lanes;
  DataType type{}, gradient_type{}, master_type{};
  std::int16_t algorithm{-1};  // of collectives; -1: as the software chooses
  workload::HyperParameters hyper;
  std::vector<ScheduledPass> order;
};

class StageLowering {
 public:
  /// Makes the stage's buffers in `program`.
  StageLowering(Program& program, const std::vector<std::shared_ptr<const graph::Stage>>& chunks,
                StagePlan plan);

  /// Makes the templates, and the class that calls them. Its first rank is the one at pp = stage.
  RankClass lower();

 private:
  struct BucketBuffers {
    BufferId weight{-1}, gradient{-1}, tied_gradient{-1}, master{-1}, first_moment{-1}, second_moment{-1};
    std::int64_t padded{}, part{};  // elements of the whole; of what this rank updates
  };
  struct Chunk {
    std::shared_ptr<const graph::Stage> graph;
    std::vector<Bucket> buckets;
    std::vector<BucketBuffers> buffers;
    std::vector<Use> use_of;  // by tensor of the graph: its view and instance; access is the operand's
    std::map<std::pair<graph::ParameterIndex, std::int32_t>, ViewId> weights, gradients;
    std::int32_t number{};
    bool splits{};                    // some backwards are in two parts
    std::vector<bool> weights_alone;  // by backward node: only gradients of weights need it
  };
  /// The first backward of a step writes gradients, later ones add; after the last one they are complete.
  struct Turn {
    bool writes{}, releases{};
  };

  /// Which templates there are: of a chunk's pass, and of a backward that is merged with a forward.
  using Kept = std::tuple<std::int32_t, bool, Gradients, bool, bool, std::int32_t>;

  /// Buckets are reduced beside the last backward, each once its gradients are complete.
  bool reduces_early() const { return plan_.overlap.grad_reduce && plan_.data_ranks > 1; }
  BufferId add_buffer(Buffer buffer);
  ViewId add_view(BufferId buffer, Bytes offset, ops::Shape shape, TensorId tensor = TensorId{-1});
  ViewId whole(BufferId buffer, std::int64_t elements);
  /// The rank's shard of a bucket, or the whole where it is not sharded.
  ViewId part(BufferId bucket, const BucketBuffers& buffers);
  void make_host_buffers();
  void make_bucket(Chunk& chunk, const Bucket& bucket);
  void make_tensor_views(Chunk& chunk, const Bucket& bucket, const BucketBuffers& buffers);
  void make_activations(Chunk& chunk);
  void bind_tensor(Chunk& chunk, std::size_t tensor, int touched);
  /// Micro-batches of one pipeline, and of a chunk.
  std::int32_t micro_batches() const { return program_.micro_batches / plan_.directions; }
  /// A chunk of the pipeline that runs the other way.
  bool opposite(const Chunk& chunk) const { return plan_.directions == 2 && chunk.number == 1; }
  std::vector<std::size_t> chunks_by_place() const;

  Turn turn_of(const ScheduledPass& pass);
  TemplateId call_of(const ScheduledPass& pass);
  TemplateId merged_call_of(const ScheduledPass& first, const ScheduledPass& second);
  void forward(Template& body, const Chunk& chunk);
  void backward(Template& body, const Chunk& chunk, Gradients gradients, Turn turn);
  void release_finished(Template& body, const Chunk& chunk, std::vector<std::size_t>& waiting,
                        std::size_t node);
  void zero_padding(Template& body, const Chunk& chunk);
  void reduce_bucket(Template& body, const Chunk& chunk, std::size_t bucket);
  void join_ties(Template& body, const Chunk& chunk, std::size_t bucket);
  void join_mirrors(Template& body);
  TemplateId finish();
  void norm(Template& body);
  TemplateId update();

  OpId op_id(const ops::Op& op);
  Instruction instruction(Kind kind, const ops::Op& op, const std::vector<Use>& uses);
  /// Nothing for a node that is no work in this pass.
  void lower_node(Template& body, const Chunk& chunk, const graph::Node& node, bool accumulate);
  Instruction collective(collective::Collective what, Group group, LaneId lane, const std::vector<Use>& uses);
  /// Activations go forward, their gradients backward.
  Instruction transfer(Kind kind, const Chunk& chunk, bool forward, Use use);
  TemplateId add_template(Template body);

  Program& program_;
  StagePlan plan_;
  HostBuffers host_;
  BufferId sums_{-1};
  std::vector<Chunk> chunks_;
  std::vector<std::int32_t> summed_;  // by chunk: backwards to the weights so far
  std::map<Kept, TemplateId> kept_;
  std::int32_t first_buffer_{}, first_tensor_{};
};

}  // namespace ds::program
