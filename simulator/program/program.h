#pragma once
// A plan, lowered once: for every class of equal ranks the ordered instructions of a training step, each holding the
// operators it runs. The simulator interprets it with predicted durations, the executor with kernels and collectives.
//
//   Program program = lower(job, habits);
//   if (auto fault = check(program)) ...        // every buffer written before it is read, ...
//   memory::layout(program, 0);                 // an offset for every buffer
//   engine::play(program, durations);           // or executor::Interpreter
//
// A template is a list of blocks: the forward of a chunk, its backward, the norm, the update. A block is the instructions of
// one iteration and how often it comes: layers of one kind in a row are one block, and so are layers of a few kinds that come
// again and again. A rank class calls templates in phases;
// only calls are listed per micro-batch. An instruction starts when its lane is free and all earlier-issued conflicting uses
// of the same buffer instance have ended; there are no other waits. No rank number occurs: peers and groups are axes and a
// shift. `unroll` gives the long form, in which every block comes once.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "simulator/base/data_type.h"
#include "simulator/base/units.h"
#include "simulator/collective/collective.h"
#include "simulator/graph/graph.h"
#include "simulator/ops/ops.h"
#include "simulator/program/grid.h"
#include "simulator/workload/job.h"

namespace ds::program {

using ops::Access;

// Indices into the program's tables. Distinct types, so that a view is not a buffer; -1 is none.
enum class OpId : std::int32_t {};
enum class BufferId : std::int32_t {};
enum class ViewId : std::int32_t {};
enum class TensorId : std::int32_t {};
enum class LaneId : std::int32_t {};
enum class InstructionId : std::int32_t {};
enum class TemplateId : std::int32_t {};
template <class Id>
constexpr std::size_t index(Id id) {
  return static_cast<std::size_t>(id);
}

/// `launches`: the compute lane waits for as long as the host takes longer to launch the block's work, up to the next instruction of that
/// lane, than that takes.
enum class Kind : std::uint8_t { compute, send, receive, collective, copy, optimizer, launches };
/// How long a buffer's content is meant to live: weights | gradients, norm, flag | one micro-batch | within one call.
enum class Life : std::uint8_t { run, step, slot, call };
enum class When : std::uint8_t { always, finite, overflow };
enum class Tier : std::uint8_t { device, host };
/// Where a received buffer lives: in its own memory, or in the peer's receive buffer, which the producer then writes.
enum class Home : std::uint8_t { own, peer };
/// The parts of a rank's memory that the report lists.
enum class Part : std::uint8_t { weights, gradients, optimizer, activations, buffers, other };
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
  static Size exactly(Bytes bytes) { return {bytes, static_cast<double>(bytes.value)}; }
};

/// A buffer comes in copies, one a layer, each of which has the slots that its class says. Slots of life `step` are one
/// block of memory, slot after slot, without padding: an operator may read them all.
struct Buffer {
  std::string name;
  Size size;  // of one slot of one copy
  DataType type{};
  Life life{};
  Tier tier{Tier::device};
  Home home{Home::own};
  Part part{};
  Host host{Host::none};
  std::int32_t copies{1};
  // There from its first write to its last use in the order of issue, whatever lane that is on: an allocator hands it out and takes
  // it back. Else what another lane than the compute lane touches has its place all the time.
  bool allocated{false};
  bool goes_on{false};  // the next buffer goes on with its copies: a layer's input may be what was received
};

/// Part of a buffer, as a tensor. Hazards are per buffer; a bucket has many views. In iteration k of a block it is that of
/// copy `copy + k * step`, counted on through the buffers that go on with this one; or, where iterations take turns with the
/// buffer's copies, of that modulo `ring`.
struct View {
  BufferId buffer{};
  Bytes offset;
  ops::Shape shape;
  DataType type{};
  TensorId tensor{-1};  // the logical tensor, of weights, gradients and optimizer states
  Group shard_group;    // a rank's shard begins `shard_stride` further for each place in this group
  Bytes shard_stride{};
  std::int32_t copy{0}, step{0};
  std::int32_t ring{0};  // copies that are taken in turn; 0: each copy is one iteration's own
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
  Span uses;          // in the order of ops::operands(op)
  bool fused{false};  // done by the kernel of a neighbour on the way, in no time of its own
};

enum class Unit : std::uint8_t { compute, copy_in, copy_out, link };

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
  std::int32_t beside{
      -1};  // operator: the product that it is cut into pieces with and runs beside, a piece a rank
  ops::HeadExchange heads;  // of an all-to-all that exchanges tokens for heads, or back
  ops::RowExchange rows;    // of one that takes each token to each node once
};

struct Instruction {
  Kind kind{};
  LaneId lane{};
  Span operators;
  Span uses;  // of the communication itself
  Comm comm;
  bool of_step{
      false};  // work on parameters, once a step, also where it stands in a pass; what a micro-batch is does not count
};

