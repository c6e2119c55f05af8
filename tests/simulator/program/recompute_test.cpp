// What backwards make again: by operator, and in some layers of a stage alone.
#include <gtest/gtest.h>

#include "tests/support/counts.h"
#include "tests/support/jobs.h"

namespace ds::program {
namespace {

using support::count;

constexpr std::int64_t kLayers = 3;

workload::Job job_with(workload::Recompute recompute, std::int64_t layers = 0) {
  support::Small small = support::small_to_share(kLayers, 1);
  small.family = workload::Family::llama, small.precision = workload::Precision::bf16;
  workload::Job job = support::small_job(small);
  job.plan.recompute = recompute, job.plan.recompute_layers = layers;
  return job;
}

workload::Job job_by_operator() {
  workload::Job job = job_with(workload::Recompute::selective);
  job.habits.selective_recompute = "per_operator";
  job.habits.separate_products = true;
  return job;
}

/// Of seven products the second, fourth and sixth: of keys, of attention's result, `up`. Attention is kept, norms are not.
TEST(RecomputeByOperator, ReplaysEveryOtherProductAndAllThatIsCheap) {
  const Program program = lower(job_by_operator());
  EXPECT_EQ(check(program), std::nullopt);
  EXPECT_EQ(count<ops::Linear>(program, ops::Pass::forward), (7 + 3) * kLayers + 1);
  EXPECT_EQ(count<ops::Attention>(program, ops::Pass::forward), kLayers);
  EXPECT_EQ(count<ops::RmsNorm>(program, ops::Pass::forward), 4 * kLayers + 1);
  EXPECT_EQ(count<ops::Rope>(program, ops::Pass::forward), 2 * kLayers);
}

/// Per token, in 16 bits: queries, values, attention's result with a statistic a head, gate, down (torchtitan); beside the
/// layer's input, which is the result of the layer before.
TEST(RecomputeByOperator, KeepsWhatIsDear) {
  const workload::Job job = job_by_operator();
  const Program program = lower(job);
  std::int64_t bytes = 0;
  for (const Buffer& buffer : program.buffers)
    if (buffer.part == Part::activations && buffer.life == Life::slot && buffer.type == DataType::bf16 &&
        buffer.copies == kLayers)
      bytes += buffer.size.bound.value;
  const workload::Model& m = job.model;
  EXPECT_EQ(bytes,
            2 * job.micro_batch_tokens() * (3 * m.hidden + m.heads + m.kv_heads * m.head_dim + m.ffn_hidden));
}

/// Bytes that wait for the backward, of one layer and micro-batch.
std::int64_t kept_bytes(const workload::Job& job, std::string_view ending) {
  std::int64_t bytes = 0;
  for (const Buffer& buffer : lower(job).buffers)
    if (buffer.life == Life::slot && buffer.name.ends_with(ending)) bytes += buffer.size.bound.value;
  return bytes;
}

/// In 16 bits both have two bytes an element.
TEST(CachedActivations, WaitInAsManyBitsAsTheSoftwareSays) {
  workload::Job job = job_with(workload::Recompute::none);
  const workload::Model& m = job.model;
  const std::int64_t tokens = job.micro_batch_tokens(), gates = 2 * m.ffn_hidden * tokens;
  EXPECT_EQ(kept_bytes(job, "mlp.h"), 2 * gates);
  EXPECT_EQ(kept_bytes(job, "attention.o"), 2 * tokens * m.hidden);
  job.habits.activation_input_bits = 8, job.habits.attention_output_bits = 12;
  EXPECT_EQ(check(lower(job)), std::nullopt);
  EXPECT_EQ(kept_bytes(job, "mlp.h"), 0);
  EXPECT_EQ(kept_bytes(job, "mlp.h.narrow"), gates);
  EXPECT_EQ(kept_bytes(job, "attention.o"), 0);
  EXPECT_EQ(kept_bytes(job, "attention.o.narrow"), tokens * m.hidden * 3 / 2);
  job.plan.recompute = workload::Recompute::full;  // nothing of a layer waits
  EXPECT_EQ(check(lower(job)), std::nullopt);
  EXPECT_EQ(kept_bytes(job, "narrow"), 0);
}

/// Norms, activations, and with latent attention what is projected up; no other product, and not attention.
TEST(RecomputeOfNormsAndActivations, ReplaysThoseAlone) {
  workload::Job job = job_with(workload::Recompute::selective);
  job.habits.selective_recompute = "norms_and_activations";
  const Program program = lower(job);
  EXPECT_EQ(check(program), std::nullopt);
  EXPECT_EQ(count<ops::RmsNorm>(program, ops::Pass::forward), 4 * kLayers + 1);
  EXPECT_EQ(count<ops::SwiGlu>(program, ops::Pass::forward), 2 * kLayers);
  EXPECT_EQ(count<ops::Linear>(program, ops::Pass::forward), 4 * kLayers + 1);
  EXPECT_EQ(count<ops::Attention>(program, ops::Pass::forward), kLayers);
  job.model.mla = workload::Mla{
      .q_lora_rank = 12, .kv_lora_rank = 8, .qk_nope_head_dim = 4, .qk_rope_head_dim = 2, .v_head_dim = 6};
  const Program latent = lower(job);
  EXPECT_EQ(check(latent), std::nullopt);
  EXPECT_EQ(count<ops::JoinHeads>(latent, ops::Pass::forward), 2 * kLayers);
  job.plan.recompute = workload::Recompute::none;
  EXPECT_EQ(
      count<ops::Linear>(latent, ops::Pass::forward) - count<ops::Linear>(lower(job), ops::Pass::forward),
      2 * kLayers);
}

TEST(SeparateProducts, AreAsManyAndCostNothingToJoin) {
  workload::Job job = job_with(workload::Recompute::none);
  const Program together = lower(job);
  job.habits.separate_products = true;
  const Program apart = lower(job);
  EXPECT_EQ(check(apart), std::nullopt);
  EXPECT_EQ(count<ops::Linear>(together, ops::Pass::forward), 4 * kLayers + 1);
  EXPECT_EQ(count<ops::Linear>(apart, ops::Pass::forward), 7 * kLayers + 1);
  for (const Operator& one : apart.operators)
    if (std::holds_alternative<ops::JoinColumns>(apart.op(one.op).what)) {
      EXPECT_TRUE(one.fused);
    }
}

TEST(RecomputeOfSomeLayers, ReplaysThoseAlone) {
  for (const std::int64_t layers : {1, 2, 3}) {
    const Program program = lower(job_with(workload::Recompute::layers, layers));
    EXPECT_EQ(check(program), std::nullopt);
    EXPECT_EQ(count<ops::Attention>(program, ops::Pass::forward), kLayers + layers);
  }
}

}  // namespace
}  // namespace ds::program
