#pragma once
// Launches that tests write: a small model in Megatron-LM's flags, and what comes of it.

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "simulator/base/error.h"
#include "simulator/convert/convert.h"
#include "simulator/workload/workload.h"

namespace ds::convert {

inline const std::string kSmall =
    "--num-layers 8 --hidden-size 1024 --num-attention-heads 16 --seq-length 2048 --max-position-embeddings "
    "2048 "
    "--vocab-size 51200 --micro-batch-size 1 --global-batch-size 64 --bf16 ";

inline Asked on_nodes(std::int64_t nodes) {
  Asked asked;
  asked.file = "launch.sh";
  asked.node = "dgx-h100";
  asked.nodes = nodes;
  return asked;
}

/// The job, read.
inline workload::Job job_of(const Conversion& made) { return workload::read_job_text(made.job, "job"); }
inline workload::Job megatron_job(const std::string& flags, const Asked& asked = on_nodes(1)) {
  return job_of(convert_megatron(kSmall + flags, asked));
}

/// What is said where `convert` refuses; empty where it does not.
template <class Convert>
std::string refusal_of(Convert&& convert) {
  try {
    convert();
  } catch (const InputError& error) {
    return error.what();
  }
  return {};
}
inline std::string megatron_refusal(const std::string& flags, const Asked& asked = on_nodes(1)) {
  return refusal_of([&] { convert_megatron(kSmall + flags, asked); });
}

inline bool has_note(const Conversion& made, const std::string& part) {
  return std::ranges::any_of(made.notes,
                             [&](const std::string& note) { return note.find(part) != std::string::npos; });
}

}  // namespace ds::convert
