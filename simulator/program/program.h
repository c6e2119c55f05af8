#pragma once
// A plan, lowered once: for every class of equal ranks the ordered instructions of a training step, each holding the
// operators it runs. The simulator interprets it with predicted durations, the executor with kernels and collectives.
//
//   Program program = lower(job, habits);
//   if (auto fault = check(program)) ...        // every buffer written before it is read, ...
//   memory::layout(program, 0);                 // an offset for every buffer
//   engine::play(program, durations);           // or executor::Interpreter
//
// A template is a list of instructions: the forward of a chunk, its backward, the norm, the update. A rank class calls
// templates in phases; only calls are listed per micro-batch. An instruction starts when its lane is free and all
// earlier-issued conflicting uses of the same buffer instance have ended; there are no other waits.
// No rank number occurs: peers and groups are axes and a shift.

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "simulator/base/data_type.h"
#include "simulator/base/units.h"
#include "simulator/collective/collective.h"
#include "simulator/graph/graph.h"
#include "simulator/ops/ops.h"
#include "simulator/workload/job.h"

namespace ds::program {

using ops::Access;

// Indices into the program's tables. Distinct types, so that a view is not a buffer; -1 is none.
enum class OpId : std::int32_t {};
enum class BufferId : std::int32_t {};
enum class ViewId : std::int32_t {};
enum class TensorId : std::int32_t {};
enum class LaneId : std::int32_t {};
enum class TemplateId : std::int32_t {};
template <class Id>
constexpr std::size_t index(Id id) {
  return static_cast<std::size_t>(id);
}

enum class Kind : std::uint8_t { compute, send, receive, collective, copy, optimizer };
/// How long a buffer's content is meant to live: weights | gradients, norm, flag | one micro-batch | within one call.
enum class Life : std::uint8_t { run, step, slot, call };
enum class When : std::uint8_t { always, finite, overflow };
enum class Tier : std::uint8_t { device, host };
/// Where a received buffer lives: in its own memory, or in the peer's receive buffer, which the producer then writes.
enum class Home : std::uint8_t { own, peer };
/// The parts of a rank's memory that the report lists.
enum class Part : std::uint8_t { weights, gradients, optimizer, activations, buffers };
/// Who besides instructions touches a buffer: the host writes tokens, learning rate and start values before a step, and
/// reads loss and norm after it. The checker counts these as uses.
enum class Host : std::uint8_t { none, writes, reads };

struct Span {
  std::int32_t first{}, count{};
};

/// What data decides has a bound (for memory) and an expectation (for time).
struct Size {
  Bytes bound;
  double expected_bytes{};
};

/// Several slots of life `step` are one block, slot after slot, without padding: an operator may read them all.
struct Buffer {
  std::string name;
  Size size;  // of one slot
  DataType type{};
  Life life{};
  Tier tier{Tier::device};
  Home home{Home::own};
  Part part{};
  Host host{Host::none};
  std::int32_t slots{1};
};

/// Part of a buffer, as a tensor. Hazards are per buffer; a bucket has many views. A rank's shard of a bucket begins
/// `by_data_rank` further for each data-parallel coordinate.
struct View {
  BufferId buffer{};
  Bytes offset;
  ops::Shape shape;
  DataType type{};
  TensorId tensor{-1};  // the logical tensor, of weights, gradients and optimizer states
  Bytes by_data_rank{};
  Bytes bytes() const { return {shape.elements() * size_of(type)}; }
};

/// Instances name a slot. Negative ones: that of the call's micro-batch, modulo the slots; or all slots.
inline constexpr std::int16_t kMicro0 = -1, kMicro1 = -2, kAllSlots = -3;

struct Use {
  ViewId view{};
  Access access{};
  std::int16_t instance{0};
};

/// Which kernel library serves an operator is the executor's choice; which algorithm it is stands in `op`.
struct Operator {
  OpId op{};
  Span uses;  // in the order of ops::operands(op)
};

enum class Unit : std::uint8_t { compute, copy_in, copy_out, link };

/// A set of axes. Ranks that differ only in these are one group.
enum class Axis : std::uint8_t {
  tp = 1,
  cp = 2,
  dp_shard = 4,
  dp_replica = 8,
  pp = 16,
  ep = 32,
  etp = 64,
  edp = 128
};
/// Of the ranks along the axes: all; the two ends of the pipeline; a rank and the one at the mirrored place, pp - 1 - its
/// own; all once more, for a pipeline that runs the other way, whose messages have communicators of their own.
enum class Members : std::uint8_t { all, ends, mirror, opposite };
struct Group {
  std::uint8_t axes{0};  // sum of Axis values; 0: the rank alone
  Members members{Members::all};
  constexpr bool has(Axis axis) const { return (axes & static_cast<std::uint8_t>(axis)) != 0; }
  bool operator==(const Group&) const = default;
};
constexpr Group group_over(std::initializer_list<Axis> axes, Members members = Members::all) {
  Group group{0, members};
  for (const Axis axis : axes) group.axes |= static_cast<std::uint8_t>(axis);
  return group;
}
// Those that programs use today.
inline constexpr Group kTensorGroup = group_over({Axis::tp});
inline constexpr Group kPipeline = group_over({Axis::pp});
inline constexpr Group kOppositePipeline = group_over({Axis::pp}, Members::opposite);
inline constexpr Group kMirrors = group_over({Axis::pp}, Members::mirror);
inline constexpr Group kPipelineEnds = group_over({Axis::pp}, Members::ends);
inline constexpr Group kDataGroup = group_over({Axis::dp_shard, Axis::dp_replica});
inline constexpr Group kWorld = group_over({Axis::tp, Axis::cp, Axis::dp_shard, Axis::dp_replica, Axis::pp});

/// A queue of work in order: the compute units, a copy engine, or one communicator in one direction.
struct Lane {
  Unit unit{Unit::compute};
  Group group;
  std::int8_t direction{0};
};

struct Comm {
  collective::Collective what{};
  Group group;
  std::int8_t shift{0};
  std::int16_t algorithm{-1};
  Size bytes;
  BufferId extent{-1};
};

struct Instruction {
  Kind kind{};
  LaneId lane{};
  Span operators;
  Span uses;  // of the communication itself
  Comm comm;
};

enum class Pass : std::uint8_t { forward, backward, weight_gradient, forward_backward, norm, update };

struct Template {
  std::string name;  // "forward", "backward first", ...: for dumps and traces
  Pass pass{};
  std::int32_t chunk{};
  std::vector<Instruction> body;
};

struct Call {
  TemplateId body{};
  std::int32_t micro[2]{-1, -1};  // merged forward and backward calls have two
};

struct Phase {
  When when{};
  std::vector<Call> calls;
};

/// Position of a rank along the axes, or their extents.
struct Coordinates {
  std::int32_t tp{}, cp{}, dp{}, pp{};
  bool operator==(const Coordinates&) const = default;
};

/// Buffers that the host reads and writes between phases; -1 where a rank has none: only the first stage has ids, only the
/// last targets and losses. With two pipelines in opposite directions, micro-batches are those of the rank's own.
struct HostBuffers {
  BufferId ids{-1}, targets{-1};  // int32 [micro-batches][tokens]
  BufferId rope_table{-1};        // constant, written before the first step
  BufferId control{-1};           // fp64 {learning rate, step from 1}
  BufferId losses{-1};   // fp64 [micro-batches], each already divided by the tokens of the global batch
  BufferId scalars{-1};  // fp64 {loss, gradient norm, clip factor, finite}
};

/// Ranks whose programs, sizes and durations are equal.
struct RankClass {
  Coordinates first;
  std::int32_t members{1};
  Span buffers, tensors;
  HostBuffers host;
  std::vector<Phase> phases;
};

/// A rank's part of a logical tensor that is trained. Weight and gradient are views into buckets. Moments, and the master
/// copy where training is narrower than fp32, are buffers of a shard of the bucket: of `shards` equal parts the one of the
/// rank's data-parallel coordinate.
struct TrainedTensor {
  std::string name;
  ops::Shape shape;  // of the part
  graph::Cut cut;    // how parts make up the logical tensor
  graph::Init init{};
  double deviation{};
  ViewId weight{-1}, gradient{-1}, tied_gradient{-1};
  std::int64_t first_in_bucket{};  // element
  BufferId master{-1}, first_moment{-1}, second_moment{-1};
  std::int64_t shards{1};
};

struct Program {
  std::vector<ops::Op> ops;
  std::vector<Buffer> buffers;
  std::vector<View> views;
  std::vector<Use> uses;
  std::vector<Operator> operators;
  std::vector<Lane> lanes;
  std::vector<TrainedTensor> tensors;
  std::vector<Template> templates;
  std::vector<RankClass> classes;
  Coordinates extents{1, 1, 1, 1};
  std::int32_t micro_batches{};
  std::uint64_t hash{};  // of everything above; ranks compare it before the first step

