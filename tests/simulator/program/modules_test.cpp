// Modules of a layer that are recomputed by themselves, and layers whose activations wait on the host.
#include <gtest/gtest.h>

#include "simulator/memory/live_bytes.h"
#include "tests/support/architectures.h"
#include "tests/support/counts.h"
#include "tests/support/jobs.h"

namespace ds::program {
namespace {

using support::count;
using workload::Module;
using workload::Modules;

constexpr std::int64_t kLayers = 3;

workload::Job llama(Modules modules, std::int64_t tp = 1, std::int64_t layers = kLayers) {
  support::Small small = support::small_to_share(layers, 1);
  small.family = workload::Family::llama, small.precision = workload::Precision::bf16;
  small.recompute_modules = modules, small.tp = tp;
  workload::Job job = support::small_job(small);
  job.habits.allocator = "torch_caching";
  return job;
}

Bytes peak_of(const Program& program) {
  Bytes most;
  for (const memory::LiveBytes& one : memory::live_bytes(program)) most = std::max(most, one.peak);
  return most;
}

/// Of queries, keys and values, attention's result, up with gate, down: the third; of norms that before the MLP.
TEST(Modules, AnMlpIsMadeAgainFromWhatTheLayerAddsItTo) {
  const Program program = lower(llama(set_of(Module::mlp)));
  EXPECT_EQ(check(program), std::nullopt);
  EXPECT_EQ(count<ops::Linear>(program, ops::Pass::forward), (4 + 1) * kLayers + 1);
  EXPECT_EQ(count<ops::SwiGlu>(program, ops::Pass::forward), 2 * kLayers);
  EXPECT_EQ(count<ops::RmsNorm>(program, ops::Pass::forward), 3 * kLayers + 1);
  EXPECT_EQ(count<ops::Attention>(program, ops::Pass::forward), kLayers);
}

TEST(Modules, NormsAreMadeAgainBeforeTheirFirstReader) {
  const Program program = lower(llama(set_of(Module::layernorm), 2));
  EXPECT_EQ(check(program), std::nullopt);
  EXPECT_EQ(count<ops::Linear>(program, ops::Pass::forward), 4 * kLayers + 1);
  // That before a dense MLP belongs to the MLP: Transformer Engine makes one operator of them.
  EXPECT_EQ(count<ops::RmsNorm>(program, ops::Pass::forward), 3 * kLayers + 1);
}

TEST(Modules, AttentionAloneIsWhatSelectiveMeansInMegatron) {
  workload::Job selective = llama(0);
  selective.plan.recompute = workload::Recompute::selective;
  selective.habits.selective_recompute = "attention_core";
  EXPECT_EQ(lower(llama(set_of(Module::core_attn))).hash, lower(selective).hash);
}

workload::Job mixture(Modules modules) {
  support::Small small = support::small_to_share(kLayers, 1);
  small.family = workload::Family::moe, small.precision = workload::Precision::bf16;
  small.recompute_modules = modules;
  small.change = [](workload::Model& m) {
    m.moe = {.experts = 4,
             .top_k = 2,
             .expert_ffn = 12,
             .shared_experts = 1,
             .dense_layers = {true, false, false}};
  };
  workload::Job job = support::small_job(small);
  job.habits.allocator = "torch_caching";
  return job;
}

/// One layer is dense; the two others have an activation of their experts and one of the shared one.
TEST(Modules, ActivationsOfExpertsAlone) {
  const Program program = lower(mixture(set_of(Module::moe_act)));
  EXPECT_EQ(check(program), std::nullopt);
  EXPECT_EQ(count<ops::SwiGlu>(program, ops::Pass::forward), 1 + 2 * 2 + 2);
  EXPECT_EQ(count<ops::GroupedLinear>(program, ops::Pass::forward), 2 * 2);
  EXPECT_EQ(count<ops::Route>(program, ops::Pass::forward), 2);
}

TEST(Modules, ExpertsWithTheirRouter) {
  const Program program = lower(mixture(set_of(Module::moe)));
  EXPECT_EQ(check(program), std::nullopt);
  EXPECT_EQ(count<ops::Route>(program, ops::Pass::forward), 2 * 2);
  EXPECT_EQ(count<ops::SwiGlu>(program, ops::Pass::forward), 1 + 2 * 2 + 2 * 2);
}

/// Each set of modules over each kind of model is a program that reads what was written; it keeps no more than without, but for
/// what one layer's replay makes at once.
TEST(Modules, EverySetOfThemIsSoundAndKeepsLess) {
  for (const support::Architecture& one : support::architectures()) {
    const auto with = [&](Modules modules) {
      support::Small s = support::small_to_share(kLayers, 3);
      s.family = one.family, s.change = one.change, s.precision = workload::Precision::bf16;
      s.sequence = 64, s.recompute_modules = modules, s.pp = 1;
      workload::Job job = support::small_job(s);
      job.habits.allocator = "torch_caching";
      return lower(job);
    };
    const Program none = with(0);
    std::int64_t layer = 0;  // what one layer keeps
    for (const Buffer& buffer : none.buffers)
      if (buffer.life == Life::slot) layer += buffer.size.bound.value;
    for (Modules modules = 1; modules < 128; ++modules) {
      SCOPED_TRACE(std::string(one.name) + ", set " + std::to_string(modules));
      const Program program = with(modules);
      EXPECT_EQ(check(program), std::nullopt);
      EXPECT_LE(peak_of(program).value, peak_of(none).value + layer);
    }
  }
}

/// What layers keep is on the host; two layers' worth of it is on the device at any time.
TEST(Offloading, KeepsTwoLayersOnTheDevice) {
  constexpr std::int64_t kMany = 12;
  workload::Job job = llama(0, 1, kMany);
  const Program all = lower(job);
  job.plan.offload_activations = kMany;
  const Program program = lower(job);
  EXPECT_EQ(check(program), std::nullopt);
  std::int64_t kept = 0, on_host = 0, by_turns = 0;
  for (const Buffer& buffer : all.buffers)
    if (buffer.life == Life::slot && buffer.part == Part::activations && buffer.copies == kMany)
      kept += buffer.size.bound.value;
  for (const Buffer& buffer : program.buffers) {
    if (buffer.tier == Tier::host) on_host += buffer.size.bound.value * buffer.copies;
    if (buffer.life == Life::call && buffer.copies == 2 && !buffer.name.starts_with("d."))
      by_turns += buffer.size.bound.value * buffer.copies;
  }
  EXPECT_EQ(on_host, kMany * kept);
  EXPECT_EQ(by_turns, 2 * kept);
  EXPECT_LT(peak_of(program), peak_of(all));
}

/// Master copy and two moments of fp32, the gradient and the weight that an update takes and makes.
TEST(Offloading, StatesAreOnTheHost) {
  workload::Job job = llama(0);
  const Program all = lower(job);
  job.plan.offload_optimizer = true;
  const Program program = lower(job);
  EXPECT_EQ(check(program), std::nullopt);
  std::int64_t states = 0, parameters = 0, gradients = 0;
  for (const Buffer& buffer : all.buffers) {
    if (buffer.part == Part::optimizer) states += buffer.size.bound.value * buffer.copies;
    if (buffer.part == Part::gradients) gradients += buffer.size.bound.value * buffer.copies;
    if (buffer.part == Part::weights) parameters += buffer.size.bound.value * buffer.copies / 2;
  }
  EXPECT_EQ(states, 12 * parameters);
  EXPECT_EQ(memory::most_host_bytes(program).value, states + gradients + 2 * parameters);
  EXPECT_EQ(memory::most_host_bytes(all).value, 0);
}

/// A share is the number of a stage's layers that comes nearest to it, whatever its chunks.
TEST(Offloading, AShareOfLayersIsTheNearestNumberOfThem) {
  workload::Job job = llama(0, 1, 8);
  job.plan.pp = 2, job.plan.vpp = 2, job.plan.schedule = workload::Schedule::interleaved;
  job.plan.stage_layers = {{3, 1}, {2, 2}};  // of both stages four
  job.train.global_batch *= 2;
  const auto hash = [&](std::int64_t layers, std::int64_t millionths) {
    job.plan.offload_activations = layers, job.plan.offloaded_share = millionths;
    return lower(job).hash;
  };
  for (const auto& [millionths, layers] :
       {std::pair(1, 1), {374'999, 1}, {375'000, 2}, {500'000, 2}, {800'000, 3}, {1'000'000, 4}})
    EXPECT_EQ(hash(0, millionths), hash(layers, 0)) << millionths;
  EXPECT_NE(hash(0, 500'000), hash(0, 0));
}

/// Layer by layer, as many elements as come nearest to the share.
TEST(Offloading, PartsOfTheStatesAreOnTheHost) {
  workload::Job job = llama(0, 1, 8);
  job.plan.offload_optimizer = true;
  const auto bytes = [&](Tier tier) {
    std::int64_t sum = 0;
    for (const Buffer& buffer : lower(job).buffers)
      if (buffer.part == Part::optimizer && buffer.life == Life::run && buffer.tier == tier)
        sum += buffer.size.bound.value * buffer.copies;
    return static_cast<double>(sum);
  };
  const double all = bytes(Tier::host);
  EXPECT_EQ(bytes(Tier::device), 0);
  for (const std::int64_t share : {100'000, 333'333, 500'000, 800'000}) {
    job.plan.offloaded_states = share;
    const Program program = lower(job);
    EXPECT_EQ(check(program), std::nullopt);
    EXPECT_EQ(bytes(Tier::host) + bytes(Tier::device), all);
    // Half of the largest bucket of one layer, or of the table, at most.
    double largest = 0;
    for (const Buffer& buffer : program.buffers)
      if (buffer.part == Part::optimizer && buffer.life == Life::run)
        largest = std::max(largest, static_cast<double>(buffer.size.bound.value) * 3);
    EXPECT_NEAR(bytes(Tier::host), all * static_cast<double>(share) / 1e6, largest / 2);
  }
}

/// Of shards on the host a rank has two at most on their way to who gathers them, and no weights else.
TEST(Offloading, WeightsAreOnTheHost) {
  for (const bool fsdp : {false, true}) {
    workload::Job job = llama(0, 1, 8);
    job.plan.dp = job.plan.zero_group = 4, job.plan.zero = 3;
    job.cluster.groups[0].node.gpus_per_node = 4;
    job.train.global_batch *= 4;
    job.habits.fsdp = fsdp;
    const Program kept = lower(job);
    job.plan.offload_optimizer = job.plan.offload_weights = true;
    const Program program = lower(job);
    EXPECT_EQ(check(program), std::nullopt);
    std::int64_t states = 0, fetched = 0;
    for (const Buffer& buffer : kept.buffers)
      if (buffer.life == Life::run && (buffer.part == Part::optimizer || buffer.part == Part::weights))
        states += buffer.size.bound.value * buffer.copies;
    for (const Buffer& buffer : program.buffers) {
      const bool lasts = buffer.life == Life::run && buffer.tier == Tier::host;
      if (lasts) states -= buffer.size.bound.value * buffer.copies;
      const bool here = buffer.part == Part::weights && buffer.tier == Tier::device;
      EXPECT_FALSE(here && buffer.life == Life::run) << buffer.name;
      if (!buffer.name.ends_with(".fetched")) continue;
      ++fetched;
      EXPECT_LE(buffer.copies, 2);
    }
    EXPECT_EQ(states, 0);
    EXPECT_GT(fetched, 0);
    EXPECT_LT(peak_of(program), peak_of(kept));
  }
}

}  // namespace
}  // namespace ds::program
