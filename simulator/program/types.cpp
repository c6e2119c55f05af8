#include "simulator/program/types.h"

#include <algorithm>

#include "simulator/base/error.h"

namespace ds::program {

using workload::Job;
using workload::ReducePrecision;

DataType storage_type(const Job& job) {
  switch (job.plan.precision) {
    case workload::Precision::fp64: return DataType::fp64;
    case workload::Precision::fp32:
    case workload::Precision::tf32:
      return DataType::fp32;  // factors of products alone are rounded, on their way
    case workload::Precision::fp16: return DataType::fp16;
    case workload::Precision::bf16:
    case workload::Precision::fp8: return DataType::bf16;  // products of layers alone are narrower
    case workload::Precision::dynamic: break;
  }
  ensure(false, "the precision is one that is supported");
  return DataType::fp32;
}

bool narrow(DataType type) { return type != DataType::fp64 && type != DataType::fp32; }

bool has_dummy_gradients(const Job& job) {
  return job.habits.dummy_weight_gradients && job.habits.allocator != "arena" &&
         gradient_type(job) != storage_type(job);
}

/// Megatron-LM turns --accumulate-allreduce-grads-in-fp32 on by itself in bf16 alone (arguments.py).
DataType gradient_type(const Job& job) {
  const DataType type = storage_type(job);
  const std::string& kept = type == DataType::fp16 ? job.habits.fp16_gradient_type : job.habits.gradient_type;
  const bool wide = kept == "fp32" && job.plan.reduce_precision != ReducePrecision::bf16;
  return narrow(type) && wide ? DataType::fp32 : type;
}

DataType reduce_type(const Job& job) {
  const DataType type = storage_type(job);
  const bool wide =
      job.plan.reduce_precision == ReducePrecision::fp32 ||
      (job.plan.reduce_precision == ReducePrecision::software && job.habits.reduce_type == "fp32" &&
       (type != DataType::fp16 || job.habits.fp16_gradient_type == job.habits.gradient_type));
  return narrow(type) && wide ? DataType::fp32 : gradient_type(job);
}

DataType master_type(const Job& job) {
  const DataType type = storage_type(job);
  return narrow(type) ? DataType::fp32 : type;
}

DataType moment_type(const Job& job) {
  return narrow(storage_type(job)) && job.habits.narrow_moments ? DataType::bf16 : master_type(job);
}

}  // namespace ds::program
