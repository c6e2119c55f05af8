#pragma once
// The number formats that a plan's precision means.

#include <string_view>

#include "simulator/base/data_type.h"
#include "simulator/workload/job.h"

namespace ds::program {

/// Of weights and activations. The precision is one of those that workload::first_unsupported lets through.
DataType storage_type(const workload::Job& job);
/// Below fp32: the optimizer keeps a copy of its own.
bool narrow(DataType type);
/// As the software keeps gradients: in fp32, or as narrow as training.
DataType gradient_type(const workload::Job& job);
/// In which gradients travel between ranks that each keep a shard of them.
DataType reduce_type(const workload::Job& job);
/// Whether gradients of weights have companions in the working precision, which nothing reads.
bool has_dummy_gradients(const workload::Job& job);
/// Of what the optimizer updates.
DataType master_type(const workload::Job& job);
/// Of what it remembers of gradients.
DataType moment_type(const workload::Job& job);

}  // namespace ds::program
