// The table of names.
#include "simulator/workload/aliases.h"

#include <algorithm>
#include <string>

#include "simulator/workload/plan_keys.h"

namespace ds::workload {
namespace {

struct Alias {
  std::string_view key, path;
};

constexpr Alias kAliases[] = {
    // Megatron-LM's arguments.
    {"tensor_model_parallel_size", "plan.tp"},
    {"pipeline_model_parallel_size", "plan.pp"},
    {"data_parallel_size", "plan.dp"},
    {"context_parallel_size", "plan.cp"},
    {"expert_model_parallel_size", "plan.ep"},
    {"expert_tensor_parallel_size", "plan.etp"},
    {"virtual_pipeline_model_parallel_size", "plan.vpp"},
    {"num_virtual_stages_per_pipeline_rank", "plan.vpp"},
    {"micro_batch_size", "plan.micro_batch"},
    {"global_batch_size", "train.global_batch"},
    {"seq_length", "train.sequence_length"},
    {"lr", "train.learning_rate"},
    {"base_learning_rate", "train.learning_rate"},
    {"num_layers", "model.layers"},
    {"hidden_size", "model.hidden"},
    {"ffn_hidden_size", "model.ffn_hidden"},
    {"num_attention_heads", "model.heads"},
    {"num_query_groups", "model.kv_heads"},
    {"kv_channels", "model.head_dim"},
    {"padded_vocab_size", "model.vocab"},
    {"recompute_granularity", "plan.recompute"},
    {"use_distributed_optimizer", "plan.zero"},
    {"overlap_grad_reduce", "plan.overlap.grad_reduce"},
    {"overlap_param_gather", "plan.overlap.param_gather"},
    {"tp_comm_overlap", "plan.overlap.tp_comm"},
    {"overlap_p2p_comm", "plan.overlap.p2p"},
    {"attention_dropout", "plan.dropout"},
    {"hidden_dropout", "plan.dropout"},
    {"nnodes", "cluster.nodes"},
    {"num_nodes", "cluster.nodes"},
    {"num_experts", "model.moe.experts"},
    {"moe_router_topk", "model.moe.top_k"},
    {"moe_ffn_hidden_size", "model.moe.expert_ffn"},
    // DeepSpeed's and Hugging Face's.
    {"tp_size", "plan.tp"},
    {"pp_size", "plan.pp"},
    {"dp_size", "plan.dp"},
    {"zero_stage", "plan.zero"},
    {"zero_optimization", "plan.zero"},
    {"train_batch_size", "train.global_batch"},
    {"train_micro_batch_size_per_gpu", "plan.micro_batch"},
    {"per_device_train_batch_size", "plan.micro_batch"},
    {"gradient_checkpointing", "plan.recompute"},
    {"torch_dtype", "plan.precision"},
    {"dtype", "plan.precision"},
    {"attn_implementation", "plan.attention"},
    {"num_hidden_layers", "model.layers"},
    {"n_layer", "model.layers"},
    {"n_embd", "model.hidden"},
    {"d_model", "model.hidden"},
    {"n_head", "model.heads"},
    {"num_heads", "model.heads"},
    {"num_key_value_heads", "model.kv_heads"},
    {"intermediate_size", "model.ffn_hidden"},
    {"vocab_size", "model.vocab"},
    {"tie_word_embeddings", "model.tied_embeddings"},
    {"max_position_embeddings", "train.sequence_length"},
    {"seq_len", "train.sequence_length"},
    {"max_seq_len", "train.sequence_length"},
    {"num_experts_per_tok", "model.moe.top_k"},
    {"moe_intermediate_size", "model.moe.expert_ffn"},
    // Ours, looked for in another place.
    {"global_batch", "train.global_batch"},
    {"sequence_length", "train.sequence_length"},
    {"learning_rate", "train.learning_rate"},
    {"tokens", "train.tokens"},
    {"nodes", "cluster.nodes"},
    {"node", "cluster.node"},
    {"fabric", "cluster.fabric"},
    {"layers", "model.layers"},
    {"hidden", "model.hidden"},
    {"heads", "model.heads"},
    {"kv_heads", "model.kv_heads"},
    {"ffn_hidden", "model.ffn_hidden"},
    {"vocab", "model.vocab"},
    {"depth", "simulate.depth"},
    {"gpu_hour_usd", "prices.gpu_hour_usd"},
};

/// plan.overlap.p2p for p2p.
std::string_view leaf(std::string_view path) { return path.substr(path.rfind('.') + 1); }

}  // namespace

std::string path_meant_by(std::string_view path) {
  std::string plain(leaf(path));
  std::ranges::replace(plain, '-', '_');
  for (const Alias& alias : kAliases)
    if (alias.key == plain) return std::string(alias.path);
  for (const PlanKey& known : plan_keys())
    if (leaf(known.name) == plain) return "plan." + std::string(known.name);
  return {};
}

}  // namespace ds::workload
