// The keys of each model_type of a Hugging Face config.json.
#include "simulator/workload/hf_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "simulator/base/json.h"
#include "simulator/base/nearest.h"
#include "simulator/workload/limits.h"

namespace ds::workload {
namespace {

/// What an architecture takes for granted when its file does not say. Keys have aliases; "" where there is none.
/// Source: configuration classes of github.com/huggingface/transformers.
struct Architecture {
  std::string_view type;
  Family family;
  bool gated, tied;
  Position position;
  std::string_view layers, hidden, heads, ffn;
};

constexpr auto kLearned = Position::learned;
constexpr auto kRope = Position::rope;
constexpr Architecture kArchitectures[] = {
    {"gpt2", Family::gpt, false, true, kLearned, "n_layer", "n_embd", "n_head", "n_inner"},
    {"gpt_neox", Family::gpt, false, false, kRope, "num_hidden_layers", "hidden_size", "num_attention_heads",
     "intermediate_size"},
    {"opt", Family::gpt, false, true, kLearned, "num_hidden_layers", "hidden_size", "num_attention_heads",
     "ffn_dim"},
    {"bert", Family::bert, false, true, kLearned, "num_hidden_layers", "hidden_size", "num_attention_heads",
     "intermediate_size"},
    {"llama", Family::llama, true, false, kRope, "", "", "", ""},
    {"mistral", Family::llama, true, false, kRope, "", "", "", ""},
    {"qwen2", Family::llama, true, false, kRope, "", "", "", ""},
    {"qwen3", Family::llama, true, false, kRope, "", "", "", ""},
    {"phi3", Family::llama, true, false, kRope, "", "", "", ""},
    {"gemma", Family::llama, true, true, kRope, "", "", "", ""},
    {"mixtral", Family::moe, true, false, kRope, "", "", "", ""},
    {"qwen2_moe", Family::moe, true, false, kRope, "", "", "", ""},
    {"qwen3_moe", Family::moe, true, false, kRope, "", "", "", ""},
    {"deepseek_v2", Family::moe, true, false, kRope, "", "", "", ""},
    {"deepseek_v3", Family::moe, true, false, kRope, "", "", "", ""},
};

const Architecture& architecture_of(const Cursor& config) {
  const Cursor type = config.member("model_type");
  const std::string name = type.text();
  std::vector<std::string_view> known;
  for (const Architecture& architecture : kArchitectures) {
    if (architecture.type == name) return architecture;
    known.push_back(architecture.type);
  }
  // A slip of the finger is asked about; gemma2 is none, but another model than gemma.
  const std::string near = nearest(name, known);
  if (!near.empty() && !name.starts_with(near))
    type.fail(fmt::format("is {}, must be one of {}", pretty(type.value()), listed(known)),
              fmt::format("did you mean {}?", near));
  type.fail(fmt::format("is {}, which is not supported yet", pretty(type.value())),
            fmt::format("{} are; others can be described as an object in the job", listed(known)));
}

std::string_view either(std::string_view key, std::string_view otherwise) {
  return key.empty() ? otherwise : key;
}

std::int64_t count_or(const Cursor& at, std::string_view key, std::int64_t otherwise, std::int64_t most) {
  const std::optional<Cursor> found = at.find_not_null(key);
  return found ? found->count(0, most) : otherwise;
}

/// DeepSeek counts leading dense layers and takes every moe_layer_freq-th after them; Qwen takes every
/// decoder_sparse_step-th layer, except those in mlp_only_layers.
std::vector<bool> dense_layers(const Cursor& at, std::int64_t layers) {
  std::vector<bool> dense(static_cast<std::size_t>(layers), false);
  const std::int64_t leading = count_or(at, "first_k_dense_replace", 0, kMaxLayers);
  const std::int64_t every = std::max<std::int64_t>(1, count_or(at, "moe_layer_freq", 1, kMaxLayers));
  const std::int64_t step = std::max<std::int64_t>(1, count_or(at, "decoder_sparse_step", 1, kMaxLayers));
  for (std::int64_t i = 0; i < layers; ++i)
    dense[static_cast<std::size_t>(i)] = i < leading || i % every != 0 || (i + 1) % step != 0;
  if (const auto only = at.find_not_null("mlp_only_layers"))
    for (const Cursor& layer : only->list(0, kMaxLayers))
      dense[static_cast<std::size_t>(layer.count(0, layers - 1))] = true;
  return dense;
}

Moe read_experts(const Cursor& at, std::int64_t layers, std::int64_t ffn) {
  Moe moe;
  std::optional<Cursor> experts;
  for (const char* key : {"num_experts", "num_local_experts", "n_routed_experts"})
    if (!experts) experts = at.find_not_null(key);
  moe.experts = experts ? experts->count(1, kMaxExperts) : at.member("num_experts").count(1, kMaxExperts);
  moe.top_k = at.member("num_experts_per_tok").count(1, kMaxExperts);
  moe.expert_ffn = count_or(at, "moe_intermediate_size", ffn, kMaxWidth);
  if (moe.expert_ffn == 0) at.member("moe_intermediate_size").count(1, kMaxWidth);
  moe.shared_experts = count_or(at, "n_shared_experts", 0, kMaxExperts);
  if (const auto width = at.find_not_null("shared_expert_intermediate_size")) {
    const std::int64_t shared = width->count(0, kMaxWidth);
    if (shared % moe.expert_ffn != 0)
      width->fail(fmt::format("is {}, must be a multiple of moe_intermediate_size, which is {}", shared,
                              moe.expert_ffn));
    moe.shared_experts = shared / moe.expert_ffn;
  }
  moe.dense_layers = dense_layers(at, layers);
  return moe;
}

Mla read_latent(const Cursor& at) {
  return {.q_lora_rank = count_or(at, "q_lora_rank", 0, kMaxWidth),
          .kv_lora_rank = at.member("kv_lora_rank").count(1, kMaxWidth),
          .qk_nope_head_dim = at.member("qk_nope_head_dim").count(1, kMaxWidth),
          .qk_rope_head_dim = at.member("qk_rope_head_dim").count(1, kMaxWidth),
          .v_head_dim = at.member("v_head_dim").count(1, kMaxWidth)};
}

}  // namespace

Model read_hf_config(const std::filesystem::path& file) {
  const Document document = read_document(file);
  Cursor at = document.root();
  // Multimodal files keep the language model in an object of its own.
  if (const auto text = at.find_not_null("text_config")) at = *text;
  const Architecture& type = architecture_of(at);
  Model m;
  m.family = type.family;
  m.position = type.position;
  m.gated_mlp = type.gated;
  m.layers = at.member(either(type.layers, "num_hidden_layers")).count(1, kMaxLayers);
  m.hidden = at.member(either(type.hidden, "hidden_size")).count(1, kMaxWidth);
  m.heads = at.member(either(type.heads, "num_attention_heads")).count(1, kMaxHeads);
  m.vocab = at.member("vocab_size").count(1, kMaxWidth);
  const std::string_view ffn = either(type.ffn, "intermediate_size");
  const auto width = at.find_not_null(ffn);
  m.ffn_hidden = width || type.type != "gpt2" ? at.member(ffn).count(1, kMaxWidth) : 4 * m.hidden;
  m.kv_heads = m.heads;
  if (const auto kv = at.find_not_null("num_key_value_heads"); kv && type.family != Family::gpt)
    m.kv_heads = kv->count(1, kMaxHeads);
  if (const auto head_dim = at.find_not_null("head_dim")) {
    m.head_dim = head_dim->count(1, kMaxWidth);
    m.head_dim_given = true;
  } else {
    m.head_dim = std::max<std::int64_t>(1, m.hidden / m.heads);
  }
  const auto tied = at.find_not_null("tie_word_embeddings");
  m.tied_embeddings = tied ? tied->boolean() : type.tied;
  if (type.type.starts_with("deepseek")) {
    m.mla = read_latent(at);
    m.kv_heads = m.heads;
    m.mtp_layers = count_or(at, "num_nextn_predict_layers", 0, kMaxLayers);
  }
  if (type.family == Family::moe) m.moe = read_experts(at, m.layers, m.ffn_hidden);
  return m;
}

}  // namespace ds::workload
