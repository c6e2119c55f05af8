#include "simulator/program/types.h"

#include "simulator/base/error.h"

namespace ds::program {

using workload::Job;

DataType storage_type(const Job& job) {
  switch (job.plan.precision) {
    case workload::Precision::fp64: return DataType::fp64;
    case workload::Precision::fp32: return DataType::fp32;
    case workload::Precision::fp16: return DataType::fp16;
    case workload::Precision::bf16: return DataType::bf16;
    case workload::Precision::tf32:
    case workload::Precision::fp8:
    case workload::Precision::dynamic: break;
  }
  ensure(false, "the precision is one that is supported");
  return DataType::fp32;
}

bool narrow(DataType type) { return type != DataType::fp64 && type != DataType::fp32; }

DataType gradient_type(const Job& job) {
  const DataType type = storage_type(job);
  return narrow(type) && job.habits.gradient_type == "fp32" ? DataType::fp32 : type;
}

}  // namespace ds::program
