#pragma once
// Lowers one kind of stage of the pipeline: a buffer for every tensor of its chunks, a template for every pass. Stages that
// are given the same things are one kind; each then has slots and calls of its own.
//
//   stage_lowering.cpp   the order of calls
//   stage_buckets.cpp    weights, gradients and states, bucket by bucket
//   stage_buffers.cpp    where tensors live
//   stage_slots.cpp      for how many micro-batches at once
//   stage_passes.cpp     forward and backward of a chunk
//   stage_ring.cpp       attention to keys that travel around a ring
//   stage_gathering.cpp  weights that are kept in shards, gathered ahead of their use
//   stage_update.cpp     what follows the last backward: reduction, norm, update

#include <array>
#include <compare>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "simulator/graph/graph.h"
#include "simulator/program/buckets.h"
#include "simulator/program/draft.h"
#include "simulator/program/program.h"
#include "simulator/program/schedule/schedule.h"
#include "simulator/program/stage_inputs.h"

namespace ds::program {

/// Of a forward whether it is the first, where that counts. What a backward to the weights does with gradients: the first of
/// a step writes them, later ones add; after the last one they are complete, where they are reduced beside it.
struct GradientRole {
  bool first{}, last{};
  auto operator<=>(const GradientRole&) const = default;
};

/// Which template a call has: that of a chunk's pass, or of a forward that is merged with the backward of another chunk.
struct PassKind {
  std::int32_t chunk{};
  bool forward{};
  Gradients gradients{};
  GradientRole role;
  std::int32_t merged_with{-1};  // that chunk
  auto operator<=>(const PassKind&) const = default;
};
/// The chunk whose gradients of weights it computes; -1: of none.
constexpr std::int32_t chunk_of_gradients(const PassKind& kind) {
  if (kind.gradients == Gradients::inputs || (kind.forward && kind.merged_with < 0)) return -1;
  return kind.forward ? kind.merged_with : kind.chunk;
}
struct PassCall {
  PassKind kind;
  std::array<std::int32_t, 2> micro{-1, -1};
  bool is_first_forward{}, is_last_backward{};  // of its chunk; the backward to the weights
};
/// The calls of an order. `micro_batches`: of each pipeline.
/// `first_forwards_apart`: that of a step's first micro-batch does what the others find done.
std::vector<PassCall> calls_of(const std::vector<ScheduledPass>& order, std::int32_t micro_batches,
                               bool reduces_early, bool first_forwards_apart = false);

/// How many slots a buffer has follows from the order in which a class works.
struct SlotRule {
  enum class Kind : std::uint8_t { one, every_micro_batch, in_flight } kind{};
  std::int32_t chunk{};
  Leg from{}, to{};
  bool lanes_share{};
  std::int32_t to_chunk{-1};  // whose leg `to` is; -1: of the same chunk
  auto operator<=>(const SlotRule&) const = default;
};

/// How large a buffer is follows from sizes that do not change what a stage does: of a bucket, cut into shards or not, and how
/// many layers have one.
struct SizeRule {
  std::int32_t chunk{-1};
  std::int32_t bucket{-1};  // of the chunk: it holds elements of it in its type; -1: its size is as it says
  bool shard{};             // one shard of the bucket; else the whole, padded
  bool by_layer{};          // a copy for each of the chunk's layers, or between them
  bool of_stage{};          // there once, however many chunks use it; of equal names, the same one
};

/// `micro_batches`: of the rank and pipeline.
std::int32_t slots_of(const SlotRule& rule, const std::vector<ScheduledPass>& order,
                      std::int32_t micro_batches);

class StageLowering {
 public:
  /// Everything; or what is done once a step, for who knows the rest: then of buffers there are none but those of buckets and of the
  /// host, and passes consist of what they do once a step.
  enum class Extent : std::uint8_t { all, of_step };

