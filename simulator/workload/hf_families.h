#pragma once
// What config.json files of the Hugging Face hub say, family by family: one table. Private to hf_config.cpp.

#include <cstdint>
#include <span>
#include <string_view>

#include "simulator/base/json.h"
#include "simulator/workload/job.h"

namespace ds::workload {

/// A model while its config is read: some keys say something only together with others.
struct HfDraft {
  Model model;
  double rotary_share{1};                 // of head_dim
  bool window_in_use{true};               // some files give a width and switch it off
  std::int64_t first_windowed{0};         // layers before it see all
  std::int64_t full_every{0};             // the last of each so many layers sees all; 0: the masks say
  std::int64_t rotates_all_but_every{0};  // the last of each so many layers does not rotate
  bool full_layers_rotate{true};
  std::int64_t leading_dense{0};             // layers before it have no experts
  std::int64_t experts_every{1};             // of those behind, that whose number is a multiple of it
  std::int64_t experts_last_of{1};           // and which is the last of each so many
  std::vector<std::int64_t> dense_layers;    // and is none of these
  std::optional<std::int64_t> shared_width;  // of all shared experts together
};

/// A key of a config. `names`: under which it is known, the first one there is read ("n_layer|num_hidden_layers").
struct HfKey {
  std::string_view names;
  void (*read)(HfDraft&, const Cursor&);
  std::int64_t Model::* needed{nullptr};  // the key may not be missing, where nothing else has said this
};

/// A model_type. Keys are read in this order: those of its own, then those of LLaMA, where it has them.
struct HfFamily {
  std::string_view type;
  Family family{};
  void (*start)(HfDraft&){nullptr};  // what is so in all its models, and what absent keys mean
  std::span<const HfKey> keys;
  bool llama_keys{true};
  std::string_view silent;  // further keys that change neither shape nor cost, apart by spaces
  std::string_view said;    // what no key tells and the prediction leaves out
};

/// All families. Source: configuration and modelling files of github.com/huggingface/transformers.
std::span<const HfFamily> hf_families();
/// Keys that most families have: LLaMA's.
std::span<const HfKey> hf_llama_keys();
/// Whether a key changes neither shape nor cost in any family.
bool is_silent_in_all(std::string_view key);

}  // namespace ds::workload
