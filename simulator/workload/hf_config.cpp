// Goes through a config.json by its family's row.
#include "simulator/workload/hf_config.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <ranges>
#include <set>

#include "simulator/base/json.h"
#include "simulator/base/nearest.h"
#include "simulator/workload/aliases.h"
#include "simulator/workload/family.h"
#include "simulator/workload/hf_families.h"
#include "simulator/workload/limits.h"
#include "simulator/workload/misspelt.h"
#include "simulator/workload/reader.h"

namespace ds::workload {
namespace {

/// "a|b" or "a b", one after the other.
template <class Fn>
void for_each_word(std::string_view words, char between, Fn&& fn) {
  while (!words.empty()) {
    const std::size_t end = std::min(words.find(between), words.size());
    fn(words.substr(0, end));
    words.remove_prefix(std::min(end + 1, words.size()));
  }
}

bool has_word(std::string_view words, char between, std::string_view one) {
  bool has = false;
  for_each_word(words, between, [&](std::string_view word) { has = has || word == one; });
  return has;
}

/// Types of models whose layers have what no operator here computes.
struct Unmodelled {
  std::string_view types;  // apart by spaces
  std::string_view what;
};
constexpr Unmodelled kUnmodelled[] = {
    {"qwen3_next qwen3_5_text qwen3_5_moe_text kimi_linear", "linear attention (gated delta nets)"},
    {"mamba mamba2 falcon_mamba falcon_h1 jamba bamba zamba zamba2 nemotron_h granitemoehybrid",
     "state-space layers"},
    {"lfm2 lfm2_moe", "convolutions in the place of attention"},
    {"minimax", "linear attention"},
    {"recurrent_gemma rwkv", "recurrent layers"},
    {"t5 mt5 bart mbart pegasus marian whisper", "an encoder beside its decoder"},
};

void refuse_unmodelled(const Cursor& type, std::string_view name) {
  for (const Unmodelled& one : kUnmodelled)
    for_each_word(one.types, ' ', [&](std::string_view word) {
      if (word == name)
        type.fail(fmt::format("is {}, which is not supported yet: its models have {}", pretty(type.value()),
                              one.what),
                  "models of attention and MLPs or experts alone are");
    });
}

const HfFamily& family_of(const Cursor& config) {
  constexpr std::string_view kRead[] = {"model_type", "text_config"};
  if (!config.find_not_null(kRead[0])) refuse_misspelt(config, kRead);
  const Cursor type = config.member("model_type");
  const std::string name = type.text();
  for (const HfFamily& family : hf_families())
    if (family.type == name) return family;
  refuse_unmodelled(type, name);
  for (const HfFamily& family : hf_families())
    if (is_slip(name, family.type))
      type.fail(fmt::format("is {}, which no family of models is called", pretty(type.value())),
                fmt::format("did you mean {}?", family.type));
  std::vector<std::string_view> known;
  for (const HfFamily& family : hf_families()) known.push_back(family.type);
  type.fail(fmt::format("is {}, which is not supported yet", pretty(type.value())),
            fmt::format("{} are; others can be described as an object in the job", listed(known)));
}

/// Keys of a config, and those that have been looked for.
class Reading {
 public:
  Reading(const Cursor& at, HfDraft& draft) : at_(at), draft_(draft) {}

  /// A key that nobody reads and that is another way to write one which is read and not there: what it says would be lost.
  void refuse_misspelt(const HfFamily& family) const {
    std::vector<HfKey> keys(family.keys.begin(), family.keys.end());
    if (family.llama_keys) keys.insert(keys.end(), hf_llama_keys().begin(), hf_llama_keys().end());
    for (const auto& [name, value] : at_.members()) {
      if (value.is_null() || is_silent_in_all(name) || has_word(family.silent, ' ', name)) continue;
      if (std::ranges::any_of(keys, [&](const HfKey& key) { return has_word(key.names, '|', name); }))
        continue;
      for (const HfKey& key : keys)
        if (const std::string_view meant = meant_by(name, key); !meant.empty())
          value.fail(std::string(kUnknownKey), fmt::format("did you mean {}?", meant));
    }
  }

