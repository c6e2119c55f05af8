#pragma once
// The operator graph of one pipeline stage: what is computed on one micro-batch, forward and backward, before anything
// is said of ranks, buffers or time. Shapes are those of the rank.
//
//   Stage stage = build_stage(model, {.layers = 4, .embedding = true, .head = true, .batch = 2, .sequence = 128});
//   differentiate(stage);                       // fills stage.backward
//   recompute_layers(stage, all_layers(stage)); // backward replays these layers' forward
//
// Nodes name tensors by index. A tensor is written once, except by operators in place and by gradients of weights,
// which are added to from micro-batch to micro-batch.

#include <cstdint>
#include <string>
#include <vector>

#include "simulator/ops/ops.h"
#include "simulator/workload/job.h"

namespace ds::graph {

using TensorIndex = std::int32_t;
using ParameterIndex = std::int32_t;
inline constexpr std::int32_t kNone = -1;

/// How a parameter starts.
enum class Init : std::uint8_t { normal, one, zero };

/// A tensor that is trained, by its logical name: "layers.3.attention.qkv.weight".
struct Parameter {
  std::string name;
  ops::Shape shape;
  Init init{};
  double deviation{};  // of Init::normal
  bool decays{};       // matrices decay, gains, biases do not
  std::int32_t layer{kNone};
  std::int32_t uses{1};  // a tied embedding has two, each with a gradient of its own
};

struct Tensor {
  std::string name;
  ops::Shape shape;
  DataType type{};
  ops::Role role{};
  ParameterIndex parameter{kNone};  // of weights and their gradients
  std::int32_t use{0};              // gradients: of which use of the parameter
  Bytes bytes() const { return {shape.elements() * size_of(type)}; }
};

struct Node {
  ops::Op op;
  std::vector<TensorIndex> operands;  // in the order of ops::operands(op)
  std::int32_t layer{kNone};          // kNone: embedding, final norm, head
};

struct Stage {
  std::vector<Tensor> tensors;
  std::vector<Parameter> parameters;
  std::vector<Node> forward, backward;
};

/// What a stage holds and the sizes of one micro-batch.
struct StageOptions {
  std::int32_t first_layer{0}, layers{};
  bool embedding{}, head{};
  std::int64_t batch{}, sequence{};
  DataType type{DataType::fp32};
  bool flash{true};
  std::int64_t padded_vocab{};  // columns of logits, rows of the table
  double loss_scale{1};         // 1 / tokens of the global batch
};

/// Forward graph of a GPT or LLaMA stage: learned or rotary positions, grouped-query attention, plain or gated MLP,
/// tied embeddings. Pre-norm residual layers (GPT-2; LLaMA, Touvron et al. 2023).
Stage build_stage(const workload::Model& model, const StageOptions& options);

/// Adds the backward nodes, in the reverse order of the forward ones: per operator the input gradient, then the weight
/// gradient. The backward of an operator is read off its operands: `dN` of an output N is that tensor's gradient, of an
/// input a new one, of a weight the parameter's.
void differentiate(Stage& stage);

/// The backward of each layer listed first replays the part of its forward that it needs, from the layer's input.
void recompute_layers(Stage& stage, const std::vector<std::int32_t>& layers);

std::vector<std::int32_t> all_layers(const Stage& stage);

/// Positions in `nodes` of those that have to run to produce `wanted`, in order. Tensors that none of them writes are
/// taken as given.
std::vector<std::size_t> producers(const Stage& stage, const std::vector<Node>& nodes,
                                   const std::vector<TensorIndex>& wanted);

}  // namespace ds::graph
