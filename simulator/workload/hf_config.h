#pragma once
// A model from a Hugging Face config.json: its model_type says which keys to read and what an absent key means.

#include <filesystem>

#include "simulator/workload/job.h"

namespace ds::workload {

class Defaults;

/// Reads the model types of hf_families.cpp. null counts as absent, as the files are not ours. A key that the family's row does
/// not know, and what the model leaves out, is said among the assumptions; an unknown model_type, or a shape that the model cannot
/// express, is an InputError.
Model read_hf_config(const std::filesystem::path& file, const Defaults& defaults);

}  // namespace ds::workload
