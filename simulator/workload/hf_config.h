#pragma once
// A model from a Hugging Face config.json: its model_type says which keys to read and what an absent key means.

#include <filesystem>

#include "simulator/workload/job.h"

namespace ds::workload {

/// Reads gpt2, gpt_neox, opt, bert, llama, mistral, qwen2, qwen3, phi3, gemma, qwen2_moe, qwen3_moe, mixtral,
/// deepseek_v2 and deepseek_v3. Unknown keys are ignored and null counts as absent, as the files are not ours; an
/// unknown model_type, or a shape that the model cannot express, is an InputError.
Model read_hf_config(const std::filesystem::path& file);

}  // namespace ds::workload
