#pragma once
// What one operator is: its shapes, FLOPs, bytes and what its backward keeps, written once. The graph makes tensors of
// the operands, the cost model reads FLOPs and bytes, memory reads sizes, kernels take their arguments in this order.
//
//   const Op op{Linear{.tokens = 512, .inputs = 256, .outputs = 768, .bias = true}, Pass::forward, DataType::fp32};
//   for (const Operand& x : operands(op)) ...   // x [512, 256], weight [768, 256], bias [768], y [512, 768]
//   flops(op);                                  // 2 * 512 * 256 * 768
//
// All matrices are row-major with contiguous rows. `tokens` are those of one micro-batch on one rank, sequence after
// sequence. Shapes are those of the rank: a sharded operator has the shard's sizes. Each operator is a file of its own;
// operator.h says what such a file holds.

#include <array>
#include <string>
#include <string_view>
#include <variant>

#include "simulator/ops/accumulate.h"
#include "simulator/ops/adamw.h"
#include "simulator/ops/add.h"
#include "simulator/ops/attention.h"
#include "simulator/ops/bias.h"
#include "simulator/ops/cast.h"
#include "simulator/ops/clip_factor.h"
#include "simulator/ops/context_attention.h"
#include "simulator/ops/cross_entropy.h"
#include "simulator/ops/dispatch.h"
#include "simulator/ops/dropout.h"
#include "simulator/ops/embedding.h"
#include "simulator/ops/gate.h"
#include "simulator/ops/gelu.h"
#include "simulator/ops/grouped_linear.h"
#include "simulator/ops/hold.h"
#include "simulator/ops/host_copy.h"
#include "simulator/ops/join_columns.h"
#include "simulator/ops/join_heads.h"
#include "simulator/ops/layer_norm.h"
#include "simulator/ops/linear.h"
#include "simulator/ops/loss_sum.h"
#include "simulator/ops/narrow.h"
#include "simulator/ops/operator.h"
#include "simulator/ops/positions.h"
#include "simulator/ops/qk_norm.h"
#include "simulator/ops/quantise.h"
#include "simulator/ops/regroup.h"
#include "simulator/ops/rms_norm.h"
#include "simulator/ops/rope.h"
#include "simulator/ops/route.h"
#include "simulator/ops/soft_cap.h"
#include "simulator/ops/softmax_statistics.h"
#include "simulator/ops/split_heads.h"
#include "simulator/ops/squared_norm.h"
#include "simulator/ops/swiglu.h"
#include "simulator/ops/zero.h"

namespace ds::ops {

/// Every operator there is. The order is that of hashes: new ones come last.
using What = std::variant<Embedding, LayerNorm, RmsNorm, Linear, Rope, Attention, Gelu, SwiGlu, Add,
                          CrossEntropy, SquaredNorm, ClipFactor, AdamW, Accumulate, Positions, Bias,
                          SoftmaxStatistics, Regroup, LossSum, Zero, Dropout, QkNorm, SoftCap, Route,
                          Dispatch, GroupedLinear, Combine, Cast, Quantise, JoinHeads, SplitHeads,
                          ContextAttention, JoinColumns, Hold, HostCopy, SpreadProbabilities, Narrow, Gate>;

struct Op {
  What what;
  Pass pass{Pass::forward};
  DataType type{DataType::fp32};           // of activations, weights and gradients
  bool accumulate{false};                  // weight gradient: add to what is there instead of writing it
  DataType gradient_type{DataType::fp32};  // of gradients of weights, where `type` is narrower than fp32
  bool operator==(const Op&) const = default;
};

/// The operator as the rank at that position runs it: what follows from the position (`first`, `counted`) is filled in.
Op at(Op op, const RankPosition& position);

/// Type of the gradients of weights: that of the operator in fp32 and fp64, `gradient_type` below.
DataType gradient_type(const Op& op);

/// Whether it multiplies by weights, of one layer or of several experts; whether the factors are in 8 bits.
bool is_linear(const What& what);
bool multiplies_in_fp8(const What& what);

/// Whether it puts rows into the order of their experts, or back.
bool moves_rows_of_experts(const What& what);

/// Whether the host has part in it: copies to it and back, and updates that its processors do.
bool is_on_host(const What& what);

/// Whether it is attention, to all keys or a part of them.
bool is_attention(const What& what);

/// The operands in the order in which kernels take them. Fails (ensure) for a pass that the operator does not have.
Operands operands(const Op& op);

/// Whether the operator has that pass: Add has no backward, Gelu no weight gradient.
bool has_pass(const What& what, Pass pass);

/// Floating-point operations; a multiply-add counts as two. Causal attention counts the lower triangle only, or its band in a window.
Flops flops(const Op& op);

/// The sizes over which its measured times are interpolated.
Extents extents(const What& what);

/// Bytes that have to move to and from memory when nothing is cached: reads + writes, `add` counted twice.
Bytes traffic(const Op& op);

/// "linear", "attention", ... and "linear forward", "linear weight gradient", ...: the classes of tables and profiles.
std::string_view kind_name(const What& what);
std::string class_name(const Op& op);
std::string_view name_of(Pass pass);

/// All operators with their fields zero, in the order of `What`: to look one up by name.
const std::array<What, std::variant_size_v<What>>& catalogue();

}  // namespace ds::ops