enum class Pass : std::uint8_t { forward, backward, weight_gradient, forward_backward, norm, update };

/// Instructions, again and again: iteration numbers run from `first` to `first + times - 1`.
struct Block {
  Span body;  // of Program::instructions
  std::int32_t times{1}, first{0};
};

struct Template {
  std::string name;  // "forward", "backward first", ...: for dumps and traces
  Pass pass{};
  std::int32_t chunk{};
  std::vector<Block> blocks;
};

struct Call {
  TemplateId body{};
  std::int32_t micro[2]{-1, -1};  // merged forward and backward calls have two
};

struct Phase {
  When when{};
  std::vector<Call> calls;
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

/// Ranks whose programs, sizes and durations are equal. Classes that are given the same things share buffers and templates;
/// slots and calls are each one's own.
struct RankClass {
  std::int32_t first{0};  // the lowest rank
  std::int32_t members{1};
  Span buffers, tensors;
  std::vector<std::int32_t> slots;        // by buffer of the class
  std::vector<std::int32_t> first_layer;  // by chunk
  HostBuffers host;
  std::vector<Phase> phases;
};

/// A rank's part of a logical tensor that is trained, or of one a layer in every copy. Weight and gradient are views into
/// buckets. Moments, and the master copy where training is narrower than fp32, are buffers of a shard of the bucket: of
/// `shards` equal parts the one at the rank's place in `shard_group`.
struct TrainedTensor {
  std::string name;  // within its layer: "attention.qkv.weight"
  std::int32_t chunk{},
      layer{-1};  // of the first copy, counted from the chunk's first layer; -1: outside of layers
  std::int32_t copies{1}, layer_step{1};  // from the layer of one copy to that of the next
  ops::Shape shape;                       // of the part
  graph::Cut cut;                         // how parts make up the logical tensor
  graph::Init init{};
  double deviation{};
  ViewId weight{-1}, gradient{-1}, tied_gradient{-1};  // copy k is that of iteration k
  std::int64_t first_in_bucket{};                      // element
  BufferId weight_shard{-1};                           // of weights that passes gather
  BufferId master{-1}, first_moment{-1}, second_moment{-1};
  std::int64_t shards{1};
  Group shard_group;  // the ranks that these are dealt to, once or several times
};

struct Program {
  std::vector<ops::Op> ops;
  std::vector<Buffer> buffers;
  std::vector<View> views;
  std::vector<Use> uses;
  std::vector<Operator> operators;
  std::vector<Lane> lanes;
  std::vector<Instruction> instructions;
  std::vector<TrainedTensor> tensors;
  std::vector<Template> templates;
  std::vector<RankClass> classes;
  Grid grid;
  std::int32_t micro_batches{};
  std::uint64_t hash{};  // of everything above; ranks compare it before the first step

  const ops::Op& op(OpId id) const { return ops[index(id)]; }
  const Buffer& buffer(BufferId id) const { return buffers[index(id)]; }
  const View& view(ViewId id) const { return views[index(id)]; }
  const Instruction& instruction(InstructionId id) const { return instructions[index(id)]; }
  const Template& body(const Call& call) const { return templates[index(call.body)]; }
  std::span<const Instruction> instructions_of(const Block& b) const { return part(instructions, b.body); }
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

/// How finely ranks are told apart. Per rank is for tests: it says the same with more classes.
enum class Classes : std::uint8_t { per_stage, per_rank };

/// Whether a program gets its hash, which costs a seventh of lowering it. Without one it cannot be checked or run.
enum class Hash : std::uint8_t { taken, left_out };

/// How the ranks of a plan are arranged.
Grid grid_of(const workload::Plan& plan, const workload::Model& model);

/// Lowers a job that `workload::check_supported` has passed.
Program lower(const workload::Job& job, Classes classes = Classes::per_stage, Hash hash = Hash::taken);

/// The same program with every block once: buffers, instructions and tensors for each layer. For tests.
Program unroll(const Program& program);

/// The class of a rank, by its place.
std::size_t class_of(const Program& program, std::int32_t rank);

/// What is wrong with a program, in one sentence, or nothing: a buffer read before it is written, a use outside a
/// slot's life, operands that do not fit their operator, views outside their buffer; a message that is not received, a
/// group whose members disagree, a deadlock.
std::optional<std::string> check(const Program& program);

/// Which part of a cut tensor a rank holds.
graph::PartPlace part_of(const Grid& grid, const graph::Cut& cut, std::int32_t rank);

/// Hash of all that a program says; names of buffers and templates are for people and left out.
std::uint64_t hash_of(const Program& program);

/// "linear forward", "send", ...: the class under which reports and traces list an instruction.
std::string class_name(const Program& program, const Instruction& instruction);

/// The program as text that a person can read, for --dump-program.
std::string to_text(const Program& program);

}  // namespace ds::program
