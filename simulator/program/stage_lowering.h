#pragma once
// Lowers the graph of one stage: a buffer for every tensor, a template for every pass.

#include <map>
#include <vector>

#include "simulator/graph/graph.h"
#include "simulator/program/buckets.h"
#include "simulator/program/program.h"

namespace ds::program {

/// The first backward of a step writes gradients, later ones add to them.
enum class Gradients { written, added };

class StageLowering {
 public:
  /// Makes the stage's buffers in `program`. `slots`: most micro-batches in flight.
  StageLowering(Program& program, graph::Stage stage, const workload::HyperParameters& hyper,
                std::int32_t slots);

  TemplateId forward();
  TemplateId backward(Gradients gradients);
  /// Adds the uses of tied tensors, then squares, sums and rounds the norm once.
  TemplateId norm();
  TemplateId update();

 private:
  struct BucketBuffers {
    BufferId weight{-1}, gradient{-1}, tied_gradient{-1}, first_moment{-1}, second_moment{-1};
  };

  BufferId add_buffer(Buffer buffer);
  ViewId add_view(BufferId buffer, Bytes offset, ops::Shape shape, TensorId tensor = TensorId{-1});
  ViewId whole(BufferId buffer, std::int64_t elements);
  void make_host_buffers();
  void make_bucket(const Bucket& bucket);
  void make_tensor_views(const Bucket& bucket, const BucketBuffers& buffers);
  void make_activations(std::int32_t slots);
  void bind_tensor(std::size_t tensor, bool crosses, std::int32_t slots);

  OpId op_id(const ops::Op& op);
  Instruction instruction(Kind kind, const ops::Op& op, const std::vector<Use>& uses);
  Instruction lower_node(const graph::Node& node, bool accumulate);
  TemplateId add_template(Template body);

  Program& program_;
  graph::Stage stage_;
  workload::HyperParameters hyper_;
  DataType type_{};
  std::vector<Bucket> buckets_;
  std::vector<BucketBuffers> bucket_buffers_;
  std::vector<Use> use_of_;  // by tensor of the graph: its view and instance; access is the operand's
  std::map<std::pair<graph::ParameterIndex, std::int32_t>, ViewId> weight_views_, gradient_views_;
  BufferId sums_{-1};
};

}  // namespace ds::program
