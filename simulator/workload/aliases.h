#pragma once
// Keys as other programs name them, and where they stand here.

#include <string>
#include <string_view>

namespace ds::workload {

/// The path of the key that somebody means whose own path ends with that key ("-" for "_"): "plan.tp" for
/// train.tensor_model_parallel_size, as Megatron-LM, DeepSpeed and Hugging Face have it, or for train.tp. Empty where nobody names
/// a key so.
std::string path_meant_by(std::string_view path);

}  // namespace ds::workload
