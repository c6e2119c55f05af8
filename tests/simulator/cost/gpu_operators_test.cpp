// Operators on GPUs: laws that hold for every shape, and what machines and software change.
#include "simulator/cost/gpu_operators.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>

#include "simulator/cost/machine.h"
#include "simulator/workload/workload.h"

namespace ds::cost {
namespace {

using ops::Pass;

workload::Job job(const std::string& node, const std::string& plan = "",
                  const std::string& software = "megatron-te") {
  return workload::read_job_text(
      fmt::format(R"({{"model": "gpt3-175b", "cluster": {{"node": "{}", "nodes": 1}}, "software": "{}",
        "train": {{"sequence_length": 2048, "global_batch": 8}},
        "plan": {{"tp": 8, "precision": "bf16"{}}}}})",
                  node, software, plan),
      "job.json");
}

ops::Op product(std::int64_t tokens, std::int64_t outputs, std::int64_t inputs, Pass pass = Pass::forward) {
  return {.what = ops::Linear{.tokens = tokens, .inputs = inputs, .outputs = outputs},
          .pass = pass,
          .type = DataType::bf16};
}

TEST(GpuOperators, AMeasuredProductTakesWhatWasMeasured) {
  // profiles/kernels/products/a100-sxm.json: [8192, 8192, 8192, share of 312 TFLOP/s]; interpolation smooths a few percent.
  const GpuOperators a100(job("dgx-a100-80g"));
  const double flop = 2.0 * 8192 * 8192 * 8192;
  const double share = flop / 312e12 / a100.time(product(8192, 8192, 8192)).seconds.value;
  EXPECT_NEAR(share, 0.85, 0.06);
  EXPECT_EQ(a100.time(product(8192, 8192, 8192)).source, Source::published);
}

TEST(GpuOperators, NoProductBeatsTheDatasheet) {
  for (const char* node :
       {"dgx-a100-80g", "dgx-h100", "dgx-b200", "hgx-b200-simumax", "dgx-1v", "mi300x-8"}) {
    workload::Job asked = job("dgx-a100-80g");
    if (std::string(node) != "dgx-1v") asked = job(node);
    const GpuOperators gpu(asked);
    for (const std::int64_t tokens : {1, 7, 512, 4096, 131072})
      for (const std::int64_t outputs : {1, 96, 12288, 65536})
        for (const Pass pass : {Pass::forward, Pass::input_gradient, Pass::weight_gradient}) {
          const ops::Op op = product(tokens, outputs, 4096, pass);
          EXPECT_GE(gpu.time(op).seconds.value, (ops::flops(op) / gpu.peak()).value) << node << " " << tokens;
        }
  }
}

TEST(GpuOperators, Tf32IsAsFastAsTheDatasheetHasItAndNoLighter) {
  const auto seconds = [](const char* precision, std::int64_t tokens) {
    workload::Job asked = job("dgx-a100-80g");
    asked.plan.precision =
        std::string(precision) == "tf32" ? workload::Precision::tf32 : workload::Precision::fp32;
    ops::Op op = product(tokens, 12288, 12288, Pass::forward);
    op.type = DataType::fp32;
    return GpuOperators(asked).time(op).seconds.value;
  };
  EXPECT_NEAR(seconds("fp32", 16384) / seconds("tf32", 16384), 156.0 / 19.5, 0.01);  // limited by arithmetic
  EXPECT_NEAR(seconds("fp32", 1) / seconds("tf32", 1), 1, 1e-6);                     // by memory
}

