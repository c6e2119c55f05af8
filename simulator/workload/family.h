#pragma once
// What a family takes for granted where nothing else is said.

#include "simulator/workload/job.h"

namespace ds::workload {

/// Sets norm and biases, MLP, positions and tying: GPT-2's (Radford et al. 2019) for gpt and bert, LLaMA's (Touvron et al.
/// 2023) for llama and moe.
void take_habits_of(Family family, Model& model);

}  // namespace ds::workload
