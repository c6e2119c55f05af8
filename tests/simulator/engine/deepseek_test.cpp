// DeepSeek-V3 as it was trained, against what was published of it. No constant was fitted on these figures; what runs
// beside what follows the same profile (decision 025).
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "simulator/cost/cost.h"
#include "simulator/cost/machine.h"
#include "simulator/engine/engine.h"
#include "simulator/engine/predict.h"
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
  EXPECT_NEAR(pair, 0.1290, 0.07 * 0.1290);
  EXPECT_GT((step_time(60, "all_to_all") - step_time(40, "all_to_all")) / 20, pair);
}

/// It was trained on GPUs of 80 GB without cutting layers, 16 stages, 64 ranks that share experts out, ZeRO 1 (arXiv 2412.19437, section
/// 3.1), with all layers in stages of four but the last: what it keeps is what section 3.3.3 says.
TEST(DeepSeek, FitsIntoTheMemoryThatItWasTrainedIn) {
  const auto peak = [](std::string_view software) {
    const std::string text = fmt::format(
        R"({{"model": "deepseek-v3", "cluster": {{"node": "h800-8x", "nodes": 256}}, "software": {},
            "train": {{"sequence_length": 4096, "global_batch": 15360}},
            "plan": {{"tp": 1, "pp": 16, "dp": 128, "ep": 64, "zero": 1, "schedule": "dualpipe", "micro_batch": 1,
                     "precision": "fp8", "fp8_recipe": "block", "recompute": "selective",
                     "stage_layers": [4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 1]}}}})",
        software);
    const workload::Job job = workload::read_job_text(text, "job.json");
    static const cost::Profile none;
    return static_cast<double>(
        predict(job, cost::Machine(job, none), workload::Depth::analytic, Rows::none).peak.value);
  };
  // Weights in 16 bits with gradients in 32, states in 8 bytes a parameter, of each of 17 micro-batches and 4 layers 624 MB, and in the
  // middle what waits for gradients of weights; CUDA reports 84.9 GB of such a GPU.
  const double whole = peak(R"("hai-llm")");
  EXPECT_LT(whole, 82e9);
  EXPECT_GT(whole, 74e9);
  EXPECT_GT(peak(R"({"base": "hai-llm", "expert_probabilities": "results"})"), whole + 25e9);
  EXPECT_GT(peak(R"({"base": "hai-llm", "cache_bits": {"activation_inputs": 0}})"), whole + 6e9);
  EXPECT_GT(peak(R"({"base": "hai-llm", "cache_bits": {"attention_outputs": 0}})"), whole);
  EXPECT_GT(peak(R"({"base": "hai-llm", "moments": "fp32"})"), whole);
}

}  // namespace
}  // namespace ds::engine
