// `model`: a preset's name, the path of a Hugging Face config.json, or an object.

#include <fmt/format.h>

#include "simulator/base/error.h"
#include "simulator/workload/family.h"
#include "simulator/workload/hf_config.h"
#include "simulator/workload/limits.h"
#include "simulator/workload/presets.h"
#include "simulator/workload/reader.h"
#include "simulator/workload/spellings.h"

namespace ds::workload {
namespace {

/// A number of leading layers, or a mask of one true or false (1 or 0) per layer.
std::vector<bool> read_mask(const Cursor& at, std::int64_t layers) {
  std::vector<bool> mask(static_cast<std::size_t>(layers), false);
  if (!at.is_list()) {
    const std::int64_t leading = at.count(0, kMaxLayers);
    if (leading > layers)
      at.fail(fmt::format("is {}, must not exceed model.layers, which is {}", leading, layers));
    for (std::int64_t i = 0; i < leading; ++i) mask[static_cast<std::size_t>(i)] = true;
    return mask;
  }
  const std::vector<Cursor> elements = at.list();
  if (std::ssize(elements) != layers)
    at.fail(fmt::format("has {} elements, must have one for each of model.layers, which is {}",
                        elements.size(), layers));
  for (std::size_t i = 0; i < elements.size(); ++i)
    mask[i] = elements[i].is_boolean() ? elements[i].boolean() : elements[i].count(0, 1) == 1;
  return mask;
}

Moe read_moe(const Cursor& at, std::int64_t layers, const Defaults& defaults) {
  at.only({"experts", "top_k", "expert_ffn", "shared_experts", "groups", "groups_per_token", "dense_layers",
           "capacity_factor", "skew", "router_bias", "shared_gate"});
  Moe moe;
  moe.experts = at.member("experts").count(1, kMaxExperts);
  moe.top_k = at.member("top_k").count(1, kMaxExperts);
  moe.expert_ffn = at.member("expert_ffn").count(1, kMaxWidth);
  if (const auto shared = at.find("shared_experts"))
    moe.shared_experts = shared->count(0, kMaxExperts);
  else
    defaults.assume(at.path() + ".shared_experts", "0", "default");
  if (const auto groups = at.find("groups")) moe.groups = groups->count(1, kMaxExperts);
  if (const auto used = at.find("groups_per_token"))
    moe.groups_per_token = used->count(1, kMaxExperts);
  else
    moe.groups_per_token = moe.groups;
  if (const auto dense = at.find("dense_layers")) {
    moe.dense_layers = read_mask(*dense, layers);
  } else {
    moe.dense_layers.assign(static_cast<std::size_t>(layers), false);
    defaults.assume(at.path() + ".dense_layers", "0", "default");
  }
  if (const auto capacity = at.find("capacity_factor"))
    moe.capacity_factor = capacity->positive();
  else
    defaults.assume(at.path() + ".capacity_factor", "dropless", "default");
  if (const auto skew = at.find("skew"))
    moe.skew = skew->real(1);
  else
    defaults.assume(at.path() + ".skew", "1", "default: experts are equally busy");
  if (const auto bias = at.find("router_bias")) moe.router_bias = bias->boolean();
  if (const auto gate = at.find("shared_gate")) moe.shared_gate = gate->boolean();
  return moe;
}

Mla read_mla(const Cursor& at, const Defaults& defaults) {
  at.only({"q_lora_rank", "kv_lora_rank", "qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim"});
  Mla mla;
  if (const auto rank = at.find("q_lora_rank"))
    mla.q_lora_rank = rank->count(1, kMaxWidth);
  else
    defaults.assume(at.path() + ".q_lora_rank", "0", "left out: the query is not compressed");
  mla.kv_lora_rank = at.member("kv_lora_rank").count(1, kMaxWidth);
  mla.qk_nope_head_dim = at.member("qk_nope_head_dim").count(1, kMaxWidth);
  mla.qk_rope_head_dim = at.member("qk_rope_head_dim").count(1, kMaxWidth);
  mla.v_head_dim = at.member("v_head_dim").count(1, kMaxWidth);
  return mla;
}

}  // namespace

namespace {

/// What has a default of its family: each is listed as assumed where it is left out.
void read_habits(const Cursor& at, Model& m, const Defaults& defaults) {
  const auto assumed = [&](const char* key, std::string_view value) {
    defaults.assume(join_path(at.path(), key), std::string(value), "default of the family");
  };
  const auto read_switch = [&](const char* key, bool& value) {
    if (const auto given = at.find(key))
      value = given->boolean();
    else
      assumed(key, value ? "true" : "false");
  };
  read_switch("gated_mlp", m.gated_mlp);
  read_switch("tied_embeddings", m.tied_embeddings);
  if (const auto position = at.find("position"))
    m.position = position->one_of(kPositions);
  else
    assumed("position", name_in(kPositions, m.position));
  if (const auto norm = at.find("norm"))
    m.norm = norm->one_of(kNorms);
  else
    assumed("norm", name_in(kNorms, m.norm));
  if (at.find("mla")) m.qkv_bias = false;  // DeepSeek's have none in any family
  read_switch("qkv_bias", m.qkv_bias);
  read_switch("projection_bias", m.projection_bias);
  read_switch("mlp_bias", m.mlp_bias);
}

/// What is not there where it is left out.
void read_extras(const Cursor& at, Model& m) {
  const auto read_word = [&](const char* key, const auto& words, auto& value) {
    if (const auto given = at.find(key)) value = given->one_of(words);
  };
  const auto read_switch = [&](const char* key, bool& value) {
    if (const auto given = at.find(key)) value = given->boolean();
  };
  const auto read_count = [&](const char* key, std::int64_t most, std::int64_t& value) {
    if (const auto given = at.find(key)) value = given->count(1, most);
  };
  read_word("norm_place", kNormPlaces, m.norm_place);
  read_word("residual", kResiduals, m.residual);
  read_word("qk_norm", kQkNorms, m.qk_norm);
  read_switch("head_bias", m.head_bias);
  read_switch("embedding_norm", m.embedding_norm);
  read_switch("final_norm", m.final_norm);
  read_switch("logit_cap", m.logit_cap);
  read_switch("attention_sinks", m.attention_sinks);
  read_count("positions", kMaxSequence, m.positions);
  read_count("token_types", kMaxWidth, m.token_types);
  read_count("rotary_dim", kMaxWidth, m.rotary_dim);
  read_count("embedding_width", kMaxWidth, m.embedding_width);
  read_count("window", kMaxSequence, m.window);
  if (const auto full = at.find("full_layers")) m.full_layers = read_mask(*full, m.layers);
  if (const auto unrotated = at.find("unrotated_layers"))
    m.unrotated_layers = read_mask(*unrotated, m.layers);
}

}  // namespace

bool names_a_file(std::string_view text) {
  return text.find('/') != std::string_view::npos || text.ends_with(".json");
}

Model read_model_object(const Cursor& at, const Defaults& defaults) {
  at.only({"family",
           "layers",
           "hidden",
           "heads",
           "kv_heads",
           "head_dim",
           "ffn_hidden",
           "vocab",
           "gated_mlp",
           "tied_embeddings",
           "position",
           "norm",
           "norm_place",
           "residual",
           "qk_norm",
           "qkv_bias",
           "projection_bias",
           "mlp_bias",
           "head_bias",
           "embedding_norm",
           "final_norm",
           "logit_cap",
           "attention_sinks",
           "positions",
           "token_types",
           "rotary_dim",
           "embedding_width",
           "window",
           "full_layers",
           "unrotated_layers",
           "moe",
           "mla",
           "mtp_layers"});
  Model m;
  m.name = "custom";
  take_habits_of(at.member("family").one_of(kFamilies), m);
  m.layers = at.member("layers").count(1, kMaxLayers);
  m.hidden = at.member("hidden").count(1, kMaxWidth);
  m.heads = at.member("heads").count(1, kMaxHeads);
  m.ffn_hidden = at.member("ffn_hidden").count(1, kMaxWidth);
  m.vocab = at.member("vocab").count(1, kMaxWidth);
  const auto assume = [&](const char* key, std::string value, const char* why) {
    defaults.assume(join_path(at.path(), key), std::move(value), why);
  };

  if (const auto kv = at.find("kv_heads")) {
    m.kv_heads = kv->count(1, kMaxHeads);
  } else {
    m.kv_heads = m.heads;
    assume("kv_heads", fmt::format("{}", m.kv_heads), "default: as heads");
  }
  if (const auto head_dim = at.find("head_dim")) {
    m.head_dim = head_dim->count(1, kMaxWidth);
    m.head_dim_given = true;
  } else {
    m.head_dim = std::max<std::int64_t>(1, m.hidden / m.heads);
    assume("head_dim", fmt::format("{}", m.head_dim), "default: hidden / heads");
  }
  read_habits(at, m, defaults);
  read_extras(at, m);
  if (const auto moe = at.find("moe")) m.moe = read_moe(*moe, m.layers, defaults);
  if (const auto mla = at.find("mla")) m.mla = read_mla(*mla, defaults);
  if (const auto mtp = at.find("mtp_layers"))
    m.mtp_layers = mtp->count(0, kMaxMtpLayers);
  else
    assume("mtp_layers", "0", "default");
  return m;
}

Model read_model(const Cursor& at, const std::filesystem::path& folder, const Defaults& defaults) {
  if (at.is_object()) return read_model_object(at, defaults);
  if (!at.is_text()) at.fail_value("a preset's name, the path of a config.json, or an object");
  const std::string name = at.text();
  if (names_a_file(name)) {
    try {
      Model model = read_hf_config(folder / name, defaults);
      model.name = name;
      return model;
    } catch (const InputError& error) {
      at.fail(error.what());
    }
  }
  const Document preset = preset_document(PresetKind::model, name, at);
  preset.root().only({"name", "source", "note", "model"});
  std::vector<Assumption> of_the_preset;  // its own defaults are part of the preset, not of the job
  Model model = read_model_object(preset.root().member("model"), Defaults(of_the_preset));
  model.name = name;
  return model;
}

}  // namespace ds::workload