  /// Makes the stage's buffers in `program`.
  StageLowering(Program& program, const std::vector<std::shared_ptr<const graph::Stage>>& chunks,
                StageInputs inputs, Extent extent = Extent::all);

  /// The class of a stage of this kind that works in that order; makes the templates that no class before had.
  /// `micro_batches`: of the rank.
  RankClass lower(const std::vector<ScheduledPass>& order, std::int32_t micro_batches);

  /// The template of one of its passes, of what follows the last one, of the update; made when first asked for.
  TemplateId pass(const PassKind& kind);
  TemplateId finish();
  TemplateId update();
  const SlotRule& slot_rule(BufferId buffer) const {
    return slot_rules_[index(buffer) - static_cast<std::size_t>(first_buffer_)];
  }
  /// Those of a chunk's buckets, which come before all others.
  Span bucket_buffers(std::size_t chunk) const { return chunks_[chunk].bucket_buffers; }
  const SizeRule& size_rule(BufferId buffer) const {
    return size_rules_[index(buffer) - static_cast<std::size_t>(first_buffer_)];
  }

 private:
  struct BucketBuffers {
    BufferId weight{-1}, gradient{-1}, master{-1}, first_moment{-1}, second_moment{-1};
    // Where passes read weights and write gradients: the same two, unless these are shards.
    BufferId used_weight{-1}, own_gradient{-1}, tied_gradient{-1};
    BufferId sent_gradient{-1};  // what is reduced, where that is of another type
    BufferId narrow_weight{-1};  // what products take in 8 bits
    BufferId flat_gradient{-1};  // the shard in the type of the masters, of an update
    // Of an update on the host, what it takes and makes there.
    BufferId host_gradient{-1}, host_weight{-1};
    std::int32_t updated_on_host{};  // copies, the first ones
    BufferId fetched_weight{-1};     // a shard that lies on the host, on its way to who gathers it
    std::int64_t padded{}, part{};   // elements of the whole; of what this rank updates
    bool kept{};                     // what a forward has gathered is there in the backward
    bool expert{};                   // of experts that ranks share out
    /// Of `used_weight`: what is kept lasts for its micro-batch.
    std::int16_t used_instance() const { return kept ? kMicro0 : std::int16_t{0}; }
  };
  /// Of a tensor of the graph: in the forward, and in the backward, where layers come the other way round. Its access is
  /// the operand's.
  struct TensorUse {
    Use ahead, back;
  };
  struct Chunk {
    std::shared_ptr<const graph::Stage> graph;
    std::vector<Bucket> buckets;
    std::vector<BucketBuffers> buffers;
    std::vector<TensorUse> use_of;  // by tensor of the graph
    std::map<std::pair<std::int32_t, graph::TensorIndex>, TensorUse>
        series;  // within layers: of what they hand on to each other
    std::map<std::pair<graph::ParameterIndex, std::int32_t>, TensorUse> weights, gradients;
    std::map<graph::ParameterIndex, TensorUse> narrow_weights;
    std::vector<int> touched;            // by tensor: the legs of a micro-batch that touch it, as bits
    std::vector<std::int32_t> layer_of;  // by tensor: of Stage::layers, where it is not handed on
    std::int32_t number{};
    Span bucket_buffers;
    std::vector<bool> weights_alone;  // by backward node: only gradients of weights need it
    std::vector<std::vector<std::size_t>>
        complete_after;  // by backward node: buckets whose last gradient it computes
  };
  /// In which order iterations of a block go through the copies of a buffer.
  enum class Way : std::uint8_t { ahead, back };
  /// Buckets are reduced beside the last backward, each once its gradients are complete.
  bool reduces_early() const { return inputs_.reduces_early(); }
  const graph::Fp8& fp8() const { return inputs_.chunks.front().graph.fp8; }
  /// The ranks that the shards of a bucket are dealt to.
  Group shard_group(const BucketBuffers& buffers) const {
    const bool all = replicas(buffers) == 1;
    if (buffers.expert) return all ? kExpertDataGroup : kExpertShardGroup;
    return all ? kDataGroup : kShardGroup;
  }
  /// Ranks that have a bucket, and of these those that have the same shard of it.
  std::int64_t data_ranks(const BucketBuffers& buffers) const {
    return buffers.expert ? inputs_.expert_data_ranks : inputs_.data_ranks;
  }
  std::int64_t replicas(const BucketBuffers& buffers) const {
    return data_ranks(buffers) / (buffers.padded / buffers.part);
  }
  bool prefetches() const { return inputs_.overlap.param_gather; }
  LaneId reduce_lane() const {
    return inputs_.overlap.grad_reduce ? inputs_.lanes.reduce : inputs_.lanes.compute;
  }
  /// Micro-batches of one pipeline.
  std::int32_t micro_batches() const { return micro_batches_ / inputs_.directions; }
  /// A chunk of the pipeline that runs the other way.
  bool opposite(const Chunk& chunk) const { return inputs_.directions == 2 && chunk.number == 1; }
  /// Its forwards send to the stage before.
  bool goes_back(const Chunk& chunk) const {
    return chunk.number == 1 && (inputs_.directions == 2 || inputs_.turns_back);
  }
  /// What chunk 0 gives to chunk 1 and gets from it where the pipeline turns: one buffer, which nobody sends.
  bool handed_over(const Chunk& chunk, graph::TensorIndex t) const {
    const graph::Stage& g = *chunk.graph;
    return inputs_.hands_over && (chunk.number == 0 ? t == g.output || t == g.output_gradient
                                                    : t == g.input || t == g.input_gradient);
  }
  SlotRule handed_over_rule(graph::TensorIndex t, const Chunk& chunk) const;
  std::vector<std::size_t> chunks_by_place() const;

