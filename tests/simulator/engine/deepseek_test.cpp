// DeepSeek-V3 as it was trained, against what was published of it. No constant was fitted on these figures; what runs
// beside what follows the same profile (decision 025).
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "simulator/cost/cost.h"
#include "simulator/cost/machine.h"
#include "simulator/engine/engine.h"
#include "simulator/engine/price.h"
#include "simulator/workload/workload.h"

namespace ds::engine {
namespace {

/// Eight layers of it over two stages and 64 ranks that share experts out, which only DualPipe's pairs of chunks fill: so many
/// micro-batches more take so many pairs more.
double step_time(std::int64_t micro_batches, std::string_view dispatch) {
  const std::string text = fmt::format(
      R"({{"model": {{"family": "moe", "layers": 8, "hidden": 7168, "heads": 128, "kv_heads": 128, "head_dim": 192,
                     "ffn_hidden": 18432, "vocab": 1024, "gated_mlp": true, "tied_embeddings": false, "position": "rope",
                     "moe": {{"experts": 256, "top_k": 8, "expert_ffn": 2048, "shared_experts": 1, "groups": 8,
                             "groups_per_token": 4}},
                     "mla": {{"q_lora_rank": 1536, "kv_lora_rank": 512, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64,
                             "v_head_dim": 128}}}},
          "cluster": {{"node": "h800-8x", "nodes": 16, "fabric": "ib-ndr-fat-tree"}}, "software": "hai-llm",
          "train": {{"sequence_length": 4096, "global_batch": {}}},
          "plan": {{"tp": 1, "pp": 2, "dp": 64, "ep": 64, "zero": 1, "schedule": "dualpipe", "micro_batch": 1,
                   "precision": "fp8", "fp8_recipe": "block", "recompute": "selective", "dispatch": "{}"}}}})",
      64 * micro_batches, dispatch);
  const workload::Job job = workload::read_job_text(text, "job.json");
  static const cost::Profile none;
  const program::Program program = program::lower(job);
  return analyse(program, price(program, cost::Machine(job, none))).step_time.value;
}

/// A pair of chunks of four layers each, forward and backward: 129.0 ms in the authors' profile
/// (github.com/deepseek-ai/profile-data, train.json, balanced routing, no pipeline traffic).
TEST(DeepSeek, APairOfChunksTakesAsLongAsInItsPublishedProfile) {
  const double pair = (step_time(60, "hierarchical") - step_time(40, "hierarchical")) / 20;
  EXPECT_NEAR(pair, 0.1290, 0.1 * 0.1290);
  EXPECT_GT((step_time(60, "all_to_all") - step_time(40, "all_to_all")) / 20, pair);
}

}  // namespace
}  // namespace ds::engine