  void read(std::span<const HfKey> keys) {
    for (const HfKey& key : keys) {
      std::optional<Cursor> found;
      std::string_view first;
      for_each_word(key.names, '|', [&](std::string_view name) {
        if (first.empty()) first = name;
        // A family's own meaning of a key goes before LLaMA's.
        if (!known_.insert(std::string(name)).second) return;
        const std::optional<Cursor> one = at_.find_not_null(name);
        if (one && found && one->dump() != found->dump())
          one->fail(
              fmt::format("is {}, and under another name {}", pretty(one->value()), pretty(found->value())),
              "leave one out");
        if (!found) found = one;
      });
      if (found)
        key.read(draft_, *found);
      else if (key.needed != nullptr && draft_.model.*key.needed == 0)
        at_.member(first).count();
    }
  }

  /// What is there and nobody has read.
  void say_rest(const HfFamily& family, const Defaults& defaults) {
    for_each_word(family.silent, ' ', [&](std::string_view name) { known_.insert(std::string(name)); });
    std::vector<std::string> unknown, dropouts;
    for (const auto& [key, value] : at_.members()) {
      if (value.is_null() || known_.contains(key) || is_silent_in_all(key)) continue;
      if (key.find("drop") == std::string::npos)
        unknown.push_back(key);
      else if (!value.is_number() || value.real() != 0)
        dropouts.push_back(key);
    }
    const auto say = [&](const std::vector<std::string>& keys, const char* why) {
      if (!keys.empty()) defaults.assume("model", fmt::format("without {}", fmt::join(keys, ", ")), why);
    };
    say(unknown, "not known of this model_type: taken to change neither shape nor cost");
    say(dropouts, "plan.dropout says what is dropped");
    if (!family.said.empty()) defaults.assume("model", std::string(family.type), std::string(family.said));
  }

 private:
  /// The name under which `key` would be read, where it is missing and `name` stands for it.
  std::string_view meant_by(const std::string& name, const HfKey& key) const {
    const std::string path = path_meant_by(name);
    std::string_view meant;
    bool there = false;
    for_each_word(key.names, '|', [&](std::string_view one) {
      there = there || at_.find_not_null(one).has_value();
      if (is_misspelt(name, one) || (!path.empty() && path == path_meant_by(one)))
        meant = meant.empty() ? one : meant;
    });
    return there ? std::string_view() : meant;
  }

