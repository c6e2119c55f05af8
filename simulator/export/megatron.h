#pragma once
// Private to the export of Megatron-LM: what its flags say of model and plan, one function a part of the job. Flags and their
// meaning: megatron/training/arguments.py and megatron/core/transformer/transformer_config.py at d98e8a64dd.

#include "simulator/export/arguments.h"
#include "simulator/export/export.h"
#include "simulator/workload/job.h"

namespace ds::exports::megatron {

void put_model(const workload::Job& plain, Writer& out);
void put_plan(const workload::Job& plain, Writer& out);
/// Precision, fusions, attention, CUDA graphs.
void put_kernels(const workload::Job& plain, Writer& out);

/// The job as Megatron-LM runs it where it does otherwise than was assumed of it: layers that are recomputed are in no CUDA graph.
workload::Job as_run(workload::Job plain);

/// What our reader takes and Megatron-LM itself refuses, of flags that stand side by side. Throws InputError.
void check_taken(const workload::Job& plain);

/// The launch, paths as variables.
Launch launch(const workload::Job& job, const Wish& wish);

}  // namespace ds::exports::megatron
