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

/// y[t] = table[ids[t]] (+ positions[t mod sequence]).
struct Embedding {
  std::int64_t tokens{}, sequence{}, hidden{}, vocab{};  // vocab: rows of the table, padding included
  bool positions{};                                      // a learned table of `sequence` rows is added
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
struct CrossEntropy {
  std::int64_t tokens{}, vocab{}, columns{};
  double scale{1};
  bool operator==(const CrossEntropy&) const = default;
};
/// sums[0] += sum of squares of the gradient, sums[1] += number of elements that are not finite; in fp64.
struct SquaredNorm {
  std::int64_t elements{};
  bool first{};  // writes the sums instead of adding to them
  bool operator==(const SquaredNorm&) const = default;
};
/// From losses [micro_batches] and sums [2] to scalars {loss, gradient norm, factor, finite}, all fp64:
/// loss = sum of losses; norm = sqrt(sums[0]), rounded once to `type`; factor = min(1, clip_norm / norm), 1 when
/// clip_norm is 0; finite = 1 when sums[1] is 0 and loss is finite, else 0.
struct ClipFactor {
  std::int64_t micro_batches{};
  double clip_norm{};
  bool operator==(const ClipFactor&) const = default;
};
/// AdamW (Loshchilov & Hutter 2019) on a flat bucket; the first `decayed` elements decay, the others do not.
/// control {learning rate, step (from 1)} and scalars {loss, norm, factor, finite} are fp64.
struct AdamW {
  std::int64_t elements{}, decayed{};
  double beta1{0.9}, beta2{0.95}, epsilon{1e-8}, weight_decay{0.1};
  bool operator==(const AdamW&) const = default;
};
/// a += b, element by element: the gradients of two uses of a tied tensor that one rank holds.
struct Accumulate {
  std::int64_t elements{};
  bool operator==(const Accumulate&) const = default;
};

using What = std::variant<Embedding, LayerNorm, RmsNorm, Linear, Rope, Attention, Gelu, SwiGlu, Add,
                          CrossEntropy, SquaredNorm, ClipFactor, AdamW, Accumulate>;

struct Op {
  What what;
  Pass pass{Pass::forward};
  DataType type{DataType::fp32};  // of activations, weights and gradients
  bool accumulate{false};         // weight gradient: add to what is there instead of writing it
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
