#pragma once
// What one operator is: its shapes, FLOPs, bytes and what its backward keeps, written once. The graph makes tensors of
// the operands, the cost model reads FLOPs and bytes, memory reads sizes, kernels take their arguments in this order.
//
//   const Op op{Linear{.tokens = 512, .inputs = 256, .outputs = 768, .bias = true}, Pass::forward, DataType::fp32};
//   for (const Operand& x : operands(op)) ...   // x [512, 256], weight [768, 256], bias [768], y [512, 768]
//   flops(op);                                  // 2 * 512 * 256 * 768
//
// All matrices are row-major with contiguous rows. `tokens` are those of one micro-batch on one rank, sequence after
// sequence. Shapes are those of the rank: a sharded operator has the shard's sizes.

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "simulator/base/data_type.h"
#include "simulator/base/units.h"

namespace ds::ops {

/// The gradient by the input and the gradient by the weights are operators of their own: a schedule may run the second
/// later (zero bubble), and a rank whose input needs no gradient leaves the first out. `update` is the optimizer's.
enum class Pass : std::uint8_t { forward, input_gradient, weight_gradient, update };

/// y[t] = table[ids[t]] (+ positions[t mod sequence]). Where the table is cut into `shards` of equal rows, a rank has rows
/// [first, first + vocab) and gives zero for ids of other shards; the sum over the shards is y.
struct Embedding {
  std::int64_t tokens{}, sequence{}, hidden{}, vocab{};  // vocab: rows of the rank's table, padding included
  bool positions{};                                      // a learned table of `sequence` rows is added
  std::int64_t shards{1}, first{};
  bool operator==(const Embedding&) const = default;
};
/// y = (x - mean) * inv_std * gain + bias over the hidden dimension (Ba, Kiros & Hinton 2016); epsilon 1e-5.
struct LayerNorm {
  std::int64_t tokens{}, hidden{};
  bool residual{};  // input gradient: the gradient that flows past the branch is added to the result
  bool operator==(const LayerNorm&) const = default;
};
/// y = x * inv_rms * gain (Zhang & Sennrich 2019); epsilon 1e-5.
struct RmsNorm {
  std::int64_t tokens{}, hidden{};
  bool residual{};
  bool operator==(const RmsNorm&) const = default;
};
/// y = x weight^T (+ bias); weight [outputs, inputs].
struct Linear {
  std::int64_t tokens{}, inputs{}, outputs{};
  bool bias{};
  bool operator==(const Linear&) const = default;
};
/// y[t] = x[t] + table[(first + t) mod sequence], in place: learned positions where a rank has a part of the tokens.
struct Positions {
  std::int64_t tokens{}, sequence{}, hidden{};
  std::int64_t shards{1}, first{};  // the rank's tokens are those from `first` on, a shard of the micro-batch
  bool operator==(const Positions&) const = default;
};
/// y = x + bias, in place: of a matrix product whose result is summed over ranks, so that it is added once.
struct Bias {
  std::int64_t tokens{}, width{};
  bool operator==(const Bias&) const = default;
};
/// Rotates pairs (i, i + head_dim / 2) of q and k inside qkv by position (Su et al. 2021, the half-split layout of
/// LLaMA), in place. qkv [tokens, (heads + 2 kv_heads) head_dim]: all q heads, then k, then v.
/// table [sequence, head_dim]: cosines in the first half of a row, sines in the second; base 10000.
struct Rope {
  std::int64_t tokens{}, sequence{}, heads{}, kv_heads{}, head_dim{};
  bool operator==(const Rope&) const = default;
};
/// o = softmax(q k^T / sqrt(head_dim), causal) v, per sequence and head; kv head of q head h: h / (heads / kv_heads).
/// Flash: tile by tile without the score matrix, keeps a log-sum-exp a row (Dao 2023). Unfused: keeps probabilities.
struct Attention {
  std::int64_t batch{}, sequence{}, heads{}, kv_heads{}, head_dim{};
  bool flash{true};
  std::int64_t tokens() const { return batch * sequence; }
  bool operator==(const Attention&) const = default;
};
/// y = 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) (Hendrycks & Gimpel 2016, the tanh form of GPT-2).
struct Gelu {
  std::int64_t tokens{}, width{};
  bool operator==(const Gelu&) const = default;
};
/// y = silu(gate) * up (Shazeer 2020); x [tokens, 2 width] holds gate in the first `width` columns, up in the others.
struct SwiGlu {
  std::int64_t tokens{}, width{};
  bool operator==(const SwiGlu&) const = default;
};
/// y = a + b, the residual connection. It has no backward: both inputs share y's gradient.
struct Add {
  std::int64_t tokens{}, width{};
  bool operator==(const Add&) const = default;
};
/// loss = -sum over tokens of log softmax(logits)[target] * scale; logits become their own gradient in place.
/// scale = 1 / (tokens of the global batch), so nothing divides later. Columns from `vocab` on are padding.
/// Where columns are cut into `shards`, a rank has those from `first` on (`vocab` counts all real ones) and takes
/// `statistics` [shards, tokens, 3] of all shards, rank after rank.
struct CrossEntropy {
  std::int64_t tokens{}, vocab{}, columns{};
  double scale{1};
  std::int64_t shards{1}, first{};
  bool operator==(const CrossEntropy&) const = default;
};
/// statistics[t] = {largest logit, sum of exp(logit - largest), logit of the target or -infinity} of the rank's columns.
struct SoftmaxStatistics {
  std::int64_t tokens{}, vocab{}, columns{};
  std::int64_t shards{1}, first{};
  bool operator==(const SoftmaxStatistics&) const = default;
};
/// How tensors lie over the tensor-parallel group changes: tokens from shards to whole (`gather`), from partial sums of
/// the whole to shards of the sum (`scatter`), from partial sums to sums (`sum`), or not at all, but gradients are summed
/// on the way back (`copy`). Lowered to collectives (Narayanan et al. 2021, section 2.3; Korthikanti et al. 2022).
enum class Regrouping : std::uint8_t { gather, scatter, sum, copy };
struct Regroup {
  Regrouping how{};
  std::int64_t tokens{}, width{};  // of the whole
  std::int64_t shards{1};
  bool operator==(const Regroup&) const = default;
};
/// sums {loss, squares, not finite} += {0, sum of squares of the gradient, number of elements that are not finite}; fp64.
/// Elements are a rank's shard of a bucket. What other ranks hold as well is counted by the first of them only: elements
/// from `once_from` on, in the whole bucket, where `copies` > 1; all where `replicas` > 1.
struct SquaredNorm {
  std::int64_t elements{};
  bool first{};            // writes the sums instead of adding to them
  std::int64_t shards{1};  // of the bucket, over data-parallel ranks
  std::int64_t once_from{};
  std::int64_t copies{1}, replicas{1};  // over tensor-parallel, over data-parallel ranks
  std::int64_t counted{-1};             // of this rank's elements; -1: not said yet, see at()
  bool operator==(const SquaredNorm&) const = default;
};
/// sums[0] += sum of losses, where `copies` ranks know the same losses by the first of them only.
struct LossSum {
  std::int64_t micro_batches{};
  std::int64_t copies{1};
  bool counted{true};
  bool operator==(const LossSum&) const = default;
};
/// From sums {loss, squares, not finite} to scalars {loss, gradient norm, factor, finite}, all fp64: norm = sqrt(squares),
/// rounded once to `type`; factor = min(1, clip_norm / norm), 1 when clip_norm is 0; finite = 1 when nothing is not
/// finite, else 0.
struct ClipFactor {
  double clip_norm{};
  bool operator==(const ClipFactor&) const = default;
};
/// a = 0: the elements that pad a bucket.
struct Zero {
  std::int64_t elements{};
  bool operator==(const Zero&) const = default;
};
/// AdamW (Loshchilov & Hutter 2019) on a rank's shard of a flat bucket; of the whole bucket the first `decayed` elements
/// decay, the others do not. control {learning rate, step (from 1)} and scalars {loss, norm, factor, finite} are fp64.
struct AdamW {
  std::int64_t elements{}, decayed{};
  double beta1{0.9}, beta2{0.95}, epsilon{1e-8}, weight_decay{0.1};
  std::int64_t shards{1}, first{};  // the rank's elements begin at `first` of the bucket
  bool copies_down{};  // the weight is a master copy; a working copy in `working_type` is written as well
  DataType working_type{};
  bool operator==(const AdamW&) const = default;
};
/// a += b, element by element: the gradients of two uses of a tied tensor that one rank holds.
struct Accumulate {
  std::int64_t elements{};
  bool operator==(const Accumulate&) const = default;
};

/// x is set to zero where a coin says so, else divided by 1 - probability, in place; the mask keeps a byte per element.
struct Dropout {
  std::int64_t tokens{}, width{};
  bool operator==(const Dropout&) const = default;
};

using What = std::variant<Embedding, LayerNorm, RmsNorm, Linear, Rope, Attention, Gelu, SwiGlu, Add,
                          CrossEntropy, SquaredNorm, ClipFactor, AdamW, Accumulate, Positions, Bias,
                          SoftmaxStatistics, Regroup, LossSum, Zero, Dropout>;

struct Op {
  What what;
  Pass pass{Pass::forward};
  DataType type{DataType::fp32};           // of activations, weights and gradients
  bool accumulate{false};                  // weight gradient: add to what is there instead of writing it
  DataType gradient_type{DataType::fp32};  // of gradients of weights, where `type` is narrower than fp32
  bool operator==(const Op&) const = default;
};

enum class Access : std::uint8_t { read, write, add };  // add reads and writes

/// What a tensor is, for memory's parts and for the graph.
enum class Role : std::uint8_t { tokens, weight, activation, gradient, state, scalar, workspace, table };

/// Sizes from the slowest dimension to the fastest.
struct Shape {
  std::array<std::int64_t, 4> size{};
  int rank{};
  std::int64_t elements() const;
  bool operator==(const Shape&) const = default;
};

struct Operand {
  std::string_view name;
  Access access{};
  Role role{};
  DataType type{};
  Shape shape;
  Bytes bytes() const { return {shape.elements() * size_of(type)}; }
};

inline constexpr int kMaxOperands = 8;

class Operands {
 public:
  void push_back(const Operand& operand);
  const Operand* begin() const { return list_.data(); }
  const Operand* end() const { return list_.data() + count_; }
  const Operand& operator[](int i) const { return list_[static_cast<std::size_t>(i)]; }
  int size() const { return count_; }
  /// Position of the operand with that name, or -1.
  int find(std::string_view name) const;

