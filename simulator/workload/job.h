#pragma once
// What is asked: a model, a cluster, how it is trained, and the plan. Plain data, complete: the reader has filled every
// default in, so nothing further inside asks "was it given?". Names and JSON end here.
//
// Counts are int64 and at least 1 unless said otherwise; the reader has checked the limits of `limits.h`.

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "simulator/base/units.h"
#include "simulator/workload/schedule/schedules.h"
#include "simulator/workload/split.h"

namespace ds::workload {

enum class Family { gpt, llama, bert, moe };
/// alibi: a penalty for distance, added to scores (Press et al. 2022); none: order is told by the causal mask alone.
enum class Position { learned, rope, alibi, none };
/// LayerNorm with gain and bias, with a gain alone, or with neither (OLMo); RMSNorm with a gain.
enum class Norm { layer, layer_gain, layer_bare, rms };
/// Where branches are normalised: x + f(norm(x)) (GPT-2, LLaMA), x + norm(f(x)) (OLMo 2), x + norm(f(norm(x))) (Gemma 2),
/// norm(x + f(x)) (Vaswani et al. 2017).
enum class NormPlace { before, behind, around, after };
/// serial: the MLP reads what attention has made of its input. parallel: both read the layer's input, through one norm
/// (GPT-J, Falcon 7B), or each through its own (GPT-NeoX, Falcon 40B).
enum class Residual { serial, parallel, parallel_two_norms };
/// Norm of queries and keys: with one gain for all heads (Qwen 3), a gain for each head (Cohere), or over all heads at once
/// (OLMo 2).
enum class QkNorm { none, shared, per_head, whole };

struct Moe {
  std::int64_t experts{}, top_k{}, expert_ffn{};
  std::int64_t shared_experts{0};  // may be 0
  std::int64_t groups{1},
      groups_per_token{1};                // experts stand in groups, and a token's are in so many of these
  std::vector<bool> dense_layers;         // one per layer: true where the MLP is dense
  std::optional<double> capacity_factor;  // none: dropless
  double skew{1};                         // tokens of the busiest expert over the mean, at least 1
  bool router_bias{};
  bool shared_gate{};  // each token has a share of its own of what shared experts make (Qwen 2)
  bool operator==(const Moe&) const = default;
};

struct Mla {
  std::int64_t q_lora_rank{0};  // 0: the query is not compressed
  std::int64_t kv_lora_rank{}, qk_nope_head_dim{}, qk_rope_head_dim{}, v_head_dim{};
  bool operator==(const Mla&) const = default;
};

struct Model {
  std::string
      name;  // the preset's name, the config's path, or "custom"; for people only, nothing may depend on it
  Family family{};
  std::int64_t layers{}, hidden{}, heads{}, kv_heads{}, head_dim{}, ffn_hidden{}, vocab{};
  bool gated_mlp{}, tied_embeddings{};
  Position position{};
  Norm norm{};
  NormPlace norm_place{};
  Residual residual{};
  QkNorm qk_norm{};
  bool qkv_bias{}, projection_bias{}, mlp_bias{}, head_bias{};
  bool embedding_norm{}, final_norm{true};
  bool attention_sinks{};           // each head has a learned score beside those of the tokens (gpt-oss)
  bool logit_cap{};                 // logits are c tanh(x / c) (Gemma 2)
  std::int64_t positions{0};        // rows of the table of learned positions; 0: as many as the sequence has
  std::int64_t token_types{0};      // rows of another table that is added to the embedding (BERT); may be 0
  std::int64_t rotary_dim{0};       // of head_dim so many elements are rotated; 0: all
  std::int64_t embedding_width{0};  // of the table of tokens, projected to hidden; 0: hidden
  std::int64_t window{0};           // each token sees so many, itself included; 0: all before it
  std::vector<bool> full_layers;    // one per layer: true where attention has no window; empty: nowhere
  std::vector<bool> unrotated_layers;  // one per layer: true where nothing is rotated; empty: nowhere
  std::optional<Moe> moe;
  std::optional<Mla> mla;
  std::int64_t mtp_layers{0};  // may be 0
  bool head_dim_given{false};  // then heads x head_dim may differ from hidden
  bool operator==(const Model&) const = default;
};

/// One accelerator, as its datasheet has it. Rates are dense (no sparsity); 0: it cannot, or nobody says.
struct Gpu {
  std::string name;
  std::string arch;  // sm80, sm90, sm100, gfx942 ...
  double fp32_flops_per_s{}, tf32_flops_per_s{}, fp16_flops_per_s{}, bf16_flops_per_s{}, fp8_flops_per_s{};
  double memory_bytes{}, memory_bytes_per_s{};
  double sm_count{}, boost_hz{}, l2_bytes{};
  double pcie_bytes_per_s{};  // one direction
  double tdp_w{};
};

/// Links between the GPUs of a node; rates are per GPU and direction.
enum class IntraKind { none, nvswitch, nvlink_mesh, xgmi_mesh, pcie };
struct Intra {
  IntraKind kind{IntraKind::none};
  double bytes_per_s{};
  double latency_s{};
  bool in_switch_reduction{false};
  // GPUs in equal parts on so many sockets, in order; what passes from one to another shares a link.
  std::int64_t sockets{1};
  double socket_bytes_per_s{};  // per direction, as reached
};

/// Network cards of a node; the rate is per card and direction.
struct Nics {
  std::int64_t count{0};  // may be 0: a single node
  double bytes_per_s{};
  double reached_bytes_per_s{};  // by collectives, where it was measured on that machine; 0: nobody says
  std::string kind;              // HDR, NDR, RoCE ...
};

/// One kind of accelerator and the node it sits in. Numbers come from `profiles/`, each with its source there.
struct Node {
  std::string name;
  std::string gpu;                // "" on CPUs
  std::int64_t gpus_per_node{1};  // on CPUs: ranks, each one process with one core
  double memory_bytes_per_gpu{};  // usable, per rank
  double machine_memory_bytes{};  // on CPUs: what all ranks share; 0 elsewhere
  bool cpu{false};                // localhost, or a profile measured on CPUs
  std::string profile_path;       // calibrated profile behind this node, or ""
  std::string profile_hash;       // hex of the 64-bit hash of the profile's bytes, or ""
  Gpu accelerator;                // all 0 on CPUs
  Intra intra;
  Nics nics;
  double max_node_w{};  // 0: nobody says
  // Memory of the host, all sockets, and the rate of a GPU's link to it in one direction, all GPUs at once; 0: nobody says, or PCIe's.
  double host_memory_bytes{}, host_memory_bytes_per_s{}, host_link_bytes_per_s{};
  double launch_slowdown{
      1};  // how much longer its processor takes to launch a kernel than the one that this was measured on
};

/// Of a GPU, in one direction.
inline double host_link_bytes_per_s(const Node& node) {
  return node.host_link_bytes_per_s > 0 ? node.host_link_bytes_per_s : node.accelerator.pcie_bytes_per_s;
}

struct NodeGroup {
  Node node;
  std::int64_t nodes{1};
};

/// The network between nodes.
struct Fabric {
  std::string name;              // preset's name, "custom", or "" when left out
  std::string kind{"fat-tree"};  // fat-tree, rail-optimised, dragonfly, ethernet
  double bytes_per_s{};          // per port and direction; 0: as fast as the nodes' cards
  double oversubscription{1};    // at least 1
  double latency_s{};            // end to end without load; 0: nobody says
};

struct Cluster {
  std::vector<NodeGroup> groups;  // one entry unless the cluster is mixed
  std::string fabric;             // preset's name, or ""
  Fabric network;
  std::optional<std::int64_t> asked_ranks;  // cluster.ranks, on CPUs only
  std::int64_t ranks() const {
    std::int64_t sum = 0;
    for (const NodeGroup& group : groups) sum += group.nodes * group.node.gpus_per_node;
    return sum;
  }
  bool cpu() const { return !groups.empty() && groups.front().node.cpu; }
};

/// Learning rate: base x sqrt(global batch / reference batch), linear warm-up over a share of the steps, cosine decay
/// to `final_share` of the peak. The optimizer is AdamW.
struct HyperParameters {
  double base_learning_rate{6e-4};
  double reference_batch{256};
  double warmup_share{0.05};
  double final_share{0.1};
  double weight_decay{0.1};
  double beta1{0.9}, beta2{0.95}, epsilon{1e-8};
  double clip_norm{1.0};  // 0: no clipping
  auto operator<=>(const HyperParameters&) const = default;
};

struct Train {
  std::int64_t sequence_length{};  // tokens
  std::int64_t global_batch{};     // sequences
  std::optional<double> tokens;    // length of the run
  HyperParameters hyper;
};

enum class Recompute { none, selective, full, layers, modules };
/// Parts of a layer that are recomputed by themselves, as Megatron-Core has them (--recompute-modules).
enum class Module { core_attn, layernorm, mlp, moe, moe_act, shared_experts, mla_up_proj };
/// A set of them, a bit each.
using Modules = std::uint32_t;
constexpr Modules set_of(Module module) { return Modules{1} << static_cast<unsigned>(module); }
constexpr bool has(Modules modules, Module module) { return (modules & set_of(module)) != 0; }
enum class Precision { fp64, fp32, tf32, fp16, bf16, fp8, dynamic };
enum class CpKind { ring, all_gather, all_to_all };
/// `flash`: whose kernels the software has. cuDNN has fused kernels of its own.
enum class Attention { flash, flash1, flash2, cudnn, flash3, unfused };
enum class ReducePrecision { software, fp32, bf16 };
/// How rows go to the ranks that have their experts: each by itself, or once for every node, where they are handed on over the
/// links inside (DeepSeek-V3, arXiv 2412.19437, section 3.2.2), by kernels for eight GPUs a node or, `hybrid`, for many behind one
/// switch; and in which type, results coming back in the working one.
enum class Dispatch { all_to_all, hierarchical, hybrid };
enum class DispatchPrecision { working, fp8 };
/// What of a pass a CUDA graph replays, so that the host launches it at once: nothing; all but experts, whose sizes the host has to
/// know first; or all of it.
enum class CudaGraphs { none, partial, full };
enum class Sparsity { none, two_of_four };

struct Overlap {
  bool grad_reduce{}, param_gather{}, tp_comm{}, p2p{};
  bool experts{};         // a forward and a backward in one call, each beside exchanges of the other
  bool shared_experts{};  // shared experts beside exchanges of the same pass
  auto operator<=>(const Overlap&) const = default;
};

inline constexpr std::int64_t kMillionths = 1'000'000;  // of a whole

struct Plan {
  std::int64_t tp{1}, pp{1}, cp{1}, dp{1}, ep{1}, etp{1}, vpp{1}, micro_batch{1};
  /// Whether the model goes down the stages and back up, each of which has a chunk at mirrored places of it.
  bool turns_back() const { return entry_of(schedule).turns_back; }
  /// Chunks that a stage has of one pipeline.
  std::int64_t chunks() const { return turns_back() ? 2 : vpp; }
  /// By whose orders its stages work.
  Schedule order() const { return overlap.experts && ep > 1 ? combined(schedule) : schedule; }
  /// Whether exchanges with experts have a lane of their own. Where two pipelines take turns they do anyway.
  bool exchanges_apart() const {
    return ep > 1 && (overlap.experts || overlap.shared_experts || schedule == Schedule::dualpipe);
  }
  std::int64_t tp_rows{1}, tp_columns{1};  // tp_grid
  Schedule schedule{Schedule::one_f_one_b};
  bool sequence_parallel{false};
  int zero{0};
  std::int64_t zero_group{1};
  Recompute recompute{Recompute::none};
  std::int64_t recompute_layers{0};  // per stage, when recompute is `layers`
  Modules recompute_modules{0};      // of every layer, when it is `modules`; else none
  Precision precision{Precision::fp32};
  std::string fp8_recipe;
  CpKind cp_kind{CpKind::ring};
  Attention attention{Attention::flash};
  double dropout{0};
  bool fusion{true};
  std::vector<std::string> fusion_passes;  // empty: what `fusion` says
  ReducePrecision reduce_precision{ReducePrecision::software};
  Dispatch dispatch{Dispatch::all_to_all};
  DispatchPrecision dispatch_precision{DispatchPrecision::working};
  CudaGraphs cuda_graphs{CudaGraphs::none};
  Sparsity sparsity{Sparsity::none};
  bool offload_optimizer{false};
  std::int64_t offloaded_states{kMillionths};  // of the optimizer, so many millionths, where it is offloaded
  bool offload_weights{false};                 // shards of them, as masters where these are all there are
  std::int64_t offload_activations{0};         // layers per stage, or ...
  std::int64_t offloaded_share{0};             // ... so many millionths of them; 0: by their number
  Overlap overlap;
  std::vector<std::vector<std::int64_t>>
      stage_layers;  // [pp][chunks()], filled by the split rule when not given
  bool stage_layers_given{false};
  std::int64_t embedding_as_layers{0}, head_as_layers{0};  // for the split rule: Ends
  Ends ends() const { return {embedding_as_layers, head_as_layers, turns_back()}; }
  std::vector<std::int64_t> batch_shares;  // empty: equal
  std::string placement{"tp-cp-ep-dp-pp"};
  bool collectives_given{false};
  std::vector<std::pair<std::string, std::string>> collectives;  // axis, algorithm
  friend bool operator==(const Plan&, const Plan&) = default;
};

/// Whether layers keep on the host what their backward needs.
inline bool offloads_activations(const Plan& plan) {
  return plan.offload_activations > 0 || plan.offloaded_share > 0;
}

/// Whether anything waits in the memory of the host.
inline bool offloads(const Plan& plan) {
  return plan.offload_optimizer || plan.offload_weights || offloads_activations(plan);
}
/// Whether passes have a part in that, or which of a stage's chunks do depends on the others: more than that the host updates all.
inline bool offloads_in_passes(const Plan& plan) {
  return plan.offload_weights || offloads_activations(plan) ||
         (plan.offload_optimizer && plan.offloaded_states != kMillionths);
}

struct Failures {
  std::optional<double> per_node_day, job_failures_per_day, detection_s, restart_s, checkpoint_write_s;
  std::optional<double> checkpoint_interval_s;  // none: "optimum" or not given
  bool checkpoint_optimum{false};
  bool restart_can_fail{false};
  std::int64_t spare_nodes{0};
};

/// Ranks that compute slower than the others.
struct Stragglers {
  double share{0};     // of all ranks, 0 to 1
  double slowdown{1};  // time of a slow rank over that of another, at least 1
};

enum class Depth { analytic, event };

struct Simulate {
  Depth depth{Depth::event};
  bool sharing{true};
  bool stragglers_given{false};
  Stragglers stragglers;
  std::optional<Failures> failures;
};

struct Prices {
  std::optional<double> gpu_hour_usd, kwh_usd, pue;
};

struct Execute {
  std::string data;  // path of a text file, "" when not given
  std::optional<std::int64_t> steps;
  std::string checkpoint_directory;  // "" when not given
  std::int64_t checkpoint_every{0};
};

struct Tune {
  std::string objective{"step_time"};
  std::optional<double> budget;
};

/// A default that was taken, or anything else assumed: listed in the report.
struct Assumption {
  std::string path;   // plan.schedule
  std::string value;  // 1f1b
  std::string why;    // "default", "interleaved because vpp is 2", ...
};

/// What the host takes to launch a kernel, its part of the framework included, and to hand a communication to its library.
/// 0: it is always ahead.
struct HostCosts {
  double kernel_s{}, communication_s{};
};

/// The habits of a training stack; a preset of `profiles/software/`.
struct Software {
  std::string name;
  std::int64_t vocab_multiple{1};       // the vocabulary is padded to a multiple of this ...
  bool vocab_multiple_times_tp{false};  // ... times tp
  Overlap overlap;                      // what it can overlap
  Attention flash{Attention::flash2};   // what plain `flash` means
  std::string gradient_type, fp16_gradient_type,
      reduce_type;  // fp32, bf16, or "working": the working precision
  std::string
      selective_recompute;  // what selective means: attention_core, norms_and_activations, per_operator
  std::vector<std::string> fusions;  // passes it has
  std::string allocator;             // torch_caching, arena
  // Stages send a tensor-parallel rank's share of activations that all of them hold, and gather them in the node.
  bool pipeline_scatter_gather{};
  bool
      fsdp{};  // shards as PyTorch's FSDP: weights are masters alone, and ZeRO 2 gathers them once a micro-batch
  // One gradient of weights in the working precision lives beside those in fp32 for each distinct shape.
  bool dummy_weight_gradients{};
  bool keeps_gradients{};      // their buffers are there all the time, not from first write to update
  std::int64_t loss_copies{};  // of the logits in fp32, that are there at once where the loss is not fused
  std::int64_t workspace_bytes{}, grouped_workspace_bytes{};  // of libraries of products, and of grouped ones
  // Gradients and weights travel through so many buffers of so many elements in the working precision, where ZeRO shards them.
  std::int64_t bucket_count{}, bucket_elements{};
  Dispatch dispatch{};          // how tokens go to experts
  bool dispatch_in_fp8{};       // where products are in 8 bits
  std::int64_t dispatch_sms{};  // that its kernels keep from others which they run beside
  bool pads_expert_rows{};  // where experts multiply in 8 bits, their rows are copied to whole tiles and back
  bool
      block_products{};  // in 8 bits with scales of blocks, by kernels of its own instead of the vendor's library
  bool
      experts_multiply{};  // by probabilities, in their activation; else what comes back is multiplied, and kept
  std::int64_t activation_input_bits{},
      attention_output_bits{};  // in which they wait for their backward; 0: all
  bool flat_gradients{};     // below fp32 an update under ZeRO 1 and 2 first copies all of its shards in fp32
  bool narrow_moments{};     // of the optimizer in bf16
  bool separate_products{};  // queries, keys and values, gate and up: a product each
  HostCosts host;
  CudaGraphs cuda_graphs{};  // of dense models; with experts it is partial at most
  bool deterministic{};      // runs are equal bit by bit, which takes libraries larger workspaces

  /// Whether it has that pass that makes one operator of several.
  bool fuses(std::string_view pass) const { return std::ranges::find(fusions, pass) != fusions.end(); }
};

struct Job {
  Model model;
  Cluster cluster;
  Train train;
  Plan plan;
  std::string software;          // preset name: megatron-te, ds-exec, ...
  Software habits;               // that preset's content, as the job changes it
  std::string software_changes;  // JSON: the object in the job's place for it; "" where that is a name
  Simulate simulate;
  Prices prices;
  Execute execute;
  Tune tune;
  std::uint64_t seed{0};
  std::vector<Assumption> assumptions;
  std::string file;  // where it was read from, "" when from text

  std::int64_t micro_batches() const { return micro_batches_of(plan); }
  /// With another plan.
  std::int64_t micro_batches_of(const Plan& other) const {
    return train.global_batch / (other.dp * other.micro_batch);
  }
  /// Tokens of one micro-batch on one rank.
  std::int64_t micro_batch_tokens() const { return plan.micro_batch * train.sequence_length; }
};

}  // namespace ds::workload