  const Cursor& at_;
  HfDraft& draft_;
  std::set<std::string, std::less<>> known_;
};

std::vector<bool> last_of_each(std::int64_t layers, std::int64_t every) {
  std::vector<bool> mask(static_cast<std::size_t>(layers));
  for (std::int64_t layer = 0; layer < layers; ++layer)
    mask[static_cast<std::size_t>(layer)] = (layer + 1) % every == 0;
  return mask;
}

void complete_masks(HfDraft& d) {
  Model& m = d.model;
  if (!d.window_in_use) m.window = 0;
  if (m.full_layers.empty() && d.first_windowed > 0) {
    m.full_layers.assign(static_cast<std::size_t>(m.layers), false);
    std::fill_n(m.full_layers.begin(), std::min(d.first_windowed, m.layers), true);
  }
  if (m.full_layers.empty() && d.full_every > 0) m.full_layers = last_of_each(m.layers, d.full_every);
  if (d.rotates_all_but_every > 0) m.unrotated_layers = last_of_each(m.layers, d.rotates_all_but_every);
  if (!d.full_layers_rotate) m.unrotated_layers = m.full_layers;
  // Masks that say the same of all layers are none.
  const auto all = [](const std::vector<bool>& mask, bool value) {
    return std::ranges::all_of(mask, [&](bool one) { return one == value; });
  };
  if (m.window > 0 && !m.full_layers.empty() && all(m.full_layers, true)) m.window = 0;
  if (m.window == 0 || all(m.full_layers, false)) m.full_layers.clear();
  if (all(m.unrotated_layers, false)) m.unrotated_layers.clear();
}

/// DeepSeek counts leading dense layers and takes every moe_layer_freq-th after them; Qwen takes every
/// decoder_sparse_step-th layer, except those in mlp_only_layers.
void complete_experts(HfDraft& d, Moe& moe, const Cursor& at) {
  if (moe.experts == 0) at.member("num_experts").count();
  if (moe.top_k == 0) at.member("num_experts_per_tok").count();
  if (moe.expert_ffn == 0) moe.expert_ffn = d.model.ffn_hidden;
  if (const std::int64_t shared = d.shared_width.value_or(moe.shared_experts * moe.expert_ffn);
      shared % moe.expert_ffn == 0)
    moe.shared_experts = shared / moe.expert_ffn;
  else
    at.member("shared_expert_intermediate_size")
        .fail(fmt::format("is {}, must be a multiple of moe_intermediate_size, which is {}", shared,
                          moe.expert_ffn));
  moe.shared_gate = moe.shared_gate && moe.shared_experts > 0;
  for (std::int64_t i = 0; i < d.model.layers; ++i)
    moe.dense_layers.push_back(i < d.leading_dense || i % d.experts_every != 0 ||
                               (i + 1) % d.experts_last_of != 0 ||
                               std::ranges::find(d.dense_layers, i) != d.dense_layers.end());
}

void complete_latent(HfDraft& d, const Mla& a, const Cursor& at) {
  for (const auto& [key, size] : {std::pair("kv_lora_rank", a.kv_lora_rank),
                                  {"qk_nope_head_dim", a.qk_nope_head_dim},
                                  {"qk_rope_head_dim", a.qk_rope_head_dim},
                                  {"v_head_dim", a.v_head_dim}})
    if (size == 0) at.member(key).count();
  d.model.kv_heads = d.model.heads;
}

void complete(HfDraft& d, const HfFamily& family, const Cursor& at) {
  Model& m = d.model;
  if (m.ffn_hidden == 0 && !family.llama_keys) m.ffn_hidden = 4 * m.hidden;
  if (m.ffn_hidden == 0 && m.moe) m.ffn_hidden = m.moe->expert_ffn;
  if (m.ffn_hidden == 0) at.member("intermediate_size").count();
  if (m.kv_heads == 0) m.kv_heads = m.heads;
  if (m.head_dim == 0) m.head_dim = std::max<std::int64_t>(1, m.hidden / m.heads);
  if (m.embedding_width == m.hidden) m.embedding_width = 0;
  if (d.rotary_share < 1)
    m.rotary_dim = static_cast<std::int64_t>(d.rotary_share * static_cast<double>(m.head_dim));
  if (m.position == Position::rope && d.rotary_share < 1 && m.rotary_dim == 0) m.position = Position::none;
  complete_masks(d);
  if (m.mla) complete_latent(d, *m.mla, at);
  if (m.moe) complete_experts(d, *m.moe, at);
}

}  // namespace

Model read_hf_config(const std::filesystem::path& file, const Defaults& defaults) {
  const Document document = read_document(file);
  Cursor at = document.root();
  // Multimodal files keep the language model in an object of its own.
  if (const auto text = at.find_not_null("text_config")) {
    at = *text;
    defaults.assume("model", "text_config",
                    "the language model alone: what reads images or sound is left out");
  }
  const HfFamily& family = family_of(at);
  HfDraft draft;
  take_habits_of(family.family, draft.model);
  if (family.start != nullptr) family.start(draft);
  Reading reading(at, draft);
  reading.refuse_misspelt(family);
  reading.read(family.keys);
  if (family.llama_keys) reading.read(hf_llama_keys());
  complete(draft, family, at);
  reading.say_rest(family, defaults);
  return draft.model;
}

}  // namespace ds::workload