  BufferId add_buffer(Buffer buffer, SlotRule rule = {}, SizeRule size = {});
  /// Of a buffer of the bucket that is made.
  enum class Holds : std::uint8_t { whole, shard };
  static SizeRule of_bucket(const Chunk& chunk, Holds holds, bool by_layer);
  ViewId add_view(BufferId buffer, Bytes offset, ops::Shape shape, Way way = Way::ahead,
                  TensorId tensor = TensorId{-1});
  ViewId whole(BufferId buffer, std::int64_t elements, Way way = Way::ahead);
  /// The rank's shard of a bucket, or the whole where it is not sharded. The buffer may hold no more than that.
  ViewId part(BufferId bucket, const BucketBuffers& buffers, Way way = Way::ahead);
  /// The view, so many iterations of a block later.
  ViewId later(ViewId view, std::int32_t iterations);
  std::int32_t updated_on_host(const Bucket& bucket, std::int64_t elements);
  void make_host_buffers();
  void make_dummy_gradients();
  void make_side_buffers();
  void make_bucket(Chunk& chunk, const Bucket& bucket);
  void make_gathered(const Chunk& chunk, const Bucket& bucket, BucketBuffers& buffers);
  void make_own_gradients(const Chunk& chunk, const Bucket& bucket, BucketBuffers& buffers);
  void make_narrow_weight(const Chunk& chunk, const Bucket& bucket, BucketBuffers& buffers);
  void make_tensor_views(Chunk& chunk, const Bucket& bucket, const BucketBuffers& buffers);
  template <class Fn>
  void for_each_node(const Chunk& chunk, Fn&& fn) const;
  void find_touched(Chunk& chunk);
  void make_activations();
  void bind_rest(Chunk& chunk);
  /// `begin`: a buffer that is there already and that it goes on from. The last buffer, which another series may go on from.
  BufferId make_series(Chunk& chunk, Way way, BufferId begin = BufferId{-1});
  Buffer activation(const Chunk& chunk, graph::TensorIndex t, int touched, SlotRule& rule) const;
  Buffer activation(const Chunk& chunk, const graph::Tensor& tensor, int touched, bool lanes_share,
                    SlotRule& rule) const;
  void bind_tensor(Chunk& chunk, graph::TensorIndex t);
  BufferId add_by_turns(const graph::Tensor& tensor, std::int32_t layers);
  std::vector<std::int32_t> slots(const std::vector<ScheduledPass>& order) const;

