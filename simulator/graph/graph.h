#pragma once
// The operator graph of one pipeline stage: what is computed on one micro-batch, forward and backward, before anything
// is said of ranks, buffers or time. Shapes are those of the rank.
//
//   Stage stage = build_stage(model, {.layers = 4, .embedding = true, .head = true, .batch = 2, .sequence = 128});
//   differentiate(stage);                       // fills stage.backward
//   recompute_layers(stage, all_layers(stage)); // backward replays these layers' forward
//
// Layers of one kind that follow one another are built once, and so are a few of different kinds that come again and again:
// the stage's nodes are those of one iteration, and `layers` says how often it comes. Each takes its input from the one before, which for the first and the last is what stands around.
//
// Nodes name tensors by index. A tensor is written once, except by operators in place and by gradients of weights,
// which are added to from micro-batch to micro-batch.

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

#include "simulator/ops/ops.h"
#include "simulator/workload/job.h"
#include "simulator/workload/layer_kinds.h"

namespace ds::graph {

using TensorIndex = std::int32_t;
using ParameterIndex = std::int32_t;
inline constexpr std::int32_t kNone = -1;

/// How a parameter starts.
enum class Init : std::uint8_t { normal, one, zero };

/// Rows or columns of a logical tensor that lie one after the other and are cut into equal parts, one a rank; with one
/// part every rank holds them. The weights of q, k and v are three blocks of one tensor. Of fewer parts than ranks, each is
/// held by so many ranks in a row.
struct Block {
  std::int64_t size{};  // of the whole block
  std::int64_t parts{1};
  std::int64_t copies{1};
  bool operator==(const Block&) const = default;
};

/// How tensors that are cut over ranks make up the logical one.
struct Cut {
  std::int32_t dimension{kNone};  // kNone: not cut, every rank holds the whole
  std::vector<Block> blocks;
  std::int32_t second{kNone};  // of experts that are cut as well, and of a grid: the dimension of these parts
  std::vector<Block> second_blocks;
  bool over_experts{false};  // parts are those of ranks that share experts out, else of tensor-parallel ranks
  bool over_grid{false};     // of these, parts are those of a row's ranks, the second those of a column's
  std::int64_t padding_rows{0};  // last rows of the logical tensor that only make parts equal, cut or not
  bool operator==(const Cut&) const = default;
};

/// A tensor that is trained; in layers one of each.
struct Parameter {
  std::string name;  // within its layer: "attention.qkv.weight"
  ops::Shape shape;  // of the rank's part
  Init init{};
  double deviation{};         // of Init::normal
  bool decays{};              // matrices decay, gains, biases do not
  bool fp8{};                 // products take it in 8 bits
  bool expert{};              // of experts that ranks share out
  std::int32_t layer{kNone};  // of Stage::layers
  std::int32_t member{0};     // of its iteration
  std::int32_t uses{1};       // a tied embedding has two, each with a gradient of its own
  bool token_table{};         // the embedding of tokens, or the head that is tied to it
  Cut cut;
  bool
      partial_gradient{};  // every tensor-parallel rank has the gradient of its tokens alone: they are summed once a step
};

/// Which part of a tensor a rank holds: along the first dimension that is cut, and along the second.
struct PartPlace {
  std::int64_t first{}, second{};
};

/// Index in the logical tensor of element `element` of the part that a rank holds; row-major.
std::int64_t logical_element(const ops::Shape& shape, const Cut& cut, const PartPlace& part,
                             std::int64_t element);
/// From which of its elements on the rank's part is held by `copies` ranks in a row: all behind the last of those that it
/// alone holds.
struct Copied {
  std::int64_t from{}, copies{1};
};
Copied copied_part(const ops::Shape& shape, const Cut& cut);
/// Shape of the logical tensor of which `shape` is a part.
ops::Shape logical_shape(const ops::Shape& shape, const Cut& cut);

struct Tensor {
  std::string name;
  ops::Shape shape;
  DataType type{};
  ops::Role role{};
  ParameterIndex parameter{kNone};  // of weights and their gradients
  std::int32_t use{0};              // gradients: of which use of the parameter
  // What a layer keeps in the memory of the host has two tensors: one there, and one on the device, for as long as the layer's
  // forward or backward needs it.
  bool on_host{}, by_turns{};
  Bytes bytes() const { return {shape.elements() * size_of(type)}; }
};

/// What of a layer a node is part of, where that can be recomputed by itself; attention is told by its operator.
enum class Part : std::uint8_t {
  other,
  attention_norm,
  mlp_norm,
  up_projection,  // from latent vectors to heads
  mlp,
  moe,
  shared_experts,
  expert_activation
};

struct Node {
  ops::Op op;
  std::vector<TensorIndex> operands;  // in the order of ops::operands(op)
  std::int32_t layer{kNone};          // of Stage::layers; kNone: embedding, final norm, head
  std::int32_t member{0};  // of its iteration; outside of layers, from 1: of which module for further tokens
  Part part{};
};

/// Layers in a row that repeat: equal ones, or a few of different kinds that come again and again (a full one after five
/// with a window). What goes from one iteration to the next: the output of each is the input of the next, and backward the
/// gradient of the input that of the output.
struct Layers {
  std::int32_t count{};     // iterations
  std::int32_t members{1};  // layers of an iteration
  TensorIndex input{kNone}, output{kNone}, output_gradient{kNone}, input_gradient{kNone};
};

struct Stage {
  std::vector<Layers> layers;
  std::vector<Tensor> tensors;
  std::vector<Parameter> parameters;
  std::vector<Node> forward, backward;
  // What passes between stages; kNone at the ends of the model.
  TensorIndex input{kNone}, output{kNone}, input_gradient{kNone}, output_gradient{kNone};
};

/// How layers' products are fed in 8 bits: see ops::Quantise. No forms: they are not.
struct Fp8 {
  std::int64_t forms{0}, reads{1};
  bool on() const { return forms > 0; }
  auto operator<=>(const Fp8&) const = default;
};

/// What selective recomputation makes again: see recompute_attention and its like.
enum class Selective : std::uint8_t { attention, operators, norms_and_activations };

/// In how many bits some activations wait for their backward; 0: as they are computed.
struct CacheBits {
  std::int64_t activation_inputs{0}, attention_outputs{0};
  auto operator<=>(const CacheBits&) const = default;
};

/// What a stage holds (or a chunk of it), how it is cut over tensor-parallel ranks, and the sizes of one micro-batch.
struct StageOptions {
  std::int32_t layers{};
  workload::LayerKind kind;                // of all layers
  std::vector<workload::LayerKind> kinds;  // of each, where they differ
  bool embedding{}, head{};
  std::int32_t mtp{0};           // modules behind the head that predict further tokens
  workload::LayerKind mtp_kind;  // of their layers
  std::int64_t tp{1};
  std::int64_t tp_rows{1};        // of the grid that these make
  std::int64_t head_copies{1};    // so many of these have the same heads of keys and values
  std::int64_t ep{1};             // ranks that share experts out
  std::int64_t etp{1};            // ranks that each of these experts is then cut over
  workload::Dispatch dispatch{};  // how rows go to them
  bool dispatch_in_fp8{};
  bool probabilities_at_experts{};  // they multiply by them, so that results need not be kept
  bool pads_expert_rows{};          // where they multiply in 8 bits, rows are copied to whole tiles and back
  bool norms_quantise{};            // norms write in 8 bits what products want so
  bool exchanges_early{};  // they have a lane of their own: what they do not wait for comes behind them
  std::int64_t cp{1};      // ranks that share a sequence out
  workload::CpKind cp_kind{};
  bool sequence_parallel{};  // between the tensor-parallel regions a rank has its part of the tokens
  std::int64_t batch{}, sequence{};
  DataType type{DataType::fp32};
  DataType gradient_type{DataType::fp32};  // where `type` is narrower
  Fp8 fp8;
  bool flash{true};
  std::int64_t loss_copies{0};                          // of logits in fp32; 0: the loss is fused
  bool composite_norms{false}, composite_gates{false};  // of elementary operators, which keep more
  bool spare_head_gradient{false};  // the head's weight gradient has a companion in the working precision
  bool one_tied_gradient{false};    // both uses of a tied table add to one gradient
  bool separate_products{false};    // queries, keys and values are three products, gate and up two
  CacheBits cache;
  Selective selective{};
  workload::Modules recompute_modules{0};
  double dropout{0};
  std::int64_t padded_vocab{};  // columns of logits, rows of the table
  double loss_scale{1};         // 1 / tokens of the global batch
  auto operator<=>(const StageOptions&) const = default;
};

/// Forward graph of a stage of a dense decoder, as `model` describes it (workload/job.h): GPT-2, LLaMA and what has come of
/// them.
Stage build_stage(const workload::Model& model, const StageOptions& options);

/// Adds the backward nodes, in the reverse order of the forward ones: per operator the input gradient, then the weight
/// gradient. The backward of an operator is read off its operands: `dN` of an output N is that tensor's gradient, of an
/// input a new one, of a weight the parameter's.
void differentiate(Stage& stage);

/// A layer of a stage: of Stage::layers, and of its iteration.
struct LayerPlace {
  std::int32_t layer{}, member{};
  auto operator<=>(const LayerPlace&) const = default;
};

/// The backward of each of these layers first replays the part of its forward that it needs, from the layer's input.
void recompute_layers(Stage& stage, const std::vector<LayerPlace>& layers);

/// What each of these layers keeps for its backward goes to the memory of the host behind its forward, and comes back before its
/// backward. What it takes from the layer before stays. After recomputation has been settled.
void offload_layers(Stage& stage, const std::vector<LayerPlace>& layers);

/// Those activations wait in fewer bits, and are widened again before their first use in the backward. After recomputation, before
/// offloading (DeepSeek-V3, arXiv 2412.19437, section 3.3.3; Megatron-Core's activation_func_fp8_input_store).
void cache_in_fewer_bits(Stage& stage, const CacheBits& bits);

/// For each backward node, whether only gradients of weights need it: such nodes may run later than the others, as a pass
/// of their own (Qi et al. 2024).
std::vector<bool> for_weights_alone(const Stage& stage);

/// The same for attention alone: its input is kept, and what it keeps for its backward is made again (selective activation
/// recomputation, Korthikanti et al. 2022, section 5).
void recompute_attention(Stage& stage, const std::vector<LayerPlace>& layers);

/// The same for all but what is dear to make: the results of attention, of every other product, of what was scattered over
/// tensor-parallel ranks (selective activation checkpointing by operator, torchtitan, arXiv 2410.06511, section 2.2).
void recompute_operators(Stage& stage, const std::vector<LayerPlace>& layers);

/// The same for norms, what stands between the products of an MLP, and projections up from latent vectors, with the queries, keys
/// and values that they make (DeepSeek-V3, arXiv 2412.19437, section 3.2.3).
void recompute_norms_and_activations(Stage& stage, const std::vector<LayerPlace>& layers);

/// The same for some of these modules (workload::Module), as Megatron-Core does it. Of attention, an MLP, experts and shared ones,
/// and of projections up, what they take is kept, and what they keep is made again before their backward.
void recompute_modules(Stage& stage, const std::vector<LayerPlace>& layers, workload::Modules modules);
/// Of norms and of the activations of experts, what they make is made again before its first reader: after gather_again.
void recompute_outputs(Stage& stage, const std::vector<LayerPlace>& layers, workload::Modules modules);
/// Exchanges with experts come as early as what they send is there; weight gradients and shared experts then stand behind
/// them (DeepSeek-V3, arXiv 2412.19437, section 3.2.1).
void exchange_early(Stage& stage);

std::vector<LayerPlace> all_layers(const Stage& stage);
/// Those of a kind that is recomputed, or offloaded.
std::vector<LayerPlace> recomputed_layers(const StageOptions& options);
std::vector<LayerPlace> offloaded_layers(const StageOptions& options);

/// Backward gathers tokens again instead of keeping them whole from forward to backward (Korthikanti et al. 2022,
/// section 4.2.2). Layers that are recomputed gather in their replay already.
void gather_again(Stage& stage);

/// Positions in `nodes` of those that have to run to produce `wanted`, in order. Tensors that none of them writes are
/// taken as given.
std::vector<std::size_t> producers(const Stage& stage, const std::vector<Node>& nodes,
                                   const std::vector<TensorIndex>& wanted);

}  // namespace ds::graph