TEST(GpuOperators, ExpertsTakeTheTimeOfProductsOfTheirRows) {
  const GpuOperators gpu(job("dgx-h100"));
  const auto grouped = [&](std::int64_t rows, std::int64_t experts, Pass pass) {
    return gpu
        .time({ops::GroupedLinear{.tokens = rows, .experts = experts, .inputs = 4096, .outputs = 14336}, pass,
               DataType::bf16})
        .seconds.value;
  };
  constexpr std::int64_t kRows = 8 * 4096L;
  for (const Pass pass : {Pass::forward, Pass::input_gradient, Pass::weight_gradient}) {
    // Eight products of 4,096 rows, and a little more.
    const double single = 8 * gpu.time(product(4096, 14336, 4096, pass)).seconds.value;
    EXPECT_GE(grouped(kRows, 8, pass), single);
    EXPECT_LE(grouped(kRows, 8, pass), 1.03 * single);
    // The fewer rows an expert has, the longer all take; at last it is to read all weights.
    EXPECT_GT(grouped(kRows, 128, pass), grouped(kRows, 8, pass));
    EXPECT_GE(grouped(128, 128, pass), 128.0 * 4096 * 14336 * 2 / 3.35e12);
  }
}

/// Grouped products of B200 take up to 1.3 times as long as single ones; one of them is no group.
TEST(GpuOperators, ASingleExpertIsAProductAsAnyOther) {
  const GpuOperators gpu(job("dgx-b200"));
  for (const Pass pass : {Pass::forward, Pass::input_gradient, Pass::weight_gradient}) {
    const ops::Op grouped{ops::GroupedLinear{.tokens = 4096, .experts = 1, .inputs = 4096, .outputs = 14336},
                          pass, DataType::bf16};
    EXPECT_DOUBLE_EQ(gpu.time(grouped).seconds.value,
                     gpu.time(product(4096, 14336, 4096, pass)).seconds.value);
  }
}

/// B200, SimuMax: heads of 192 and 128 take 1.2 times as long backward as as many FLOPs of heads of 128.
TEST(GpuOperators, WideHeadsAreSlower) {
  const GpuOperators gpu(job("dgx-b200"));
  const auto rate = [&](std::int64_t head_dim, Pass pass) {
    const ops::Attention a{
        .batch = 1, .sequence = 4096, .heads = 64, .kv_heads = 64, .head_dim = head_dim, .v_dim = 128};
    const ops::Op op{.what = a, .pass = pass, .type = DataType::bf16};
    return ops::flops(op).value / gpu.time(op).seconds.value;
  };
  EXPECT_NEAR(rate(128, Pass::input_gradient) / rate(192, Pass::input_gradient), 1.2, 0.02);
  EXPECT_NEAR(rate(128, Pass::forward) / rate(192, Pass::forward), 1.1, 0.02);
}

/// Parts of a ring take together what attention to gathered keys takes, and their kernels' starts.
TEST(GpuOperators, APartOfARingIsPricedAsItsPairs) {
  const GpuOperators gpu(job("dgx-h100"));
  const auto time = [&](ops::Keys keys) {
    ops::ContextAttention a{
        .batch = 1, .sequence = 8192, .ranks = 4, .heads = 32, .kv_heads = 8, .head_dim = 128};
    a.keys = keys;
    return gpu.time({.what = a, .pass = Pass::forward, .type = DataType::bf16}).seconds.value;
  };
  const double parts = time(ops::Keys::first) + 3 * time(ops::Keys::later);
  EXPECT_NEAR(parts / time(ops::Keys::gathered), 1, 0.15);
  EXPECT_NEAR(time(ops::Keys::first) / time(ops::Keys::later), 1, 0.01);
}

/// What no pass of the software makes one kernel of moves its elements again and again.
TEST(GpuOperators, WhatIsMadeOfElementaryKernelsTakesLonger) {
  workload::Job eager = job("dgx-h100");
  eager.habits.fusions.clear();
  const GpuOperators gpu(eager), fused(job("dgx-h100"));
  for (const ops::What& what : {ops::What(ops::RmsNorm{8192, 4096}), ops::What(ops::SwiGlu{8192, 14336}),
                                ops::What(ops::Rope{8192, 8192, 32, 8, 128})})
    for (const Pass pass : {Pass::forward, Pass::input_gradient}) {
      const ops::Op op{.what = what, .pass = pass, .type = DataType::bf16};
      EXPECT_GT(gpu.time(op).seconds.value, 1.3 * fused.time(op).seconds.value) << ops::class_name(op);
    }
}

