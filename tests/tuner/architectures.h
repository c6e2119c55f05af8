#pragma once
// Jobs of every architecture on GPUs, whose plans are searched.

#include <string>

#include "simulator/workload/workload.h"
#include "tests/support/architectures.h"

namespace ds::tuner {

/// Twelve layers on two nodes.
inline workload::Job parts_of(const support::Architecture& one) {
  const std::string family =
      one.family == workload::Family::gpt ? "gpt" : "llama";  // experts come with the change
  const Document document = parse_document(
      R"({"model": {"family": ")" + family + R"(", "layers": 12, "hidden": 64, "heads": 8, "ffn_hidden": 200,
                    "vocab": 1000},
          "cluster": {"node": "dgx-a100-80g", "nodes": 2},
          "train": {"sequence_length": 64, "global_batch": 96}})",
      "job.json");
  workload::Job job = workload::read_job_parts(document);
  one.change(job.model);
  if (job.model.positions > 0) job.model.positions += job.train.sequence_length;
  return job;
}

}  // namespace ds::tuner