 private:
  std::array<Operand, kMaxOperands> list_{};
  int count_{0};
};

/// Where a rank stands in the groups that cut tensors.
struct Place {
  std::int64_t tensor{}, data{};  // coordinate in the tensor-parallel group, and among the shards of a bucket
};
/// The operator as the rank at that place runs it: what follows from the place (`first`, `counted`) is filled in.
Op at(Op op, const Place& place);

/// Type of the gradients of weights: that of the operator in fp32 and fp64, `gradient_type` below.
DataType gradient_type(const Op& op);

/// The operands in the order in which kernels take them. Fails (ensure) for a pass that the operator does not have.
Operands operands(const Op& op);

/// Whether the operator has that pass: Add has no backward, Gelu no weight gradient.
bool has_pass(const What& what, Pass pass);

/// Floating-point operations; a multiply-add counts as two. Causal attention counts the lower triangle only.
Flops flops(const Op& op);

/// Bytes that have to move to and from memory when nothing is cached: reads + writes, `add` counted twice.
Bytes traffic(const Op& op);

/// "linear", "attention", ... and "linear forward", "linear weight gradient", ...: the classes of tables and profiles.
std::string_view kind_name(const What& what);
std::string class_name(const Op& op);
std::string_view name_of(Pass pass);

}  // namespace ds::ops
