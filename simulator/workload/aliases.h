#pragma once
// Keys as other programs name them, and where they stand here.

#include <string>
#include <string_view>

namespace ds::workload {

/// The path of the key that somebody means who writes `key` (any place, "-" for "_"): "plan.tp" for tensor_model_parallel_size,
/// as Megatron-LM, DeepSpeed and Hugging Face have it, or for tp outside of the plan. Empty where nobody names a key so.
std::string path_meant_by(std::string_view key);

}  // namespace ds::workload
