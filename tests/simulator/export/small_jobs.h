#pragma once
// Small models on eight GPUs, as Megatron-LM's kind of software has them.

#include <fmt/format.h>

#include <string>

#include "simulator/workload/workload.h"
#include "tests/support/architectures.h"

namespace ds::exports {

inline constexpr const char* kMachine = R"({"node": "dgx-h100", "nodes": 1})";

/// `model`: JSON; `plan`: what stands behind its micro-batch.
inline workload::Job job_of(const std::string& model, const std::string& plan = "") {
  return workload::read_job_text(
      fmt::format(
          R"({{"model": {}, "cluster": {}, "train": {{"sequence_length": 8, "global_batch": 64}}, "plan": {{"micro_batch": 1{}}}}})",
          model, kMachine, plan),
      "");
}

inline workload::Job job_of(const support::Architecture& one) {
  const workload::Job small = support::small_job({.family = one.family,
                                                  .layers = 4,
                                                  .hidden = 64,
                                                  .heads = 4,
                                                  .kv_heads = 2,
                                                  .ffn = 128,
                                                  .vocab = 512,
                                                  .change = one.change});
  const Document document = parse_document(workload::write_job(small), "");
  return job_of(document.root().member("model").dump());
}

}  // namespace ds::exports
