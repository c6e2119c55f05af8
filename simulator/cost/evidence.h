#pragma once
// On what a prediction rests: published runs that are like the job, and how far predictions of them were off.
//
//   if (const auto evidence = evidence_of(job, Fitted::all)) ...   // 54 runs on h100-sxm5-80g, 4.2 % off on average
//
// profiles/evidence.json lists the runs (bench/fit writes it), each with three errors: with all constants that were fitted on
// whole steps; with constants fitted on the other sets of runs alone; with none.

#include <cstdint>
#include <optional>
#include <string>

#include "simulator/cost/fitted.h"
#include "simulator/workload/job.h"

namespace ds::cost {

/// What a published run can have in common with a job.
struct RunKind {
  std::string node, gpu, arch;  // names of presets; "" where a job describes its own
  int bits{16};                 // of the products: 8, 16, 32
  bool experts{};
  bool context{};  // context parallelism
  bool sharded{};  // weights in shards, as FSDP keeps them
  std::int64_t ranks{1};
};
RunKind run_kind(const workload::Job& job);

struct Evidence {
  std::string on;    // "dgx-h100", "GPUs of sm90", "any GPU"
  std::string like;  // "in 8 bits, with experts": what else the runs have in common with the job
  std::int64_t runs{};
  std::int64_t fewest_ranks{}, most_ranks{};
  double mean_error{};  // absolute, of step time; each set of runs weighs alike
  double sigma{};       // relative standard deviation that follows from the errors
  bool
      measured_there{};  // on that machine, whose constants were fitted on these runs; else on others like it
};

/// The runs that are most like the job, among enough to say something: on its machine, else its GPU, its family, any. None
/// on processors, whose operators were measured on the machine itself.
std::optional<Evidence> evidence_of(const workload::Job& job, Fitted level);

}  // namespace ds::cost
