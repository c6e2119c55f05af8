// Peaks of many plans equal those of each of them, lowered: models and plans of every size.
#include "simulator/memory/plan_peaks.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <initializer_list>
#include <map>
#include <span>
#include <string>

#include "simulator/base/random.h"
#include "simulator/engine/predict.h"
#include "simulator/workload/workload.h"
#include "tests/support/architectures.h"
#include "tests/support/jobs.h"
#include "tests/support/sanitizer.h"
#include "tuner/space/space.h"

namespace ds::tuner {
namespace {

using workload::Job, workload::Precision, workload::Recompute, workload::Schedule;

std::optional<Bytes> peak_when_lowered(const Job& job) {
  const program::Program program = program::lower(job);
  Bytes peak{};
  for (const memory::Parts& parts : engine::needs_of(program, {}, job)) peak = std::max(peak, parts.total());
  return peak;
}

std::optional<Bytes> peak_of(memory::PlanPeaks& peaks, const workload::Plan& plan) {
  return peaks.of(std::span(&plan, 1)).front();
}

/// Values drawn one after the other.
class Draw {
 public:
  explicit Draw(std::uint64_t seed) : stream_(seed, 11) {}
  template <class T>
  T of(std::initializer_list<T> values) {
    return *(values.begin() + stream_.below(values.size(), next_++));
  }
  bool coin() { return of({false, true}); }

 private:
  RandomStream stream_;
  std::uint64_t next_{0};
};

/// A small model on GPUs, and what no plan changes.
void put_on_a_gpu(Job& job) {
  workload::Node& node = job.cluster.groups[0].node;
  node.cpu = false;
  node.accelerator.fp32_flops_per_s = node.accelerator.fp16_flops_per_s = node.accelerator.bf16_flops_per_s =
      1e12;
}

Job drawn_base(Draw& draw) {
  const bool llama = draw.coin();
  Job job = support::small_job({.family = llama ? workload::Family::llama : workload::Family::gpt,
                                .layers = draw.of({1, 2, 3, 4, 5, 6, 8, 11, 16, 24, 128}),
                                .hidden = draw.of({8, 16, 24}),
                                .heads = 4,
                                .kv_heads = llama ? draw.of({2, 4}) : 4,
                                .ffn = draw.of({16, 64}),
                                .vocab = draw.of({11, 16, 100, 1024}),
                                .sequence = draw.of({4, 8, 64}),
                                .tied = draw.coin()});
  put_on_a_gpu(job);
  job.train.global_batch = draw.of({6, 24, 48, 64, 96, 192});
  job.software = "made up";
  job.habits = {.vocab_multiple = draw.of({1, 128}),
                .vocab_multiple_times_tp = draw.coin(),
                .gradient_type = draw.of({std::string("fp32"), std::string("working")}),
                .selective_recompute = "attention_core",
                .allocator = "torch_caching",
                .dummy_weight_gradients = draw.coin(),
                .activation_input_bits = draw.of({0, 8}),
                .attention_output_bits = draw.of({0, 12}),
                .flat_gradients = draw.coin(),
                .narrow_moments = draw.coin()};
  return job;
}

/// Not all of these keep the rules.
Job with_drawn_plan(const Job& base, Draw& draw) {
  Job job = base;
  workload::Plan& p = job.plan;
  p.tp = p.tp_columns = draw.of({1, 1, 2, 4});
  p.pp = draw.of({1, 1, 2, 2, 3, 4, 5, 8, 16});
  p.dp = p.zero_group = draw.of({1, 1, 2, 3, 8});
  p.micro_batch = draw.of({1, 2, 3, 8});
  p.schedule = draw.of(
      {Schedule::gpipe, Schedule::one_f_one_b, Schedule::interleaved, Schedule::zb_h1, Schedule::dualpipe});
  p.vpp = p.schedule == Schedule::interleaved ? draw.of({1, 2, 2, 3, 4, 8}) : 1;
  p.precision = draw.of({Precision::fp32, Precision::fp16, Precision::bf16});
  p.attention = draw.of({workload::Attention::flash, workload::Attention::unfused});
  p.recompute = draw.of({Recompute::none, Recompute::full, Recompute::selective});
  p.sequence_parallel = p.tp > 1 && draw.coin();
  p.dropout = draw.of({0.0, 0.1});
  p.zero = draw.of({0, 1});
  p.overlap = {draw.coin(), draw.coin(), draw.coin(), draw.coin()};
  job.cluster.groups[0].nodes = p.tp * p.pp * p.dp;  // of one GPU, with a card
  job.cluster.groups[0].node.nics = {.count = 1, .bytes_per_s = 25e9};
  return job;
}

bool legal(const Job& job) { return !workload::first_violation(job) && !workload::first_unsupported(job); }

std::string text_of(const Job& job) {
  const workload::Plan& p = job.plan;
  return fmt::format("{} {} layers{}, {} micro-batches, precision {}, {}, overlap {} {} {}",
                     job.model.family == workload::Family::gpt ? "gpt" : "llama", job.model.layers,
                     job.model.tied_embeddings ? " tied" : "", job.micro_batches(),
                     static_cast<int>(p.precision), describe(p), p.overlap.grad_reduce,
                     p.overlap.param_gather, p.overlap.p2p);
}

/// What a set of plans has to have in it, so that equality says something.
class Covered {
 public:
  void add(const Job& job) {
    const workload::Plan& p = job.plan;
    const std::int64_t m = job.micro_batches();
    count("gpipe", p.schedule == Schedule::gpipe);
    count("1f1b", p.schedule == Schedule::one_f_one_b);
    count("interleaved", p.vpp > 1);
    count("zb-h1", p.schedule == Schedule::zb_h1);
    count("dualpipe", p.schedule == Schedule::dualpipe);
    count("no pipeline", p.pp == 1);
    count("two stages", p.pp == 2);
    count("one micro-batch", m == 1);
    count("fewer micro-batches than stages", m < p.pp);
    count("many more than stages", m > 4 * p.pp && p.pp > 1);
    count("a layer in each of 128 places", job.model.layers == 128 && p.pp * p.vpp > 8);
    count("uneven stages", job.model.layers % (p.pp * p.vpp) != 0);
    count("ends without layers", job.model.layers < p.pp * p.vpp);
    count("padded shards", p.zero > 0 && p.dp > 1);
    count("gradients aside", p.dp > 1 && (p.overlap.grad_reduce || p.overlap.param_gather));
    count("gradients born in the step", p.dp == 1 || (!p.overlap.grad_reduce && !p.overlap.param_gather));
    count("messages aside", p.pp > 1 && p.overlap.p2p);
    count("selective", p.recompute == Recompute::selective);
    count("sequence parallel", p.sequence_parallel);
    count("dummy gradients", job.habits.dummy_weight_gradients && p.precision != Precision::fp32);
    count("a tied table on one rank", job.model.tied_embeddings && p.pp == 1);
  }
  void expect_at_least(int plans) const {
    for (const auto& [what, number] : number_) EXPECT_GE(number, plans) << what;
  }

