// The model, as Megatron-LM's flags describe it. Defaults are those of its arguments.py at d98e8a64dd: no gate, tied embeddings,
// learned positions, LayerNorm, biases everywhere, an MLP of four times the hidden size.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

#include "simulator/base/json.h"
#include "simulator/convert/layer_pattern.h"
#include "simulator/convert/megatron.h"
#include "simulator/workload/limits.h"

namespace ds::convert::megatron {
namespace {

/// [true, false, ...]; leading layers alone are a number.
std::string mask_text(const std::vector<bool>& mask) {
  const auto first_false = std::ranges::find(mask, false);
  if (std::find(first_false, mask.end(), true) == mask.end())
    return fmt::format("{}", std::distance(mask.begin(), first_false));
  std::vector<std::string_view> words;
  for (const bool one : mask) words.emplace_back(one ? "true" : "false");
  return fmt::format("[{}]", fmt::join(words, ", "));
}

std::int64_t within_width(const Flag* flag, std::int64_t value) {
  if (flag != nullptr && (value < 1 || value > workload::kMaxWidth))
    fail(*flag, fmt::format("is {}, must be from 1 to {}", value, workload::kMaxWidth));
  return value;
}

bool is_gated(const Flags& flags) { return flags.on("--swiglu") || flags.on("--quick-geglu"); }

struct Width {
  std::int64_t value{};
  const Flag* from{};
};

/// Of the MLP. Two thirds of four times the hidden size with --swiglu, cut down to a multiple of 64; else four times, with
/// --quick-geglu as well (validate_args).
Width ffn_width(const Flags& flags) {
  if (const Flag* given = flags.find("--ffn-hidden-size")) return {count_of(*given), given};
  const Flag* from = flags.find("--hidden-size");
  const std::int64_t wide = 4 * within_width(from, flags.needed("--hidden-size"));
  return {
      flags.on("--swiglu") ? static_cast<std::int64_t>(static_cast<double>(wide) * 2 / 3 / 64) * 64 : wide,
      from};
}

/// The table has as many rows as the tokenizer has tokens, padded; where the multiple is the usual 128 the software preset
/// pads.
void take_vocab(const Flags& flags, const Asked& asked, Draft& draft) {
  const Flag* given = flags.find("--vocab-size");
  if (const Flag* padded = flags.find("--padded-vocab-size")) given = padded;
  if (!asked.vocab && given == nullptr)
    throw InputError("--vocab", "is missing: the launch leaves the size of the vocabulary to its tokenizer",
                     "--vocab 128256 is that of Llama 3, 50257 of GPT-2");
  std::int64_t vocab = asked.vocab ? *asked.vocab : within_width(given, count_of(*given));
  const Flag* multiple = flags.find("--make-vocab-size-divisible-by");
  if (multiple != nullptr && flags.find("--padded-vocab-size") == nullptr) {
    const std::int64_t by =
        within_width(multiple, count_of(*multiple)) *
        std::clamp<std::int64_t>(flags.count("--tensor-model-parallel-size", 1), 1, workload::kMaxDegree);
    vocab = (vocab + by - 1) / by * by;
  }
  draft.set_count("model.vocab", vocab, asked.vocab ? multiple : given);
}

void take_attention(const Flags& flags, std::int64_t layers, Draft& draft) {
  if (const Flag* groups = flags.find("--group-query-attention"))
    draft.set_count("model.kv_heads", flags.count("--num-query-groups", 1),
                    flags.find("--num-query-groups") != nullptr ? flags.find("--num-query-groups") : groups);
  if (const Flag* channels = flags.find("--kv-channels"))
    draft.set_count("model.head_dim", count_of(*channels), channels);
  if (flags.on("--qk-layernorm") && !flags.on("--multi-latent-attention"))
    draft.set_text("model.qk_norm", "shared", flags.find("--qk-layernorm"));
  const bool biases = !flags.on("--disable-bias-linear");
  const Flag* off = flags.find("--disable-bias-linear");
  // Latent attention has none but behind itself (multi_latent_attention.py).
  const Flag* latent = flags.find("--multi-latent-attention");
  const Flag* own = flags.find("--add-qkv-bias");
  draft.set_switch("model.qkv_bias", latent == nullptr && (biases || flags.on("--add-qkv-bias")),
                   latent != nullptr ? latent
                   : own != nullptr  ? own
                                     : off);
  draft.set_switch("model.projection_bias", biases, off);
  draft.set_switch("model.mlp_bias", biases, off);
  if (const Flag* window = flags.find("--window-size")) {
    std::string text = only_value(*window);
    std::erase(text, '(');
    std::int64_t left = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), left);
    if (error != std::errc() || (end != text.data() + text.size() && *end != ',') || left < -1 ||
        left >= workload::kMaxSequence)
      fail(*window, fmt::format("is {}, must be two numbers of tokens", json_text(text.substr(0, 40))),
           "128,0 are");
    if (left >= 0) draft.set_count("model.window", left + 1, window);
    if (const Flag* skip = flags.find("--window-attn-skip-freq")) {
      const bool number = only_value(*skip).find('[') == std::string::npos;
      std::vector<bool> full = layer_pattern(*skip, layers, false);
      if (!number) full.flip();
      draft.set_json("model.full_layers", mask_text(full), skip);
    }
  }
}

