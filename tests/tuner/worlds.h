#pragma once
// Small jobs with small spaces: random shapes on a few CPU ranks, or on GPUs so small that some plans do not fit.

#include <fmt/format.h>

#include <string>

#include "simulator/base/random.h"
#include "simulator/workload/workload.h"

namespace ds::tuner {

inline constexpr std::uint64_t kWorlds = 24;

inline std::string world(std::uint64_t number) {
  const RandomStream draw(number, 7);
  const auto either = [&](std::uint64_t index, auto first, auto second) {
    return draw.below(2, index) == 0 ? first : second;
  };
  const int heads = either(0, 2, 4), hidden = heads * either(1, 8, 12), ranks = either(2, 2, 4);
  const std::string cluster =
      number % 2 == 0 ? fmt::format(R"({{"node": "localhost", "nodes": 1, "ranks": {}}})", ranks)
                      : fmt::format(R"({{"nodes": 1, "node": {{"gpu": "a100-sxm4-80g", "gpus_per_node": {},
               "usable_memory_bytes": {}, "intra": {{"kind": "nvswitch", "bytes_per_s": 3e11, "latency_s": 1e-6}}}}}})",
                                    ranks, 300'000 + 100'000 * draw.below(4, 3));
  return fmt::format(
      R"({{"model": {{"family": "{}", "layers": {}, "hidden": {}, "heads": {}, "ffn_hidden": {}, "vocab": 64}},
           "cluster": {}, "train": {{"sequence_length": 16, "global_batch": {}}}{}}})",
      either(4, "gpt", "llama"), 2 + draw.below(2, 5), hidden, heads, 2 * hidden, cluster, either(6, 4, 2),
      // Workspaces of libraries would be larger than all else.
      number % 2 == 0 ? "" : R"(, "software": {"base": "megatron-te", "workspaces": []})");
}

inline workload::Job parts_of(const std::string& text) {
  const Document document = parse_document(text, "job.json");
  return workload::read_job_parts(document);
}

}  // namespace ds::tuner
