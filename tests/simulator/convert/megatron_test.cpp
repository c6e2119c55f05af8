// What Megatron-LM's flags and their absence say.
#include <gmock/gmock.h>

#include "tests/simulator/convert/launches.h"

namespace ds::convert {
namespace {

using testing::HasSubstr;
using Stages = std::vector<std::vector<std::int64_t>>;

TEST(Megatron, DefaultsAreThoseOfItsArguments) {
  const workload::Job job = megatron_job("");
  EXPECT_FALSE(job.model.gated_mlp);
  EXPECT_TRUE(job.model.tied_embeddings);
  EXPECT_TRUE(job.model.qkv_bias && job.model.projection_bias && job.model.mlp_bias);
  EXPECT_EQ(job.model.position, workload::Position::learned);
  EXPECT_EQ(job.model.norm, workload::Norm::layer);
  EXPECT_EQ(job.model.ffn_hidden, 4096);
  EXPECT_EQ(job.plan.zero, 0);
  EXPECT_EQ(job.plan.dropout, 0.1);
  EXPECT_EQ(job.plan.overlap, workload::Overlap{});
  EXPECT_EQ(job.software, "megatron-te");
  // Two thirds of 4 x 1024, down to a multiple of 64.
  EXPECT_EQ(megatron_job("--swiglu").model.ffn_hidden, 2688);
}

TEST(Megatron, HalfPrecisionHasToBeAskedFor) {
  std::string without = kSmall;
  without.erase(without.find("--bf16"));
  EXPECT_EQ(job_of(convert_megatron(without, on_nodes(1))).plan.precision, workload::Precision::fp32);
  EXPECT_EQ(megatron_job("").plan.precision, workload::Precision::bf16);
  EXPECT_THAT(megatron_refusal("--fp16"), HasSubstr("stands beside --bf16"));
  const workload::Plan plan = megatron_job("--fp8-format hybrid --fp8-recipe blockwise").plan;
  EXPECT_EQ(plan.precision, workload::Precision::fp8);
  EXPECT_EQ(plan.fp8_recipe, "block");
}

TEST(Megatron, SequenceParallelismIsForTensorParallelRanks) {
  EXPECT_FALSE(megatron_job("--sequence-parallel").plan.sequence_parallel);
  EXPECT_FALSE(megatron_job("--tensor-model-parallel-size 2").plan.sequence_parallel);
  EXPECT_TRUE(megatron_job("--tensor-model-parallel-size 2 --sequence-parallel").plan.sequence_parallel);
}

TEST(Megatron, ChunksOverlapTheirSendsUnlessToldNotTo) {
  const std::string two = "--pipeline-model-parallel-size 2 --num-layers-per-virtual-pipeline-stage 2 ";
  EXPECT_EQ(megatron_job(two).plan.vpp, 2);
  EXPECT_TRUE(megatron_job(two).plan.overlap.p2p);
  EXPECT_FALSE(megatron_job(two + "--no-overlap-p2p-communication").plan.overlap.p2p);
  EXPECT_FALSE(megatron_job("--pipeline-model-parallel-size 2").plan.overlap.p2p);
}

TEST(Megatron, InputsOfActivationsWaitInEightBitsWhereAskedTo) {
  const workload::Job job = megatron_job("--activation-func-fp8-input-store");
  EXPECT_EQ(job.software, "megatron-te");
  EXPECT_EQ(job.habits.activation_input_bits, 8);
  const workload::Job plain = megatron_job("");
  EXPECT_EQ(plain.habits.activation_input_bits, 0);
  const workload::Job both = megatron_job("--activation-func-fp8-input-store --deterministic-mode");
  EXPECT_EQ(both.habits.activation_input_bits, 8);
  EXPECT_GE(both.habits.workspace_bytes, plain.habits.workspace_bytes);
}

TEST(Megatron, UnevenStages) {
  const std::string four = "--pipeline-model-parallel-size 4 ";
  EXPECT_EQ(megatron_job(four + "--decoder-first-pipeline-num-layers 1 --decoder-last-pipeline-num-layers 1")
                .plan.stage_layers,
            (Stages{{1}, {3}, {3}, {1}}));
  EXPECT_EQ(
      megatron_job("--pipeline-model-parallel-size 4 --pipeline-model-parallel-layout 'Ett*2|t*2|t|ttL'")
          .plan.stage_layers,
      (Stages{{3}, {2}, {1}, {2}}));
  EXPECT_EQ(megatron_job("--pipeline-model-parallel-size 2 --pipeline-model-parallel-layout 'Et|tt|t*3|ttL'")
                .plan.stage_layers,
            (Stages{{1, 3}, {2, 2}}));
  EXPECT_THAT(megatron_refusal(four + "--pipeline-model-parallel-layout 'Et|tL'"),
              HasSubstr("has 2 stages, must have a multiple"));
}

/// What Megatron-LM refuses is predicted, and said.
TEST(Megatron, ChunksThatAreNotAlike) {
  const auto converted = [](const std::string& flags, std::int64_t nodes) {
    return convert_megatron(kSmall + flags, on_nodes(nodes));
  };
  const Conversion ends =
      converted("--pipeline-model-parallel-size 4 --decoder-first-pipeline-num-layers 1", 1);
  EXPECT_EQ(job_of(ends).plan.stage_layers, (Stages{{1}, {2}, {3}, {2}}));
  EXPECT_TRUE(
      has_note(ends, "Megatron-LM refuses --pipeline-model-parallel-size 4, as 3 does not divide the 7"));
  const Conversion three = converted("--pipeline-model-parallel-size 3", 3);
  EXPECT_EQ(job_of(three).plan.stage_layers, (Stages{{3}, {3}, {2}}));
  EXPECT_TRUE(has_note(three, "as 3 does not divide the 8 layers"));
  // Stages of four layers, in chunks of three at most.
  const Conversion chunks =
      converted("--pipeline-model-parallel-size 2 --num-layers-per-virtual-pipeline-stage 3", 1);
  EXPECT_EQ(job_of(chunks).plan.vpp, 2);
  EXPECT_TRUE(has_note(chunks, "Megatron-LM refuses --num-layers-per-virtual-pipeline-stage 3"));
  const Conversion thirds =
      converted("--pipeline-model-parallel-size 2 --num-virtual-stages-per-pipeline-rank 3", 1);
  EXPECT_EQ(job_of(thirds).plan.stage_layers, (Stages{{1, 1, 2}, {2, 1, 1}}));
  EXPECT_TRUE(has_note(thirds, "as 3 does not divide the 4 layers of a stage"));
  EXPECT_FALSE(has_note(converted("--pipeline-model-parallel-size 2", 1), "refuses"));
  EXPECT_THAT(megatron_refusal("--pipeline-model-parallel-size 2 --num-layers-per-virtual-pipeline-stage 5"),
              HasSubstr("must be from 1 to the 4 layers of a stage"));
}

TEST(Megatron, EmbeddingAndLossMayCountAsLayers) {
  std::string six = kSmall;
  six.replace(six.find("--num-layers 8"), 14, "--num-layers 6");
  const std::string flags =
      " --pipeline-model-parallel-size 4 --account-for-embedding-in-pipeline-split "
      "--account-for-loss-in-pipeline-split";
  EXPECT_EQ(job_of(convert_megatron(six + flags, on_nodes(1))).plan.stage_layers,
            (Stages{{1}, {2}, {2}, {1}}));
}

TEST(Megatron, Recompute) {
  EXPECT_EQ(megatron_job("--recompute-activations").plan.recompute, workload::Recompute::selective);
  EXPECT_EQ(megatron_job("--recompute-granularity full --recompute-method uniform --recompute-num-layers 1")
                .plan.recompute,
            workload::Recompute::full);
  EXPECT_EQ(megatron_job("--recompute-granularity full --recompute-method block --recompute-num-layers 8")
                .plan.recompute,
            workload::Recompute::full);
  EXPECT_THAT(megatron_refusal("--recompute-granularity full"), HasSubstr("needs --recompute-method"));
  EXPECT_THAT(
      megatron_refusal("--recompute-granularity full --recompute-method uniform --recompute-num-layers 2"),
      HasSubstr("several layers that are recomputed as one"));
  const workload::Plan plan =
      megatron_job("--recompute-granularity selective --recompute-modules mlp layernorm").plan;
  EXPECT_EQ(plan.recompute, workload::Recompute::modules);
  EXPECT_EQ(plan.recompute_modules, set_of(workload::Module::mlp) | set_of(workload::Module::layernorm));
  EXPECT_THAT(megatron_refusal("--recompute-granularity selective --recompute-modules mlps"),
              HasSubstr("did you mean mlp"));
}

TEST(Megatron, Offloading) {
  EXPECT_EQ(megatron_job("--cpu-offloading-num-layers 3").plan.offload_activations, 3);
  EXPECT_TRUE(megatron_job("--use-distributed-optimizer --optimizer-cpu-offload").plan.offload_optimizer);
  const workload::Plan part =
      megatron_job("--use-distributed-optimizer --optimizer-cpu-offload --optimizer-offload-fraction 0.4")
          .plan;
  EXPECT_TRUE(part.offload_optimizer);
  EXPECT_EQ(part.offloaded_states, 400'000);
}

TEST(Megatron, Sharding) {
  EXPECT_EQ(megatron_job("--use-distributed-optimizer").plan.zero, 1);
  EXPECT_EQ(megatron_job("--use-megatron-fsdp --data-parallel-sharding-strategy optim_grads").plan.zero, 2);
  EXPECT_EQ(megatron_job("--use-megatron-fsdp").plan.zero, 3);
  EXPECT_EQ(megatron_job("--use-torch-fsdp2 --torch-fsdp2-no-reshard-after-forward").plan.zero, 2);
  EXPECT_EQ(
      megatron_job("--use-distributed-optimizer --num-distributed-optimizer-instances 4").plan.zero_group, 2);
  EXPECT_THAT(megatron_refusal("--use-distributed-optimizer --num-distributed-optimizer-instances 3"),
              HasSubstr("must divide the 8 ranks"));
}

TEST(Megatron, TheMachineIsSaidByTheLauncherOrBesideIt) {
  Asked asked = on_nodes(1);
  asked.nodes.reset();
  EXPECT_EQ(
      job_of(convert_megatron("torchrun --nnodes=2 --nproc_per_node 8 pretrain_gpt.py " + kSmall, asked))
          .cluster.ranks(),
      16);
  EXPECT_EQ(job_of(convert_megatron(
                       "WORLD_SIZE=$((8*4))\ntorchrun --nproc-per-node 8 pretrain_gpt.py " + kSmall, asked))
                .cluster.ranks(),
            32);
  EXPECT_EQ(job_of(convert_megatron("#SBATCH --nodes=4\nsrun python pretrain_gpt.py " + kSmall, asked))
                .cluster.ranks(),
            32);
  EXPECT_EQ(refusal_of([&] { convert_megatron(kSmall, asked); }),
            "--nodes: is missing: the launch does not say how many there are");
  EXPECT_THAT(refusal_of([&] { convert_megatron("torchrun --nnodes $N pretrain_gpt.py " + kSmall, asked); }),
              HasSubstr("nothing here sets $N"));
  EXPECT_THAT(refusal_of([&] {
                convert_megatron("torchrun --nnodes 2 --nproc_per_node 4 pretrain_gpt.py " + kSmall, asked);
              }),
              HasSubstr("dgx-h100 has 8 GPUs, the launch starts 4 ranks a node"));
  asked.node.clear();
  EXPECT_THAT(refusal_of([&] { convert_megatron(kSmall, asked); }), HasSubstr("--node: is missing"));
}

TEST(Megatron, TheModelMayBeNamedBesideTheLaunch) {
  Asked asked = on_nodes(4);
  asked.model = "llama3-8b";
  const Conversion made = convert_megatron(
      "--micro-batch-size 1 --global-batch-size 64 --seq-length 8192 --bf16 --pipeline-model-parallel-size 4 "
      "--num-layers-per-virtual-pipeline-stage 4 --swiglu",
      asked);
  EXPECT_EQ(job_of(made).model.name, "llama3-8b");
  EXPECT_EQ(job_of(made).plan.vpp, 2);
  EXPECT_TRUE(has_note(made, "without effect beside the others: --swiglu"));
}

TEST(Megatron, EveryFlagIsAccountedFor) {
  Asked asked = on_nodes(1);
  EXPECT_EQ(megatron_refusal("--num-layer 3"),
            "launch.sh: line 1: --num-layer: is not a flag of Megatron-LM that is known here; did you mean "
            "--num-layers?");
  const Conversion made =
      convert_megatron(kSmall + "--lr 1e-4 --seed 1 --no-persist-layer-norm --optimizer adam", asked);
  EXPECT_TRUE(has_note(made, "ignored, as they do not change what is predicted: --lr, --seed, --optimizer"));
  EXPECT_TRUE(has_note(made, "left to the software preset: --no-persist-layer-norm"));
  EXPECT_THAT(megatron_refusal("--optimizer muon"),
              HasSubstr("line 1: --optimizer: cannot be predicted yet: the prediction knows AdamW alone"));
  asked.lenient = true;
  EXPECT_TRUE(has_note(convert_megatron(kSmall + "--optimizer muon", asked),
                       "left out, which the prediction will be wrong by: --optimizer"));
}

TEST(Megatron, WhatTheJobsReaderSaysIsSaidOfTheFlag) {
  EXPECT_EQ(megatron_refusal("--tensor-model-parallel-size 3", on_nodes(3)),
            "launch.sh: line 1: --tensor-model-parallel-size, here plan.tp: 3 must divide model.heads, which "
            "is 16; 2 and 4 do");
  const std::string few_keys =
      "--group-query-attention --num-query-groups 2 --context-parallel-size 4 --cp-comm-type a2a";
  EXPECT_THAT(
      megatron_refusal(few_keys),
      HasSubstr("--context-parallel-size, here plan.cp: not supported yet; with plan.cp_kind all_to_all"));
  Asked asked = on_nodes(1);
  asked.lenient = true;
  EXPECT_TRUE(
      has_note(convert_megatron(kSmall + few_keys, asked), "the job cannot be predicted yet: plan.cp"));
}

TEST(Megatron, ValuesAreWhatTheyMustBe) {
  EXPECT_THAT(megatron_refusal("--tensor-model-parallel-size"),
              HasSubstr("--tensor-model-parallel-size: has no value"));
  EXPECT_THAT(megatron_refusal("--tensor-model-parallel-size 2 2"), HasSubstr("has 2 values"));
  EXPECT_THAT(megatron_refusal("--tensor-model-parallel-size two"),
              HasSubstr("is \"two\", must be a whole number"));
  EXPECT_THAT(megatron_refusal("--swiglu yes"), HasSubstr("has \"yes\", takes no value"));
  EXPECT_THAT(megatron_refusal("--normalization Norm"), HasSubstr("LayerNorm and RMSNorm can"));
  EXPECT_THAT(megatron_refusal("--attention-dropout 0 --hidden-dropout 0.1"),
              HasSubstr("rates of dropout that differ"));
  EXPECT_THAT(megatron_refusal("--tensor-model-parallel-size $TP"),
              HasSubstr("nothing here sets $TP; --env NAME=VALUE says"));
}

TEST(Megatron, TheLastOfSeveralCounts) {
  const Conversion nine = convert_megatron(kSmall + "--num-layers 9", on_nodes(1));
  EXPECT_EQ(job_of(nine).model.layers, 9);
  EXPECT_TRUE(
      has_note(nine, "given more than once, of which the last counts: --num-layers \"9\" (not \"8\")"));
  EXPECT_FALSE(has_note(convert_megatron(kSmall + "--num-layers 8", on_nodes(1)), "more than once"));
  Asked asked = on_nodes(1);
  asked.vocab = 50257;
  asked.file = "launch.yaml";
  EXPECT_EQ(job_of(convert_megatron("num_layers: 2\nhidden_size: 64\nnum_attention_heads: 2\nseq_length: 64\n"
                                    "max_position_embeddings: 64\nmicro_batch_size: 1\nnum_layers: 4\n",
                                    asked))
                .model.layers,
            4);
}

TEST(Megatron, BatchesThatGrowAreTakenAtTheirEnd) {
  std::string without = kSmall;
  without.erase(without.find("--global-batch-size 64"), 22);
  const Conversion made =
      convert_megatron(without + "--step-batch-size-schedule \"0:16 200B:32 400B:48\"", on_nodes(1));
  EXPECT_EQ(job_of(made).train.global_batch, 48);
  EXPECT_TRUE(has_note(made, "--step-batch-size-schedule: the batch that it ends with is taken"));
  EXPECT_EQ(job_of(convert_megatron(without, on_nodes(1))).train.global_batch, 8);  // a micro-batch a rank
  const Conversion ramped = convert_megatron(kSmall + "--rampup-batch-size 16 16 1000", on_nodes(1));
  EXPECT_EQ(job_of(ramped).train.global_batch, 64);
  EXPECT_TRUE(has_note(ramped, "--rampup-batch-size: the batch that it ends with is taken"));
}

TEST(Megatron, SharedExpertsMayHaveAGate) {
  const std::string experts =
      "--num-experts 8 --moe-ffn-hidden-size 1024 --expert-model-parallel-size 8 "
      "--moe-shared-expert-intermediate-size 2048 --moe-token-dispatcher-type alltoall "
      "--disable-bias-linear ";
  const workload::Model gated = megatron_job(experts + "--moe-shared-expert-gate").model;
  EXPECT_EQ(gated.moe->shared_experts, 2);
  EXPECT_TRUE(gated.moe->shared_gate);
  EXPECT_FALSE(megatron_job(experts).model.moe->shared_gate);
}

TEST(Megatron, TheVocabularyIsPaddedAsItsFlagSays) {
  EXPECT_EQ(megatron_job("--make-vocab-size-divisible-by 1000 --tensor-model-parallel-size 2").model.vocab,
            52000);
  std::string without = kSmall;
  without.erase(without.find("--vocab-size 51200"), 18);
  EXPECT_THAT(refusal_of([&] { convert_megatron(without, on_nodes(1)); }), HasSubstr("--vocab: is missing"));
}

TEST(Megatron, WindowsAndPartialRotation) {
  const workload::Model model = megatron_job(
                                    "--position-embedding-type rope --rotary-percent 0.5 --window-size 127,0 "
                                    "--window-attn-skip-freq 4 --no-rope-freq 4")
                                    .model;
  EXPECT_EQ(model.rotary_dim, 32);
  EXPECT_EQ(model.window, 128);
  EXPECT_EQ(model.full_layers, (std::vector<bool>{false, false, false, true, false, false, false, true}));
  EXPECT_EQ(model.unrotated_layers, model.full_layers);
}

TEST(Megatron, TheDispatcherThatGathersIsRefused) {
  const std::string experts = "--num-experts 8 --moe-ffn-hidden-size 1024 --expert-model-parallel-size 8 ";
  EXPECT_THAT(megatron_refusal(experts), HasSubstr("the dispatcher allgather, which is the default"));
  EXPECT_EQ(megatron_job(experts + "--moe-token-dispatcher-type alltoall").plan.ep, 8);
}

TEST(Megatron, HowTokensGoToExperts) {
  using workload::Dispatch;
  const std::string experts =
      "--num-experts 16 --moe-ffn-hidden-size 1024 --expert-model-parallel-size 8 "
      "--moe-token-dispatcher-type ";
  const workload::Job plain = megatron_job(experts + "alltoall");
  EXPECT_EQ(plain.plan.dispatch, Dispatch::all_to_all);
  EXPECT_EQ(plain.model.moe->groups, 1);
  EXPECT_FALSE(plain.plan.overlap.experts || plain.plan.overlap.shared_experts);
  const workload::Job limited = megatron_job(experts +
                                             "flex --moe-router-num-groups 8 --moe-router-group-topk 4 "
                                             "--overlap-moe-expert-parallel-comm --delay-wgrad-compute");
  EXPECT_EQ(limited.plan.dispatch, Dispatch::hierarchical);
  EXPECT_EQ(limited.model.moe->groups, 8);
  EXPECT_EQ(limited.model.moe->groups_per_token, 4);
  EXPECT_TRUE(limited.plan.overlap.experts);
  EXPECT_TRUE(megatron_job(experts + "alltoall --moe-shared-expert-overlap").plan.overlap.shared_experts);
  EXPECT_EQ(megatron_job(experts + "flex --moe-flex-dispatcher-backend hybridep").plan.dispatch,
            Dispatch::hybrid);
}

TEST(Megatron, WhatIsFusedAroundExperts) {
  const std::string experts =
      "--num-experts 16 --moe-ffn-hidden-size 1024 --expert-model-parallel-size 8 "
      "--moe-token-dispatcher-type alltoall ";
  const auto fuses = [&](const std::string& flags, std::string_view pass) {
    const std::vector<std::string> fusions = megatron_job(experts + flags).habits.fusions;
    return std::ranges::find(fusions, pass) != fusions.end();
  };
  EXPECT_FALSE(fuses("", "router") || fuses("", "permute"));
  EXPECT_TRUE(fuses("--moe-router-fusion", "router"));
  EXPECT_TRUE(fuses("--moe-permute-fusion", "permute"));
  const std::string all = "--moe-router-fusion --moe-permute-fusion --cross-entropy-loss-fusion";
  EXPECT_TRUE(fuses(all, "router") && fuses(all, "cross_entropy"));
  // Rows of experts are copied to whole tiles in 8 bits, unless the router sends them so.
  EXPECT_FALSE(megatron_job(experts).habits.pads_expert_rows);
  const std::string fp8 = experts + "--fp8-format hybrid --transformer-impl transformer_engine ";
  EXPECT_TRUE(megatron_job(fp8).habits.pads_expert_rows);
  EXPECT_TRUE(fuses("--fp8-format hybrid --moe-router-fusion", "fp8_scales"));
  EXPECT_FALSE(megatron_job(fp8 + "--moe-router-padding-for-quantization").habits.pads_expert_rows);
}

TEST(Megatron, ALengthThatOnlyARunKnowsIsLeftOut) {
  const Conversion made = convert_megatron(
      "torchrun --nnodes 1 --nproc-per-node 8 pretrain_gpt.py " + kSmall + "--train-iters \"$STEPS\"",
      on_nodes(1));
  EXPECT_EQ(job_of(made).train.tokens, std::nullopt);
  EXPECT_TRUE(has_note(made, "--train-iters: known to nobody before it runs; train.tokens is left out"));
  EXPECT_EQ(megatron_job("--train-iters 10").train.tokens, 10.0 * 64 * 2048);
}

TEST(Megatron, AnOffloadedOptimizerHasTheFlagThatItNeeds) {
  // Without types beside it states stay in fp32 (optimizer_config.py).
  const std::string offload =
      "--use-distributed-optimizer --optimizer-cpu-offload --use-precision-aware-optimizer ";
  EXPECT_TRUE(megatron_job(offload).plan.offload_optimizer);
  EXPECT_NE(megatron_refusal(offload + "--exp-avg-dtype bf16").find("fp32 alone"), std::string::npos);
}

}  // namespace
}  // namespace ds::convert