  TemplateId make_pass(const PassKind& kind);
  /// The nodes of a pass that `in_pass` says, and what has to be gathered for them: begin() first of all, then run().
  class Units;
  void gather(Draft& body, const Chunk& chunk, std::size_t bucket, Way way, std::int32_t iterations_ahead);
  /// `first`: of the step's micro-batches.
  Draft forward(const Chunk& chunk, bool first);
  void quantise_weights(Draft& body, const Chunk& chunk, std::size_t bucket, Way way);
  Draft backward(const Chunk& chunk, Gradients gradients, GradientRole role);
  Draft backward_alone(const Chunk& chunk, Gradients gradients, GradientRole role);  // not beside a forward
  void zero_padding(Draft& body, const Chunk& chunk);
  void reduce_bucket(Draft& body, const Chunk& chunk, std::size_t bucket);
  void reduce_into_shards(Draft& body, const Chunk& chunk, std::size_t bucket, GradientRole role);
  void sum_partial(Draft& body, const Chunk& chunk, std::size_t bucket);
  void reduce_over_tensor_ranks(Draft& body, const Bucket& bucket, BufferId gradient, Way way);
  void sum_over_replicas(Draft& body, BufferId gradient, const BucketBuffers& buffers);
  void zero(Draft& body, BufferId buffer, std::int64_t begin, std::int64_t end);
  void join_ties(Draft& body, const Chunk& chunk, std::size_t bucket);
  void join_mirrors(Draft& body);
  void copy(Draft& body, bool to_host, Use from, Use to);
  void update_bucket(Draft& body, const Bucket& bucket, const BucketBuffers& buffers, bool on_host);
  Draft finish_body();
  void norm(Draft& body);
  Draft update_body();

  OpId op_id(const ops::Op& op);
  Instruction instruction(Kind kind, const ops::Op& op, const std::vector<Use>& uses);
  /// Nothing for a node that is no work in this pass.
  void lower_node(Draft& body, const Chunk& chunk, const graph::Node& node, Way way, bool accumulate);
  /// Attention to keys that travel around a ring, as the parts that it is made of.
  void ring_attention(Draft& body, const graph::Node& node, const std::vector<Use>& uses);
  Instruction collective(collective::Collective what, Group group, LaneId lane, const std::vector<Use>& uses);
  /// Activations go forward, their gradients backward.
  Instruction transfer(Kind kind, const Chunk& chunk, bool forward, Use use);
  void send(Draft& body, const Chunk& chunk, bool forward, Use use);
  void receive(Draft& body, const Chunk& chunk, bool forward, Use use);
  /// The tensor-parallel rank's part of what all of them hold.
  Use share_of(Use whole);
  void overlap_products(Draft& body) const;

  bool has_passes() const { return extent_ == Extent::all; }

  Program& program_;
  StageInputs inputs_;
  Extent extent_;
  HostBuffers host_;
  BufferId sums_{-1};
  double states_on_host_{0}, states_wanted_there_{0};  // elements of the buckets so far
  std::vector<Chunk> chunks_;
  std::vector<SlotRule> slot_rules_;  // by buffer
  std::vector<SizeRule> size_rules_;  // likewise
  std::set<BufferId> rings_;          // buffers whose copies layers take in turn
  std::int32_t first_buffer_{}, first_tensor_{};
  std::map<PassKind, TemplateId> templates_;
  TemplateId finish_{-1}, update_{-1};
  // Of the class that is being made.
  std::int32_t micro_batches_{};
};

}  // namespace ds::program