void take_latent(const Flags& flags, Draft& draft) {
  const Flag* latent = flags.find("--multi-latent-attention");
  if (latent == nullptr) return;
  expect_switch(*latent);
  // What arguments.py has where nothing is said: transformer_config.py, MLATransformerConfig.
  const auto take = [&](const char* name, const char* key, std::int64_t otherwise) {
    const Flag* flag = flags.find(name);
    draft.set_count(std::string("model.mla.") + key, flags.count(name, otherwise),
                    flag != nullptr ? flag : latent);
  };
  if (flags.find("--q-lora-rank") != nullptr) take("--q-lora-rank", "q_lora_rank", 0);
  take("--kv-lora-rank", "kv_lora_rank", 32);
  take("--qk-head-dim", "qk_nope_head_dim", 128);
  take("--qk-pos-emb-head-dim", "qk_rope_head_dim", 64);
  take("--v-head-dim", "v_head_dim", 128);
  const auto bounded = [](std::int64_t n) { return std::clamp<std::int64_t>(n, 0, workload::kMaxWidth); };
  draft.set_count(
      "model.head_dim",
      bounded(flags.count("--qk-head-dim", 128)) + bounded(flags.count("--qk-pos-emb-head-dim", 64)), latent);
}

void take_positions(const Flags& flags, std::int64_t layers, Draft& draft) {
  if (const Flag* rope = flags.find("--use-rotary-position-embeddings"))
    draft.set_text("model.position", "rope", rope);
  const Flag* type = flags.find("--position-embedding-type");
  const bool learned =
      !draft.has("model.position") || (type != nullptr && only_value(*type) == "learned_absolute" &&
                                       !flags.on("--use-rotary-position-embeddings"));
  if (learned) {
    draft.set_text("model.position", "learned", type);
    if (const Flag* rows = flags.find("--max-position-embeddings"))
      draft.set_count("model.positions", count_of(*rows), rows);
    return;
  }
  const Flag* percent = flags.find("--rotary-percent");
  if (percent != nullptr && number_of(*percent) != 1 && !flags.on("--multi-latent-attention")) {
    const std::int64_t heads = std::max<std::int64_t>(1, flags.needed("--num-attention-heads"));
    const std::int64_t head = flags.count("--kv-channels", flags.needed("--hidden-size") / heads);
    const double share = number_of(*percent);
    if (share <= 0 || share > 1) fail(*percent, fmt::format("is {}, must be above 0 and at most 1", share));
    draft.set_count("model.rotary_dim", static_cast<std::int64_t>(static_cast<double>(head) * share),
                    percent);
  }
  if (const Flag* none = flags.find("--no-rope-freq"))
    draft.set_json("model.unrotated_layers", mask_text(layer_pattern(*none, layers, false)), none);
}

