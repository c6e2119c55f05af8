#pragma once
// How many parameters a model has, exact to the weight, without padding of the vocabulary.

#include <cstdint>

#include "simulator/workload/job.h"

namespace ds::workload {

/// All parameters. Families gpt and bert have biases, and layer norms with a bias; llama and moe have RMS norms and no
/// bias. Learned positions have `sequence_length` rows. bert counts the encoder and its masked-language head, without pooler.
std::int64_t parameters(const Model& model, std::int64_t sequence_length);

/// Those that one token meets: of the routed experts only top_k.
std::int64_t active_parameters(const Model& model, std::int64_t sequence_length);

}  // namespace ds::workload
