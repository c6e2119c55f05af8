#pragma once
// Lowers one stage of the pipeline: a buffer for every tensor of its chunks, a template for every pass, the calls of a step.
//
//   stage_lowering.cpp   the order of calls
//   stage_buffers.cpp    where tensors live
//   stage_passes.cpp     forward and backward of a chunk
//   stage_update.cpp     what follows the last backward: reduction, norm, update

#include <map>
#include <string>
#include <vector>

#include "simulator/graph/graph.h"
#include "simulator/program/buckets.h"
#include "simulator/program/program.h"
#include "simulator/program/schedule/schedule.h"

namespace ds::program {

/// Lanes that all stages have. Where nothing overlaps, receives and collectives sit on the compute lane.
struct Lanes {
  LaneId compute{0}, send_forward{0}, send_backward{0}, receive_forward{0}, receive_backward{0}, reduce{0},
      gather{0};
};
Lanes make_lanes(Program& program, const workload::Plan& plan);

/// What a stage has to know of the plan.
struct StagePlan {
  std::int32_t stage{0}, stages{1};
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
  StageLowering(Program& program, std::vector<graph::Stage> chunks, StagePlan plan);

  /// Makes the templates, and the class that calls them. Its first rank is the one at pp = stage.
  RankClass lower();

 private:
  struct BucketBuffers {
    BufferId weight{-1}, gradient{-1}, tied_gradient{-1}, master{-1}, first_moment{-1}, second_moment{-1};
    std::int64_t padded{}, part{};  // elements of the whole; of what this rank updates
  };
  struct Chunk {
    graph::Stage graph;
    std::vector<Bucket> buckets;
    std::vector<BucketBuffers> buffers;
    std::vector<Use> use_of;  // by tensor of the graph: its view and instance; access is the operand's
    std::map<std::pair<graph::ParameterIndex, std::int32_t>, ViewId> weights, gradients;
    std::map<std::pair<bool, bool>, TemplateId> backwards;  // by (writes gradients, releases them)
    TemplateId forward{-1};
  };
  /// The first backward of a step writes gradients, later ones add; after the last one they are complete.
  struct Turn {
    bool writes{}, releases{};
  };

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
  void make_activations(Chunk& chunk, std::int32_t slots);
  void bind_tensor(Chunk& chunk, std::size_t tensor, int touched, std::int32_t slots);

  TemplateId call_of(const ScheduledPass& pass, Turn turn);
  TemplateId forward(Chunk& chunk, std::int32_t number);
  TemplateId backward(Chunk& chunk, std::int32_t number, Turn turn);
  void release_finished(Template& body, const Chunk& chunk, std::vector<std::size_t>& waiting,
                        std::size_t node);
  void zero_padding(Template& body, const Chunk& chunk);
  void reduce_bucket(Template& body, const Chunk& chunk, std::size_t bucket);
  void join_ties(Template& body, const Chunk& chunk, std::size_t bucket);
  TemplateId finish();
  void norm(Template& body);
  TemplateId update();

  OpId op_id(const ops::Op& op);
  Instruction instruction(Kind kind, const ops::Op& op, const std::vector<Use>& uses);
  /// Nothing for a node that is no work in this pass.
  void lower_node(Template& body, const Chunk& chunk, const graph::Node& node, bool accumulate);
  Instruction collective(collective::Collective what, Group group, LaneId lane, const std::vector<Use>& uses);
  Instruction transfer(Kind kind, LaneId lane, std::int8_t shift, Use use);
  TemplateId add_template(Template body);

  Program& program_;
  StagePlan plan_;
  HostBuffers host_;
  BufferId sums_{-1};
  std::vector<Chunk> chunks_;
  std::int32_t first_buffer_{}, first_tensor_{};
};

}  // namespace ds::program
