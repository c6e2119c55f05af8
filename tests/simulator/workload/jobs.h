#pragma once
// Small jobs for tests, and what reading them says.

#include <string>
#include <string_view>
#include <vector>

#include "simulator/base/error.h"
#include "simulator/workload/workload.h"

namespace ds::workload {

/// 8 layers of 40 heads on two nodes of 8 GPUs; every test changes what it is about with --set.
inline constexpr std::string_view kSmallJob = R"({
  "model": {"family": "gpt", "layers": 8, "hidden": 640, "heads": 40, "ffn_hidden": 2560, "vocab": 1000},
  "cluster": {"node": "dgx-a100-80g", "nodes": 2},
  "train": {"sequence_length": 256, "global_batch": 64},
  "plan": {"tp": 2, "pp": 2}
})";

inline Job small_job(const std::vector<std::string_view>& overrides = {}) {
  return read_job_text(kSmallJob, "job.json", overrides);
}

/// The message that reading gives, "" when the job is read.
inline std::string refusal(const std::vector<std::string_view>& overrides,
                           std::string_view text = kSmallJob) {
  try {
    read_job_text(text, "job.json", overrides);
  } catch (const InputError& error) {
    return error.what();
  }
  return {};
}

inline std::string assumed(const Job& job, std::string_view path) {
  for (const Assumption& assumption : job.assumptions)
    if (assumption.path == path) return assumption.value;
  return "(not assumed)";
}

}  // namespace ds::workload
