// The table of families: how each model differs from GPT-2 or LLaMA, and under which keys its files say so.
#include "simulator/workload/hf_families.h"

#include <algorithm>

#include "simulator/workload/hf_expert_keys.h"
#include "simulator/workload/hf_keys.h"

namespace ds::workload {
namespace {

using namespace hf;

// What GPT-2 and its like call their sizes. Four times the hidden size is what an absent or null width of the MLP means.
constexpr HfKey kGpt2[] = {kLayers, kHidden, kHeads, kFfn, kVocab, kTied, kPositions};
constexpr HfKey kStarCoder[] = {kLayers, kHidden, kHeads,     kFfn,
                                kVocab,  kTied,   kPositions, {"multi_query", one_kv_head}};
constexpr HfKey kSizes[] = {kLayers, kHidden, kHeads, kFfn, kVocab, kTied};
constexpr HfKey kBert[] = {kLayers, kHidden, kHeads,     kFfn,
                           kVocab,  kTied,   kPositions, {"type_vocab_size", count<&Model::token_types>}};

// [[["global", "local"], 12]]: those kinds of layers, so many times.
void attention_types(HfDraft& d, const Cursor& at) {
  d.model.full_layers.clear();
  for (const Cursor& entry : at.list(1, kMaxLayers)) {
    const std::vector<Cursor> pair = entry.list(2, 2);
    const std::vector<Cursor> kinds = pair[0].list(1, kMaxLayers);
    constexpr std::string_view kNames[] = {"local", "global"};
    for (std::int64_t n = pair[1].count(1, kMaxLayers); n > 0; --n)
      for (const Cursor& kind : kinds) {
        if (std::ssize(d.model.full_layers) == d.model.layers)
          at.fail(fmt::format("has more layers than the model, which has {}", d.model.layers));
        d.model.full_layers.push_back(kind.choose(kNames) == 1);
      }
  }
  if (std::ssize(d.model.full_layers) != d.model.layers)
    at.fail(fmt::format("has {} layers, must have as many as the model, {}", d.model.full_layers.size(),
                        d.model.layers));
}
constexpr HfKey kGptNeo[] = {{"num_layers", layers, &Model::layers},
                             kHidden,
                             {"num_heads", heads, &Model::heads},
                             kFfn,
                             kVocab,
                             kTied,
                             kPositions,
                             {"window_size", window},
                             {"attention_types", attention_types},
                             {"attention_layers", nothing}};
void gpt_neo(HfDraft& d) {
  d.model.qkv_bias = false;
  d.model.window = 256;
}

constexpr HfKey kGptJ[] = {
    kLayers, kHidden, kHeads, kFfn, kVocab, kTied, {"rotary_dim", count<&Model::rotary_dim>}};
void gptj(HfDraft& d) {
  Model& m = d.model;
  m.position = Position::rope;
  m.residual = Residual::parallel;
  m.qkv_bias = m.projection_bias = false;
  m.head_bias = true;
  m.tied_embeddings = false;
  m.rotary_dim = 64;
}

void neox_residual(HfDraft& d, const Cursor& at) {
  d.model.residual = at.boolean() ? Residual::parallel_two_norms : Residual::serial;
}
constexpr HfKey kNeoX[] = {kLayers,
                           kHidden,
                           kHeads,
                           kFfn,
                           kVocab,
                           kTied,
                           {"rotary_pct|partial_rotary_factor", rotary_share},
                           {"rope_parameters", rope_parameters},
                           {"use_parallel_residual", neox_residual},
                           {"attention_bias", attention_bias}};
void gpt_neox(HfDraft& d) {
  d.model.position = Position::rope;
  d.model.residual = Residual::parallel_two_norms;
  d.model.tied_embeddings = false;
  d.rotary_share = 0.25;
}

// OPT keeps two rows of its table for padding.
void opt_positions(HfDraft& d, const Cursor& at) { d.model.positions = at.count(1, kMaxSequence) + 2; }
void opt_norm_place(HfDraft& d, const Cursor& at) {
  if (at.boolean()) return;
  d.model.norm_place = NormPlace::after;
  d.model.final_norm = false;
}
void opt_last_norm(HfDraft& d, const Cursor& at) {
  if (at.boolean()) d.model.final_norm = false;
}
void opt_gains(HfDraft& d, const Cursor& at) {
  if (!at.boolean()) d.model.norm = Norm::layer_bare;
}
constexpr HfKey kOpt[] = {kLayers,
                          kHidden,
                          kHeads,
                          kFfn,
                          kVocab,
                          kTied,
                          {"max_position_embeddings", opt_positions},
                          {"word_embed_proj_dim", count<&Model::embedding_width>},
                          {"do_layer_norm_before", opt_norm_place},
                          {"_remove_final_layer_norm", opt_last_norm},
                          {"enable_bias", all_biases},
                          {"layer_norm_elementwise_affine", opt_gains}};

void bloom(HfDraft& d) {
  d.model.position = Position::alibi;
  d.model.embedding_norm = true;
}

// Falcon 40B's blocks ("new") norm each branch and group their heads, 7B's have one norm and one head of keys.
void falcon_kv_heads(HfDraft& d, const Cursor& at) {
  if (d.model.residual == Residual::parallel_two_norms) d.model.kv_heads = at.count(1, kMaxHeads);
}
void falcon_new(HfDraft& d, const Cursor& at) {
  if (!at.boolean()) return;
  d.model.residual = Residual::parallel_two_norms;
  d.model.kv_heads = 0;
}
void falcon_multi_query(HfDraft& d, const Cursor& at) {
  if (d.model.residual != Residual::parallel_two_norms) d.model.kv_heads = at.boolean() ? 1 : 0;
}
void falcon_parallel(HfDraft& d, const Cursor& at) {
  if (d.model.residual != Residual::parallel_two_norms && !at.boolean()) d.model.residual = Residual::serial;
}
void falcon_norms(HfDraft& d, const Cursor& at) {
  if (at.count(1, 2) == 1 && d.model.residual == Residual::parallel_two_norms)
    d.model.residual = Residual::parallel;
}
void falcon_alibi(HfDraft& d, const Cursor& at) {
  if (at.boolean()) d.model.position = Position::alibi;
}
constexpr HfKey kFalcon[] = {kLayers,
                             kHidden,
                             kHeads,
                             kFfn,
                             kVocab,
                             kTied,
                             {"new_decoder_architecture", falcon_new},
                             {"multi_query", falcon_multi_query},
                             {"num_kv_heads|n_head_kv", falcon_kv_heads},
                             {"parallel_attn", falcon_parallel},
                             {"num_ln_in_parallel_attn", falcon_norms},
                             {"bias", all_biases},
                             {"alibi", falcon_alibi}};
void falcon(HfDraft& d) {
  Model& m = d.model;
  m.position = Position::rope;
  m.residual = Residual::parallel;
  m.kv_heads = 1;
  m.qkv_bias = m.projection_bias = m.mlp_bias = false;
}

void mpt_attention(HfDraft& d, const Cursor& at) {
  constexpr std::string_view kRead[] = {"alibi", "kv_n_heads", "attn_type", "qk_ln"};
  constexpr std::string_view kTypes[] = {"multihead_attention", "multiquery_attention",
                                         "grouped_query_attention"};
  at.expect_object();
  refuse_misspelt(at, kRead);
  const auto alibi = at.find_not_null("alibi");
  if (alibi && !alibi->boolean()) d.model.position = Position::learned;
  if (const auto heads = at.find_not_null("kv_n_heads")) d.model.kv_heads = heads->count(1, kMaxHeads);
  const auto type = at.find_not_null("attn_type");
  if (type && type->choose(kTypes) == 1) d.model.kv_heads = 1;
  const auto norm = at.find_not_null("qk_ln");
  if (norm && norm->boolean()) d.model.qk_norm = QkNorm::whole;
}
void mpt_width(HfDraft& d, const Cursor& at) {
  const double width = at.real(0, 64) * static_cast<double>(d.model.hidden);
  d.model.ffn_hidden = static_cast<std::int64_t>(width);
}
constexpr HfKey kMpt[] = {kLayers,
                          kHidden,
                          kHeads,
                          kVocab,
                          kTied,
                          {"expansion_ratio", mpt_width},
                          {"max_seq_len", count<&Model::positions, kMaxSequence>},
                          {"attn_config", mpt_attention},
                          {"no_bias", nothing}};
void mpt(HfDraft& d) {
  d.model.position = Position::alibi;
  d.model.norm = Norm::layer_gain;
  d.model.qkv_bias = d.model.projection_bias = d.model.mlp_bias = false;
}

constexpr HfKey kLlama[] = {kLayers,
                            kHidden,
                            kHeads,
                            {"num_key_value_heads", kv_heads},
                            {"head_dim", head_dim},
                            kFfn,
                            kVocab,
                            kTied,
                            {"attention_bias|qkv_bias", attention_bias},
                            {"mlp_bias", flag<&Model::mlp_bias>}};

constexpr HfKey kMistral[] = {kLayers, {"sliding_window", window}, {"layer_types", layer_types}};

constexpr HfKey kQwen2[] = {kLayers,
                            {"sliding_window", window},
                            {"use_sliding_window", window_in_use},
                            {"max_window_layers", first_windowed},
                            {"layer_types", layer_types}};
void qwen2(HfDraft& d) {
  d.model.qkv_bias = true;
  d.window_in_use = false;
}
void qwen3(HfDraft& d) {
  d.model.qk_norm = QkNorm::shared;
  d.model.head_dim = 128, d.model.head_dim_given = true;
  d.window_in_use = false;
}

constexpr HfKey kPhi[] = {{"partial_rotary_factor", rotary_share}, {"rope_parameters", rope_parameters}};
void phi_qk_norm(HfDraft& /*d*/, const Cursor& at) {
  if (at.boolean())
    at.fail("is true: a norm of queries and keys with biases is not supported yet",
            "only false is supported");
}
constexpr HfKey kPhi2[] = {{"partial_rotary_factor", rotary_share},
                           {"rope_parameters", rope_parameters},
                           {"qk_layernorm", phi_qk_norm}};
void phi(HfDraft& d) {
  Model& m = d.model;
  m.position = Position::rope;
  m.residual = Residual::parallel;
  m.head_bias = true;
  m.tied_embeddings = false;
  d.rotary_share = 0.5;
}
constexpr HfKey kPhi3[] = {kLayers,
                           {"sliding_window", window},
                           {"layer_types", layer_types},
                           {"partial_rotary_factor", rotary_share},
                           {"rope_parameters", rope_parameters}};

void gemma(HfDraft& d) {
  d.model.tied_embeddings = true;
  d.model.head_dim = 256, d.model.head_dim_given = true;
}
void cap(HfDraft& d, const Cursor& at) { d.model.logit_cap = at.positive() > 0; }
constexpr HfKey kGemma2[] = {
    kLayers, {"sliding_window", window}, {"layer_types", layer_types}, {"final_logit_softcapping", cap}};
void gemma2(HfDraft& d) {
  gemma(d);
  d.model.norm_place = NormPlace::around;
  d.model.logit_cap = true;
  d.model.window = 4096;
  d.full_every = 2;
}
constexpr HfKey kGemma3[] = {kLayers,
                             {"sliding_window", window},
                             {"sliding_window_pattern", full_every},
                             {"layer_types", layer_types},
                             {"final_logit_softcapping", cap}};
void gemma3(HfDraft& d) {
  gemma(d);
  Model& m = d.model;
  m.norm_place = NormPlace::around;
  m.qk_norm = QkNorm::shared;
  m.window = 4096;
  d.full_every = 6;
  // What the class has, and larger models' files leave out.
  m.layers = 26, m.hidden = 2304, m.ffn_hidden = 9216, m.heads = 8, m.kv_heads = 4, m.vocab = 262208;
}

// GLM has no bias behind attention, whatever its queries have.
constexpr HfKey kGlm[] = {{"attention_bias", flag<&Model::qkv_bias>},
                          {"partial_rotary_factor", rotary_share},
                          {"rope_parameters", rope_parameters}};
void glm(HfDraft& d) {
  d.rotary_share = 0.5;
  d.model.head_dim = 128, d.model.head_dim_given = true;
}
void glm4(HfDraft& d) {
  glm(d);
  d.model.norm_place = NormPlace::around;
}

void olmo(HfDraft& d) { d.model.norm = Norm::layer_bare; }
void olmo2(HfDraft& d) {
  d.model.norm_place = NormPlace::behind;
  d.model.qk_norm = QkNorm::whole;
}
void olmo3(HfDraft& d) {
  olmo2(d);
  d.model.window = 4096;
  d.full_every = 4;
}

constexpr HfKey kStarCoder2[] = {
    kLayers, {"use_bias", all_biases}, {"sliding_window", window}, {"layer_types", layer_types}};
void starcoder2(HfDraft& d) {
  Model& m = d.model;
  m.norm = Norm::layer;
  m.gated_mlp = false;
  m.qkv_bias = m.projection_bias = m.mlp_bias = true;
  m.tied_embeddings = true;
}

void cohere_qk_norm(HfDraft& d, const Cursor& at) {
  d.model.qk_norm = at.boolean() ? QkNorm::per_head : QkNorm::none;
}
constexpr HfKey kCohere[] = {{"use_qk_norm", cohere_qk_norm}};
constexpr HfKey kCohere2[] = {kLayers,
                              {"sliding_window", window},
                              {"sliding_window_pattern", full_every},
                              {"layer_types", layer_types}};
void cohere(HfDraft& d) {
  d.model.norm = Norm::layer_gain;
  d.model.residual = Residual::parallel;
  d.model.tied_embeddings = true;
}
// Layers that see all do not rotate.
void cohere2(HfDraft& d) {
  cohere(d);
  d.model.window = 4096;
  d.full_every = 4;
  d.full_layers_rotate = false;
}

void stablelm_residual(HfDraft& d, const Cursor& at) {
  if (at.boolean()) d.model.residual = Residual::parallel;
}
constexpr HfKey kStableLm[] = {{"use_qkv_bias", flag<&Model::qkv_bias>},
                               {"qk_layernorm", cohere_qk_norm},
                               {"use_parallel_residual", stablelm_residual},
                               {"partial_rotary_factor|rope_pct", rotary_share},
                               {"rope_parameters", rope_parameters}};
void stablelm(HfDraft& d) {
  d.model.norm = Norm::layer;
  d.rotary_share = 0.25;
}

void nemotron(HfDraft& d) {
  d.model.norm = Norm::layer;
  d.model.gated_mlp = false;
  d.rotary_share = 0.5;
}

constexpr HfKey kSmolLm3[] = {kLayers,
                              {"no_rope_layers", rotating_layers},
                              {"no_rope_layer_interval",
                               [](HfDraft& d, const Cursor& at) {
                                 if (d.rotates_all_but_every != 0)
                                   d.rotates_all_but_every = at.count(1, kMaxLayers);
                               }},
                              {"sliding_window", window},
                              {"use_sliding_window", window_in_use},
                              {"layer_types", layer_types}};
void smollm3(HfDraft& d) {
  d.model.tied_embeddings = true;
  d.window_in_use = false;
  d.rotates_all_but_every = 4;
}

constexpr HfKey kSeedOss[] = {{"attention_bias", flag<&Model::qkv_bias>},
                              {"attention_out_bias", flag<&Model::projection_bias>}};
void seed_oss(HfDraft& d) {
  d.model.qkv_bias = true;
  d.model.head_dim = 128, d.model.head_dim_given = true;
}

void granite(HfDraft& d) { d.model.tied_embeddings = true; }
void arcee(HfDraft& d) { d.model.gated_mlp = false; }
constexpr HfKey kErnie[] = {{"use_bias", all_biases}};
void ernie(HfDraft& d) {
  d.model.tied_embeddings = true;
  d.model.head_dim = 128, d.model.head_dim_given = true;
}
constexpr HfKey kInternLm2[] = {{"bias", attention_bias}};

constexpr std::string_view kSummaries =
    "n_ctx summary_type summary_use_proj summary_activation summary_first_dropout summary_proj_to_labels "
    "task_specific_params scale_attn_weights scale_attn_by_inverse_layer_idx reorder_and_upcast_attn";
constexpr std::string_view kScaled = "embeddings are multiplied by a constant, whose time is left out";

// clang-format off
constexpr HfFamily kFamilies[] = {
  // GPT-2 and its like
  {"gpt2", Family::gpt, nullptr, kGpt2, false, kSummaries},
  {"gpt_bigcode", Family::gpt, [](HfDraft& d) { d.model.kv_heads = 1; }, kStarCoder, false,
   "n_ctx summary_type summary_use_proj summary_activation summary_first_dropout summary_proj_to_labels scale_attn_weights "
   "attention_softmax_in_fp32 scale_attention_softmax_in_fp32 inference_runner validate_runner_input pad_key_length "
   "max_batch_size max_sequence_length pre_allocate_kv_cache"},
  {"gpt_neo", Family::gpt, gpt_neo, kGptNeo, false, "summary_type summary_use_proj summary_activation summary_first_dropout "
   "summary_proj_to_labels gradient_checkpointing"},
  {"gptj", Family::gpt, gptj, kGptJ, false,
   "n_positions n_ctx rotary summary_type summary_use_proj summary_activation summary_first_dropout summary_proj_to_labels "
   "task_specific_params scale_attn_weights gradient_checkpointing"},
  {"codegen", Family::gpt, gptj, kGptJ, false,
   "n_positions n_ctx rotary summary_type summary_use_proj summary_activation summary_first_dropout summary_proj_to_labels "
   "task_specific_params scale_attn_weights gradient_checkpointing"},
  {"gpt_neox", Family::gpt, gpt_neox, kNeoX, false, "rotary_emb_base"},
  {"opt", Family::gpt, nullptr, kOpt, false, "prefix init_std"},
  {"bloom", Family::gpt, bloom, kSizes, false,
   "apply_residual_connection_post_layernorm attention_softmax_in_fp32 bias_dropout_fusion masked_softmax_fusion offset_alibi "
   "pretraining_tp slow_but_exact skip_bias_add skip_bias_add_qkv seq_length unk_token_id"},
  {"falcon", Family::gpt, falcon, kFalcon, false, "apply_residual_connection_post_layernorm"},
  {"mpt", Family::gpt, mpt, kMpt, false,
   "embedding_fraction emb_pdrop init_config init_device learned_pos_emb logit_scale norm_type tokenizer_name verbose use_pad_tok_in_ffn "
   "fc_type ffn_config"},
  {"bert", Family::bert, [](HfDraft& d) { d.model.token_types = 2; }, kBert, false, "position_embedding_type gradient_checkpointing"},
  // LLaMA and its like
  {"llama", Family::llama, nullptr, {}, true, "pretraining_tp"},
  {"mistral", Family::llama, nullptr, kMistral},
  {"qwen2", Family::llama, qwen2, kQwen2},
  {"qwen3", Family::llama, qwen3, kQwen2},
  {"phi", Family::gpt, phi, kPhi2},
  {"phi3", Family::llama, nullptr, kPhi3, true, "original_max_position_embeddings"},
  {"gemma", Family::llama, gemma, {}, true, "", kScaled},
  {"gemma2", Family::llama, gemma2, kGemma2, true, "query_pre_attn_scalar cache_implementation attn_logit_softcapping",
   "embeddings are multiplied by a constant and scores are capped, whose time is left out"},
  {"gemma3_text", Family::llama, gemma3, kGemma3, true,
   "query_pre_attn_scalar cache_implementation rope_local_base_freq use_bidirectional_attention", kScaled},
  {"glm", Family::llama, glm, kGlm},
  {"glm4", Family::llama, glm4, kGlm},
  {"olmo", Family::llama, olmo, {}, true, "clip_qkv"},
  {"olmo2", Family::llama, olmo2},
  {"olmo3", Family::llama, olmo3, kGemma3},
  {"starcoder2", Family::llama, starcoder2, kStarCoder2, true, "norm_type mlp_type"},
  {"cohere", Family::llama, cohere, kCohere, true, "logit_scale use_parallel_block use_embedding_sharing"},
  {"cohere2", Family::llama, cohere2, kCohere2, true,
   "logit_scale use_parallel_block use_embedding_sharing use_gated_activation use_parallel_embedding position_embedding_type "
   "order_of_interleaved_layers rotary_pct cache_implementation"},
  {"stablelm", Family::llama, stablelm, kStableLm, true, "norm_eps"},
  {"nemotron", Family::llama, nemotron, kPhi, true, "norm_eps"},
  {"smollm3", Family::llama, smollm3, kSmolLm3, true, "max_window_layers pretraining_tp"},
  {"seed_oss", Family::llama, seed_oss, kSeedOss},
  {"granite", Family::llama, granite, {}, true, "embedding_multiplier attention_multiplier residual_multiplier logits_scaling",
   "activations are multiplied by constants, whose time is left out"},
  {"arcee", Family::llama, arcee},
  {"ernie4_5", Family::llama, ernie, kErnie},
  {"internlm2", Family::llama, nullptr, kInternLm2},
  // Mixtures of experts
  {"mixtral", Family::moe, mixtral, kMixtral, true, kRouting},
  {"qwen2_moe", Family::moe, qwen2_moe, kQwenMoe, true, kRouting},
  {"qwen3_moe", Family::moe, qwen3_moe, kQwenMoe, true, kRouting},
  {"olmoe", Family::moe, olmoe, kQwenMoe, true, "router_aux_loss_coef norm_topk_prob output_router_logits clip_qkv"},
  {"glm4_moe", Family::moe, glm4_moe, kGlmMoe, true, kRouting},
  {"deepseek_v2", Family::moe, mixtral, kDeepSeek, true, kRouting},
  {"deepseek_v3", Family::moe, mixtral, kDeepSeek, true, kRouting},
  {"kimi_k2", Family::moe, mixtral, kDeepSeek, true, kRouting},
  {"gpt_oss", Family::moe, gpt_oss, kGptOss, true,
   "router_aux_loss_coef output_router_logits swiglu_limit initial_context_length quantization_config"},
};

// Names, tokens, starting values, kernels and what generates text: neither shape nor cost. Epsilons, rope's base and its scaling
// change values alone.
constexpr std::string_view kSilent[] = {
  "_name_or_path", "architectures", "attn_implementation", "_attn_implementation", "auto_map", "bos_token_id", "decoder_start_token_id",
  "dtype", "eos_token_id", "hidden_act", "hidden_activation", "activation_function", "activation", "id2label", "initializer_range",
  "is_decoder", "is_encoder_decoder", "label2id", "layer_norm_eps", "layer_norm_epsilon", "max_position_embeddings", "model_type",
  "pad_token_id", "rms_norm_eps", "rope_parameters", "rope_scaling", "rope_theta", "sep_token_id", "tokenizer_class", "torch_dtype",
  "transformers_version", "unsloth_fixed", "use_cache", "finetuning_task", "output_attentions", "output_hidden_states", "return_dict",
  "use_return_dict", "is_composition", "problem_type",
};
// clang-format on

}  // namespace

std::span<const HfFamily> hf_families() { return kFamilies; }
std::span<const HfKey> hf_llama_keys() { return kLlama; }
bool is_silent_in_all(std::string_view key) { return std::ranges::find(kSilent, key) != std::end(kSilent); }

}  // namespace ds::workload
