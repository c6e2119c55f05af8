// Flags and job files of torchtitan.
#include <gmock/gmock.h>

#include "tests/simulator/convert/launches.h"

namespace ds::convert {
namespace {

using testing::HasSubstr;
using Stages = std::vector<std::vector<std::int64_t>>;

const std::string kLlama =
    "torchrun -m torchtitan.train --model.name llama3 --model.flavor 8B --training.local_batch_size 4 "
    "--training.seq_len 8192 "
    "--activation_checkpoint.mode none ";
workload::Job job(const std::string& flags, std::int64_t nodes = 1) {
  return job_of(convert_torchtitan(kLlama + flags, on_nodes(nodes)));
}
std::string refusal(const std::string& flags, std::int64_t nodes = 1) {
  return refusal_of([&] { convert_torchtitan(kLlama + flags, on_nodes(nodes)); });
}

TEST(TorchTitan, ShardsWithinAndCopiesAcross) {
  EXPECT_EQ(job("").plan.zero, 3);
  EXPECT_EQ(job("").plan.zero_group, 8);
  EXPECT_EQ(job("--parallelism.data_parallel_replicate_degree 2", 2).plan.zero_group, 8);
  EXPECT_EQ(job("--parallelism.data_parallel_replicate_degree 8 --parallelism.data_parallel_shard_degree 1")
                .plan.zero,
            0);
  EXPECT_EQ(job("--parallelism.fsdp_reshard_after_forward never").plan.zero, 2);
  EXPECT_THAT(refusal("--parallelism.data_parallel_shard_degree 3"),
              HasSubstr("1 copies x 3 shards must be the 8 ranks"));
}

TEST(TorchTitan, PipelinesKeepWeightsAndCutBatches) {
  const workload::Job pipeline =
      job("--parallelism.pipeline_parallel_degree 4 --parallelism.data_parallel_shard_degree 2");
  EXPECT_EQ(pipeline.plan.zero, 2);
  EXPECT_EQ(pipeline.plan.micro_batch, 1);
  EXPECT_EQ(pipeline.train.global_batch, 8);
  // 32 layers, embedding and head count as one each: 34 in 4 stages are 9, 9, 8, 8.
  EXPECT_EQ(pipeline.plan.stage_layers, (Stages{{8}, {9}, {8}, {7}}));
  EXPECT_THAT(refusal("--parallelism.pipeline_parallel_degree 4 --training.global_batch_size 16"),
              HasSubstr("a pipeline that drains 2 times a step"));
  EXPECT_THAT(
      refusal("--parallelism.pipeline_parallel_degree 4 --parallelism.pipeline_parallel_schedule DualPipeV"),
      HasSubstr("DualPipeV"));
}

/// Eight stages of 34 layers, 5, 5, 4 and so on, of which the embedding is the first and the head the last: rank r has the r-th and
/// the one as far from the end.
TEST(TorchTitan, ZeroBubbleVCutsEachRanksLayersInTwo) {
  const std::string four =
      "--parallelism.pipeline_parallel_degree 4 --parallelism.data_parallel_shard_degree 2 ";
  const workload::Plan plan = job(four + "--parallelism.pipeline_parallel_schedule ZBVZeroBubble").plan;
  EXPECT_EQ(plan.schedule, workload::Schedule::zb_v);
  EXPECT_EQ(plan.vpp, 1);
  EXPECT_EQ(plan.stage_layers, (Stages{{4, 3}, {5, 4}, {4, 4}, {4, 4}}));
  EXPECT_THAT(refusal(four + "--parallelism.pipeline_parallel_schedule ZBVZeroBubble "
                             "--parallelism.pipeline_parallel_layers_per_stage 3"),
              HasSubstr("must make two for each"));
}

TEST(TorchTitan, OffloadsWeightsWithTheirStates) {
  const workload::Plan plan = job("--training.enable_cpu_offload").plan;
  EXPECT_TRUE(plan.offload_optimizer);
  EXPECT_TRUE(plan.offload_weights);
}

TEST(TorchTitan, TokensOrSequences) {
  const std::string flags =
      "python -m torchtitan.train --module llama3 --config llama3_8b --training.max_context_length 8192 "
      "--training.num_tokens_per_microbatch_per_dp_rank 16384 --training.num_tokens_per_train_step 524288 "
      "--activation_checkpoint.mode full";
  const Conversion made = convert_torchtitan(flags, on_nodes(1));
  EXPECT_EQ(job_of(made).plan.micro_batch, 2);
  EXPECT_EQ(job_of(made).train.global_batch, 64);
  EXPECT_EQ(job_of(made).model.name, "llama3-8b");
  EXPECT_TRUE(
      has_note(made, "--config llama3_8b: what it sets and the command line does not is not seen here"));
}

TEST(TorchTitan, NamesAndSwitchesAsItsParserTakesThem) {
  EXPECT_EQ(job("--parallelism.tensor-parallel-degree 2").plan.tp, 2);
  EXPECT_FALSE(job("--parallelism.tensor-parallel-degree 2 --parallelism.no-enable-sequence-parallel")
                   .plan.sequence_parallel);
  EXPECT_FALSE(job("--parallelism.tensor-parallel-degree 2 --parallelism.enable_sequence_parallel False")
                   .plan.sequence_parallel);
  EXPECT_THAT(refusal("--parallelism.tensor_paralel_degree 2"),
              HasSubstr("did you mean --parallelism.tensor_parallel_degree?"));
}

TEST(TorchTitan, RecomputeIsAskedForWhereNobodySaysIt) {
  std::string without = kLlama;
  without.erase(without.find("--activation_checkpoint.mode none"));
  EXPECT_THAT(refusal_of([&] { convert_torchtitan(without, on_nodes(1)); }),
              HasSubstr("--activation_checkpoint.mode: is missing"));
  const auto recompute = [&](const std::string& flags) {
    return job_of(convert_torchtitan(without + "--activation_checkpoint.mode " + flags, on_nodes(1))).plan;
  };
  // Every other layer is what torchtitan does where no option says otherwise.
  EXPECT_EQ(recompute("selective").recompute_layers, 16);
  EXPECT_EQ(recompute("selective --activation_checkpoint.selective_ac_option op").recompute,
            workload::Recompute::selective);
}

TEST(TorchTitan, JobFiles) {
  const std::string file =
      "[model]\nname = \"llama3\"  # and\nflavor = '8B'\nconverters = "
      "[\"float8\"]\n[training]\nlocal_batch_size = 2\nseq_len = 8192\n"
      "[activation_checkpoint]\nmode = \"full\"\n";
  const workload::Plan plan = job_of(convert_torchtitan(file, on_nodes(1))).plan;
  EXPECT_EQ(plan.precision, workload::Precision::fp8);
  EXPECT_EQ(plan.micro_batch, 2);
  EXPECT_THAT(refusal_of([&] { convert_torchtitan(file + "x = {a = 1}\n", on_nodes(1)); }),
              HasSubstr("line 10: has \"{a = 1}\", which is more of TOML than is read"));
  EXPECT_THAT(refusal_of([&] { convert_torchtitan(file + "x = [1,\n2]\n", on_nodes(1)); }),
              HasSubstr("line 10"));
}

}  // namespace
}  // namespace ds::convert