 private:
  void count(const std::string& what, bool has) { number_[what] += has ? 1 : 0; }
  std::map<std::string, int> number_;
};

TEST(PlanPeaks, IsThatOfTheLoweredPlanToTheByte) {
  constexpr std::uint64_t kBases = 20;
  constexpr int kPlansOfEach = support::fewer(30);
  Covered covered;
  for (std::uint64_t seed = 0; seed < kBases; ++seed) {
    Draw draw(seed);
    const Job base = drawn_base(draw);
    memory::PlanPeaks peaks(base);  // one for all plans, since what it keeps must not mix them up
    for (int plans = 0; plans < kPlansOfEach;) {
      Job job = with_drawn_plan(base, draw);
      if (!legal(job)) continue;
      workload::settle(job);
      ++plans;
      covered.add(job);
      SCOPED_TRACE(fmt::format("seed {}: {}", seed, text_of(job)));
      EXPECT_EQ(peak_of(peaks, job.plan), peak_when_lowered(job));
    }
  }
  if (!support::sanitized()) covered.expect_at_least(5);
}

TEST(PlanPeaks, IsThatOfTheLoweredPlanInEveryArchitecture) {
  for (const support::Architecture& one : support::architectures()) {
    Draw draw(5);
    Job base = drawn_base(draw);
    const support::Small small{.family = one.family, .layers = 8, .hidden = 16, .heads = 4, .kv_heads = 4};
    base.model = support::small_job(small).model;
    one.change(base.model);
    if (base.model.positions > 0) base.model.positions += base.train.sequence_length;
    memory::PlanPeaks peaks(base);
    for (int plans = 0; plans < 15;) {
      Job job = with_drawn_plan(base, draw);
      if (!legal(job)) continue;
      workload::settle(job);
      ++plans;
      SCOPED_TRACE(fmt::format("{}: {}", one.name, text_of(job)));
      EXPECT_EQ(peak_of(peaks, job.plan), peak_when_lowered(job));
    }
  }
}

// Two layers in four places: the first holds the embedding alone, the last the head, which with a large vocabulary needs
// most. Its stage has another chunk with a layer, whose matrices have gradients beside those in fp32 as well.
TEST(PlanPeaks, IsThatOfAStageWhoseLastChunkIsTheHeadAlone) {
  Job job = support::small_job({.layers = 2,
                                .vocab = 4096,
                                .micro_batches = 4,
                                .schedule = Schedule::interleaved,
                                .precision = Precision::bf16,
                                .pp = 2,
                                .vpp = 2});
  put_on_a_gpu(job);
  job.habits = {.gradient_type = "fp32", .allocator = "torch_caching", .dummy_weight_gradients = true};
  ASSERT_EQ(job.plan.stage_layers[1][1], 0);
  memory::PlanPeaks peaks(job);
  EXPECT_EQ(peak_of(peaks, job.plan), peak_when_lowered(job));
}

TEST(PlanPeaks, OfATrillionParametersIsThatOfTheLoweredPlan) {
  const Job base = workload::read_job(DS_SOURCE_DIR "/profiles/jobs/gpt-1t-4096-a100.json");
  const Space space = read_space(base, {});
  memory::PlanPeaks peaks(base);
  const RandomStream draw(3, 0);
  Job job = space.base();
  int plans = 0;
  // Laying out thousands of micro-batches takes seconds.
  constexpr std::int64_t kMostMicroBatches = 64;
  for (std::uint64_t i = 0; plans < support::fewer(30); ++i) {
    const auto index = static_cast<Index>(draw.below(static_cast<std::uint64_t>(space.size()), i));
    if (space.decode_into(space.candidate(index), job) || job.micro_batches() > kMostMicroBatches) continue;
    ++plans;
    SCOPED_TRACE(text_of(job));
    EXPECT_EQ(peak_of(peaks, job.plan), peak_when_lowered(job));
  }
}

}  // namespace
}  // namespace ds::tuner
