// Names beside those of the tables of other programs (names.h).
#include "simulator/workload/aliases.h"

#include <algorithm>
#include <string>

#include "simulator/workload/names.h"
#include "simulator/workload/plan_keys.h"

namespace ds::workload {
namespace {

struct Alias {
  std::string_view key, path;
};

constexpr Alias kAliases[] = {
    // Megatron-LM's arguments that are no flags.
    {"data_parallel_size", "plan.dp"},
    {"virtual_pipeline_model_parallel_size", "plan.vpp"},
    {"lr", "train.learning_rate"},
    {"base_learning_rate", "train.learning_rate"},
    {"overlap_p2p_comm", "plan.overlap.p2p"},
    {"nnodes", "cluster.nodes"},
    {"num_nodes", "cluster.nodes"},
    // DeepSpeed's and Hugging Face's.
    {"pp_size", "plan.pp"},
    {"dp_size", "plan.dp"},
    {"zero_stage", "plan.zero"},
    {"zero_optimization", "plan.zero"},
    {"per_device_train_batch_size", "plan.micro_batch"},
    {"gradient_checkpointing", "plan.recompute"},
    {"torch_dtype", "plan.precision"},
    {"dtype", "plan.precision"},
    {"attn_implementation", "plan.attention"},
    {"num_hidden_layers", "model.layers"},
    {"n_layer", "model.layers"},
    {"n_layers", "model.layers"},
    {"hidden_size", "model.hidden"},
    {"n_embd", "model.hidden"},
    {"n_embed", "model.hidden"},
    {"d_model", "model.hidden"},
    {"n_head", "model.heads"},
    {"n_heads", "model.heads"},
    {"num_heads", "model.heads"},
    {"num_attention_heads", "model.heads"},
    {"num_key_value_heads", "model.kv_heads"},
    {"num_kv_heads", "model.kv_heads"},
    {"n_head_kv", "model.kv_heads"},
    {"kv_n_heads", "model.kv_heads"},
    {"multi_query_group_num", "model.kv_heads"},
    {"intermediate_size", "model.ffn_hidden"},
    {"n_inner", "model.ffn_hidden"},
    {"ffn_dim", "model.ffn_hidden"},
    {"tie_word_embeddings", "model.tied_embeddings"},
    {"max_position_embeddings", "train.sequence_length"},
    {"max_seq_len", "train.sequence_length"},
    {"num_experts_per_tok", "model.moe.top_k"},
    {"n_group", "model.moe.groups"},
    {"topk_group", "model.moe.groups_per_token"},
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

/// tensor_model_parallel_size for --tensor-model-parallel-size.
std::string plain_name(std::string_view name) {
  std::string plain(leaf(name));
  plain.erase(0, std::min(plain.find_first_not_of('-'), plain.size()));
  std::ranges::replace(plain, '-', '_');
  return plain;
}

}  // namespace

std::string path_meant_by(std::string_view path) {
  const std::string plain = plain_name(path);
  for (const Alias& alias : kAliases)
    if (alias.key == plain) return std::string(alias.path);
  const bool says_much =
      plain.find('_') != std::string::npos;  // "enabled" and "mode" are said of many things
  for (const std::span<const Name> names : {megatron_names(), deepspeed_names(), torchtitan_names()})
    for (const Name& name : names)
      if (says_much && plain_name(name.theirs) == plain) return std::string(name.ours);
  for (const PlanKey& known : plan_keys())
    if (leaf(known.name) == plain) return "plan." + std::string(known.name);
  return {};
}

}  // namespace ds::workload