std::int64_t layers_of(const Flags& flags) {
  const std::int64_t layers = flags.needed("--num-layers");
  if (layers < 1 || layers > workload::kMaxLayers)
    fail(*flags.find("--num-layers"),
         fmt::format("is {}, must be from 1 to {}", layers, workload::kMaxLayers));
  return layers;
}

}  // namespace

void take_model(const Flags& flags, const Asked& asked, Draft& draft) {
  const std::int64_t layers = layers_of(flags);
  within_width(flags.find("--hidden-size"), flags.needed("--hidden-size"));
  flags.needed("--num-attention-heads");
  const Flag* norm = flags.find("--normalization");
  const bool rms = norm != nullptr && only_value(*norm) == "RMSNorm";
  draft.set_text("model.family",
                 flags.find("--num-experts") != nullptr ? "moe"
                 : rms                                  ? "llama"
                                                        : "gpt",
                 nullptr);
  draft.take(workload::megatron_names(), flags);
  const Width ffn = ffn_width(flags);
  draft.set_count("model.ffn_hidden", ffn.value, ffn.from);
  take_vocab(flags, asked, draft);
  draft.set_switch("model.gated_mlp", is_gated(flags),
                   flags.find(flags.on("--swiglu") ? "--swiglu" : "--quick-geglu"));
  if (!draft.has("model.tied_embeddings")) draft.set_switch("model.tied_embeddings", true);
  if (!draft.has("model.norm")) draft.set_text("model.norm", "layer_norm");
  take_positions(flags, layers, draft);
  take_attention(flags, layers, draft);
  take_latent(flags, draft);
  take_experts(flags, draft);
}

void take_experts(const Flags& flags, Draft& draft) {
  const Flag* experts = flags.find("--num-experts");
  if (experts == nullptr) return;
  draft.set_count("model.moe.experts", count_of(*experts), experts);
  const Flag* top_k = flags.find("--moe-router-topk");
  draft.set_count("model.moe.top_k", flags.count("--moe-router-topk", 2), top_k != nullptr ? top_k : experts);
  // An expert is as wide as the MLP where nothing is said.
  const Flag* own = flags.find("--moe-ffn-hidden-size");
  const Width width = own != nullptr ? Width{count_of(*own), own} : ffn_width(flags);
  const std::int64_t expert = within_width(width.from, width.value);
  draft.set_count("model.moe.expert_ffn", expert, width.from);
  if (const Flag* shared = flags.find("--moe-shared-expert-intermediate-size")) {
    if (count_of(*shared) % expert != 0)
      fail(*shared, fmt::format("is {}, must be a multiple of the width of an expert, which is {}",
                                count_of(*shared), expert));
    draft.set_count("model.moe.shared_experts", count_of(*shared) / expert, shared);
  }
  for (const auto& [name, key] : {std::pair("--moe-router-num-groups", "model.moe.groups"),
                                  {"--moe-router-group-topk", "model.moe.groups_per_token"}})
    if (const Flag* flag = flags.find(name)) draft.set_count(key, count_of(*flag), flag);
  if (const Flag* where = flags.find("--moe-layer-freq")) {
    std::vector<bool> dense = layer_pattern(*where, layers_of(flags), true);
    dense.flip();
    draft.set_json("model.moe.dense_layers", mask_text(dense), where);
  }
  if (const Flag* capacity = flags.find("--moe-expert-capacity-factor");
      capacity != nullptr && number_of(*capacity) > 0)
    draft.set_json("model.moe.capacity_factor", fmt::format("{}", number_of(*capacity)), capacity);
}

}  // namespace ds::convert::megatron