  const ops::Op& op(OpId id) const { return ops[index(id)]; }
  const Buffer& buffer(BufferId id) const { return buffers[index(id)]; }
  const View& view(ViewId id) const { return views[index(id)]; }
  const Template& body(const Call& call) const { return templates[index(call.body)]; }
  std::span<const Operator> operators_of(const Instruction& i) const { return part(operators, i.operators); }
  std::span<const Use> uses_of(const Operator& o) const { return part(uses, o.uses); }
  std::span<const Buffer> buffers_of(const RankClass& c) const { return part(buffers, c.buffers); }
  std::span<const TrainedTensor> tensors_of(const RankClass& c) const { return part(tensors, c.tensors); }
  /// Those of the communication itself.
  std::span<const Use> uses_of(const Instruction& i) const { return part(uses, i.uses); }

 private:
  template <class T>
  static std::span<const T> part(const std::vector<T>& table, Span span) {
    return std::span(table).subspan(static_cast<std::size_t>(span.first),
                                    static_cast<std::size_t>(span.count));
  }
};

/// The slot that a use means in a call.
constexpr std::int32_t slot_of(const Use& use, const Call& call, std::int32_t slots) {
  if (use.instance >= 0) return use.instance;
  const std::int32_t micro = call.micro[use.instance == kMicro1 ? 1 : 0];
  return micro < 0 ? 0 : micro % slots;
}

/// Visits the uses of an instruction, those of its operators and its own: fn(const Use&).
template <class Fn>
void for_each_use(const Program& program, const Instruction& instruction, Fn&& fn) {
  for (const Operator& op : program.operators_of(instruction))
    for (const Use& use : program.uses_of(op)) fn(use);
  for (const Use& use : program.uses_of(instruction)) fn(use);
}

class StageGraphs;  // stage_graphs.h

/// How finely ranks are told apart. Per rank is for tests: it says the same with more classes.
enum class Classes : std::uint8_t { per_stage, per_rank };

/// Whether a program gets its hash, which costs a seventh of lowering it. Without one it cannot be checked or run.
enum class Hash : std::uint8_t { taken, left_out };

/// Lowers a job that `workload::check_supported` has passed.
/// `graphs`, of the job's model, saves work where many are lowered for pricing alone, without a hash.
Program lower(const workload::Job& job, Classes classes = Classes::per_stage, Hash hash = Hash::taken,
              StageGraphs* graphs = nullptr);

/// Ranks are numbered with tp fastest, then cp, dp, pp (Megatron-LM's order).
std::int32_t ranks_of(const Program& program);
Coordinates coordinates_of(const Program& program, std::int32_t rank);
std::int32_t rank_at(const Program& program, const Coordinates& at);
/// The class of a rank, by its place.
std::size_t class_of(const Program& program, std::int32_t rank);
/// The ranks of the group that `rank` belongs to, in rank order.
std::vector<std::int32_t> members_of(const Program& program, const Group& group, std::int32_t rank);
/// The other end of a point-to-point communication of that shift: where a message goes (+1) or comes from (-1 times).
std::int32_t shifted(const Program& program, std::int32_t rank, std::int32_t shift);

/// What is wrong with a program, in one sentence, or nothing: a buffer read before it is written, a use outside a
/// slot's life, operands that do not fit their operator, views outside their buffer; a message that is not received, a
/// group whose members disagree, a deadlock.
std::optional<std::string> check(const Program& program);

/// Hash of all that a program says; names of buffers and templates are for people and left out.
std::uint64_t hash_of(const Program& program);

/// "linear forward", "send", ...: the class under which reports and traces list an instruction.
std::string class_name(const Program& program, const Instruction& instruction);

/// The program as text that a person can read, for --dump-program.
std::string to_text(const Program& program);

}  // namespace ds::program