TEST(GpuOperators, AWindowLeavesABandOfTheTriangle) {
  for (const std::int64_t sequence : {1, 2, 5, 9})
    for (const std::int64_t window : {0, 1, 2, 5, 9, 20}) {
      double pairs = 0;  // one by one
      for (std::int64_t token = 0; token < sequence; ++token)
        for (std::int64_t seen = 0; seen <= token; ++seen)
          pairs += window == 0 || token - seen < window ? 1 : 0;
      EXPECT_EQ(ops::attended_pairs(sequence, window), pairs) << sequence << ", " << window;
    }
  // Of 32,768 tokens each sees 4,096: 4,096 x 32,768 less half of 4,096 x 4,095, of the triangle 23.4 %.
  ops::Attention attention{.batch = 1, .sequence = 32768, .heads = 8, .kv_heads = 8, .head_dim = 128};
  const GpuOperators gpu(job("dgx-h100"));
  for (const Pass pass : {Pass::forward, Pass::input_gradient}) {
    attention.window = 0;
    const double whole = gpu.time({attention, pass, DataType::bf16}).seconds.value;
    attention.window = 4096;
    EXPECT_NEAR(gpu.time({attention, pass, DataType::bf16}).seconds.value / whole, 0.2344, 0.002);
  }
}

TEST(GpuOperators, AMachineThatWasMeasuredItselfIsNotItsGpu) {
  // That host's matrix products reach about 0.49 of the datasheet, others of the same GPU about 0.65.
  const ops::Op op = product(4096, 8192, 28672);
  EXPECT_GT(GpuOperators(job("hgx-b200-simumax")).time(op).seconds.value,
            1.2 * GpuOperators(job("dgx-b200")).time(op).seconds.value);
}

TEST(GpuOperators, EveryGenerationOfAttentionIsFaster) {
  const ops::Op op{
      .what = ops::Attention{.batch = 1, .sequence = 4096, .heads = 12, .kv_heads = 12, .head_dim = 128},
      .pass = Pass::forward,
      .type = DataType::bf16};
  const auto seconds = [&](const char* kind) {
    return GpuOperators(job("dgx-h100", fmt::format(R"(, "attention": "{}")", kind))).time(op).seconds.value;
  };
  EXPECT_GT(seconds("flash1"), 1.5 * seconds("flash2"));
  EXPECT_GT(seconds("flash2"), 1.1 * seconds("cudnn"));
  EXPECT_GT(seconds("cudnn"), 1.1 * seconds("flash3"));
  EXPECT_EQ(seconds("flash"), seconds("cudnn"));  // what Transformer Engine takes there
}

/// FlashAttention-3's published curve: 16,384 tokens in all, 16 heads of 128, causal.
TEST(GpuOperators, FlashAttention3IsAsFastAsItsAuthorsHaveIt) {
  const GpuOperators gpu(job("dgx-h100", R"(, "attention": "flash3")"));
  const std::map<std::int64_t, double> published{{1024, 423}, {2048, 521}, {4096, 579}, {16384, 616}};
  for (const auto& [sequence, rate] : published) {
    const ops::Attention attention{
        .batch = 16384 / sequence, .sequence = sequence, .heads = 16, .kv_heads = 16, .head_dim = 128};
    const double flop = 4.0 * 16384 * static_cast<double>(sequence) / 2 * 16 * 128;
    EXPECT_NEAR(flop / gpu.time({attention, Pass::forward, DataType::bf16}).seconds.value / 1e12, rate,
                0.04 * rate);
  }
}

