#pragma once
// Private to convert_megatron: what its flags say of model and plan, one function a part of the job.

#include <cstdint>
#include <string_view>

#include "simulator/convert/draft.h"
#include "simulator/convert/flags.h"

namespace ds::convert::megatron {

void take_model(const Flags& flags, const Asked& asked, Draft& draft);
/// The mixture of experts, if there is one.
void take_experts(const Flags& flags, Draft& draft);
/// Needs the cluster in the draft.
void take_training(const Flags& flags, const Asked& asked, Draft& draft);
void take_plan(const Flags& flags, const Asked& asked, Draft& draft);

struct Stages {
  std::int64_t chunks{1};   // of each stage
  std::int64_t longest{0};  // layers of the longest chunk
};
/// Layers of stages and chunks, which decide vpp as well.
Stages take_stages(const Flags& flags, const Asked& asked, Draft& draft);
/// Fusions, attention, CUDA graphs.
void take_kernels(const Flags& flags, const Asked& asked, Draft& draft);
void take_recompute(const Flags& flags, const Stages& stages, const Asked& asked, Draft& draft);

/// What of the launch cannot be said in a job: refused, or noted where asked.lenient.
void refuse(const Flag& flag, std::string_view what, const Asked& asked, Draft& draft);

}  // namespace ds::convert::megatron