/// With scales of blocks Hopper adds up gradients of weights in two steps; so do kernels of the software's own.
TEST(GpuOperators, GradientsOfWeightsInBlocksTakeLonger) {
  const auto ratio = [](const char* recipe, const char* software) {
    workload::Job asked = job("dgx-h100");
    asked.plan.precision = workload::Precision::fp8;
    asked.plan.fp8_recipe = recipe;
    asked.habits.block_products = std::string_view(software) == "own";
    const GpuOperators gpu(asked);
    ops::Op op = product(4096, 7168, 4096);
    std::get<ops::Linear>(op.what).fp8 = true;
    op.pass = Pass::forward;
    const double forward = gpu.time(op).seconds.value;
    op.pass = Pass::weight_gradient;
    return gpu.time(op).seconds.value / forward;
  };
  EXPECT_NEAR(ratio("block", "library"), 1.30, 0.02);
  EXPECT_NEAR(ratio("block", "own"), 1.56, 0.02);
  EXPECT_NEAR(ratio("tensor_current", "library"), 1.04, 0.02);
}

TEST(GpuOperators, UnfusedAttentionMovesItsScoresAndDropoutMovesMore) {
  ops::Attention attention{
      .batch = 2, .sequence = 2048, .heads = 12, .kv_heads = 12, .head_dim = 128, .flash = false};
  const auto seconds = [&](const ops::Attention& a, const char* plan) {
    return GpuOperators(job("dgx-a100-80g", plan))
        .time({.what = a, .pass = Pass::forward, .type = DataType::bf16})
        .seconds.value;
  };
  const double scores = 2.0 * 12 * 2048 * 2048;
  const double plain = seconds(attention, R"(, "attention": "unfused")");
  EXPECT_GT(plain, 8 * scores / 2.039e12);  // eight bytes a score at the rate of the datasheet
  const double dropped = seconds(attention, R"(, "attention": "unfused", "dropout": 0.1)");
  EXPECT_NEAR(dropped - plain, 5 * scores / (2.039e12 * 0.8), 1e-9);
  attention.head_dim = 108;  // no multiple of 8: fewer FLOP, and far slower
  EXPECT_GT(seconds(attention, R"(, "attention": "unfused")"), 1.5 * plain);
}

TEST(GpuOperators, FusedCrossEntropyMakesNoCopiesOfTheLogits) {
  const ops::Op loss{.what = ops::CrossEntropy{.tokens = 2048, .vocab = 50000, .columns = 6400, .scale = 1},
                     .pass = Pass::forward,
                     .type = DataType::bf16};
  const GpuOperators fused(job("dgx-a100-80g")), unfused(job("dgx-a100-80g", "", "deepspeed"));
  EXPECT_GT(unfused.time(loss).seconds.value, 3 * fused.time(loss).seconds.value);
}

TEST(GpuOperators, WhatIsBoundByMemoryNeverBeatsIt) {
  const GpuOperators gpu(job("dgx-h100"));
  for (const std::int64_t tokens : {1, 4096, 131072}) {
    const ops::Op op{.what = ops::Add{tokens, 12288}, .pass = Pass::forward, .type = DataType::bf16};
    EXPECT_GT(gpu.time(op).seconds.value, static_cast<double>(ops::traffic(op).value) / 3.35e12);
  }
}

TEST(Fitted, ConstantsOfAMachineReplaceThoseOfItsGpuAndFamily) {
  const workload::Job h100 = job("dgx-h100"), other = job("hgx-h100-8"), h20 = job("hgx-h20-8");
  const FittedConstants none = read_fitted(h100, Fitted::none), family = read_fitted(h100, Fitted::family),
                        all = read_fitted(h100, Fitted::all);
  EXPECT_EQ(none.products, 1);
  EXPECT_NE(family.products, 1);
  EXPECT_NE(all.products, family.products);
  // A machine that nothing was fitted on inherits from its GPU, a GPU from its family.
  EXPECT_EQ(read_fitted(other, Fitted::all).products, family.products);
  EXPECT_EQ(fitted_constants(other, Fitted::all).front().whose, "h100-sxm5-80g");
  EXPECT_EQ(fitted_constants(h20, Fitted::all).front().whose, "GPUs of sm90");
  const Profile unused = rough_profile();
  const ops::Op op = product(4096, 8192, 8192);
  EXPECT_NEAR(Machine(h100, unused, Fitted::all).time(op).seconds /
                  Machine(h100, unused, Fitted::none).time(op).seconds,
              all.products, 1e-12);
}

}  // namespace
}  // namespace ds::cost
