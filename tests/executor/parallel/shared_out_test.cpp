// Sequences and experts that ranks share out: the plain kernels play the lowered program, and loss, gradients and weights are
// those of one process. So what is simulated is a program that computes the right thing.
#include <fmt/format.h>

#include "tests/executor/parallel/plans.h"
#include "tests/support/architectures.h"
#include "tests/support/sanitizer.h"

namespace ds::support {
namespace {

using workload::CpKind;
using workload::Family;
using workload::Moe;

/// Loss and gradients before an update and after one, and the weights that it leaves.
void expect_as_in_one_process(const workload::Job& many, const workload::Job& single) {
  Team team(many), alone(single);
  const double loss = alone.step(0).loss;
  EXPECT_NEAR(team.step(0).loss, loss, 1e-12 * loss);
  expect_same(team.weights(), alone.weights(), 1e-10);
  const auto expected = alone.step(1, false), got = team.step(1, false);
  EXPECT_NEAR(got.loss, expected.loss, 1e-12 * expected.loss);
  EXPECT_NEAR(got.grad_norm, expected.grad_norm, 1e-10 * expected.grad_norm);
  expect_same(team.gradients(), alone.gradients(), 1e-10);
  for (std::int32_t rank = 0; rank < team.ranks(); ++rank)
    EXPECT_EQ(team.highest_byte(rank), team.predicted(rank)) << "rank " << rank;
}

void expect_as_in_one_process(const Small& many) {
  expect_as_in_one_process(small_job(many), small_job(on_one_rank(many)));
}

struct Degrees {
  std::int64_t tp{1}, pp{1}, dp{1}, cp{1}, ep{1}, etp{0};
  int zero{1};
  std::int64_t zero_group{0};
};

/// Four heads, two of keys unless all are asked for; two sequences a micro-batch, two micro-batches a rank at least.
Small with(const Degrees& d, Family family) {
  Small s{.family = family,
          .layers = 2,
          .hidden = 16,
          .heads = 4,
          .kv_heads = family == Family::gpt ? 4 : 2,
          .ffn = 24,
          .vocab = 13,
          .sequence = 16,
          .micro_batch = 2,
          .micro_batches = 2,
          .tied = false};
  s.tp = d.tp, s.pp = d.pp, s.dp = d.dp, s.cp = d.cp, s.ep = d.ep, s.etp = d.etp;
  s.zero = d.zero, s.zero_group = d.zero_group;
  return s;
}

std::string name_of(const Degrees& d) {
  std::string name = fmt::format("tp {} x pp {} x dp {} x cp {}, zero {} in groups of {}", d.tp, d.pp, d.dp,
                                 d.cp, d.zero, d.zero_group);
  return d.ep > 1 ? fmt::format("{}, ep {} x etp {}", name, d.ep, d.etp) : name;
}

constexpr Degrees kContexts[] = {{.cp = 2},
                                 {.cp = 4},
                                 {.dp = 2, .cp = 2},
                                 {.tp = 2, .cp = 2},
                                 {.pp = 2, .cp = 2},
                                 {.cp = 2, .zero = 0},
                                 {.dp = 4, .zero_group = 2},
                                 {.dp = 2, .cp = 2, .zero_group = 2},
                                 {.tp = 2, .pp = 2, .dp = 2, .cp = 2}};

/// Keys that several heads have in common (LLaMA), learned positions (GPT).
class Sequences : public testing::TestWithParam<CpKind> {};

TEST_P(Sequences, SharedOutTrainAsOnOneRank) {
  for (const Family family : {Family::llama, Family::gpt})
    for (const Degrees& degrees : kContexts)
      for (const bool recomputes : {false, true}) {
        if (recomputes && family == Family::gpt) continue;
        Small s = with(degrees, family);
        s.cp_kind = GetParam();
        s.full_recompute = recomputes;
        if (s.cp_kind == CpKind::all_to_all) s.kv_heads = 4;
        if (s.cp_kind == CpKind::all_to_all && s.tp * s.cp > 2) s.heads = 8, s.kv_heads = 4;
        SCOPED_TRACE(name_of(degrees) + (recomputes ? ", recomputed" : ""));
        expect_as_in_one_process(s);
      }
}

TEST_P(Sequences, TrainWithWindowsAndNormsOfQueries) {
  if (GetParam() == CpKind::ring) return;  // knows no windows
  Small s = with({.tp = 2, .cp = 2}, Family::llama);
  s.cp_kind = GetParam();
  s.kv_heads = 4;
  s.change = [](workload::Model& m) {
    m.window = 5;
    m.qk_norm = workload::QkNorm::shared;
    m.rotary_dim = 2;
    m.logit_cap = true;
  };
  expect_as_in_one_process(s);
}

TEST_P(Sequences, OverlapChangesNothing) {
  Small s = with({.pp = 2, .dp = 2, .cp = 2}, Family::llama);
  s.cp_kind = GetParam();
  s.kv_heads = 4;
  Small overlapped = s;
  overlapped.overlap = {.grad_reduce = true, .param_gather = true, .p2p = true};
  Team a(small_job(s)), b(small_job(overlapped));
  for (std::int64_t step = 0; step < 2; ++step) EXPECT_EQ(a.step(step).loss, b.step(step).loss);
  expect_same(a.weights(), b.weights(), 0);
}

std::string name_of_kind(const testing::TestParamInfo<CpKind>& kind) {
  switch (kind.param) {
    case CpKind::ring: return "ring";
    case CpKind::all_gather: return "all_gather";
    case CpKind::all_to_all: return "all_to_all";
  }
  return "";
}

INSTANTIATE_TEST_SUITE_P(Kinds, Sequences,
                         testing::Values(CpKind::ring, CpKind::all_gather, CpKind::all_to_all), name_of_kind);

/// Weights and gradients in shards, gathered and reduced layer by layer. Gradients are gone after their backward; what they
/// were is seen by the moments that they leave.
void expect_same_state(const Small& many, bool fsdp) {
  workload::Job job = small_job(many);
  job.habits.fsdp = fsdp;
  Team team(job), alone(small_job(on_one_rank(many)));
  for (std::int64_t step = 0; step < 2; ++step) {
    const executor::StepResult expected = alone.step(step), got = team.step(step);
    EXPECT_NEAR(got.loss, expected.loss, 1e-12 * expected.loss);
    EXPECT_NEAR(got.grad_norm, expected.grad_norm, 1e-10 * expected.grad_norm);
  }
  expect_same_states(team.state(), alone.state(), 1e-10);
}

TEST(Shards, OfWeightsAndGradientsTrainAsOnOneRank) {
  support::Sample sample;
  for (Degrees degrees : {Degrees{.dp = 2},
                          {.dp = 4, .zero_group = 2},
                          {.tp = 2, .dp = 2},
                          {.pp = 2, .dp = 2},
                          {.dp = 2, .cp = 2},
                          {.tp = 2, .pp = 2, .dp = 2}})
    for (const int zero : {2, 3})
      for (const bool overlaps : {false, true})
        for (const bool recomputes : {false, true}) {
          if (!sample.takes()) continue;
          degrees.zero = zero;
          Small s = with(degrees, Family::llama);
          s.layers = 6;
          s.tied = s.pp == 1;
          s.full_recompute = recomputes;
          if (overlaps) s.overlap = {.grad_reduce = true, .param_gather = true};
          SCOPED_TRACE(name_of(degrees) + (overlaps ? ", beside the work" : "") +
                       (recomputes ? ", recomputed" : ""));
          expect_same_state(s, false);
          if (zero == 2) expect_same_state(s, true);  // keeps what a forward has gathered
        }
}

/// Each expert has room for all tokens, so that none is dropped however they are cut over ranks.
Moe roomy(Moe moe, const workload::Model& m) {
  moe.capacity_factor = static_cast<double>(moe.experts) / static_cast<double>(moe.top_k);
  moe.dense_layers = std::vector<bool>(static_cast<std::size_t>(m.layers), false);
  return moe;
}

struct Mixture {
  const char* name;
  void (*change)(workload::Model&);
};
constexpr Mixture kMixtures[] = {
    {"one of four",
     [](workload::Model& m) { m.moe = roomy({.experts = 4, .top_k = 1, .expert_ffn = 12}, m); }},
    {"two of four",
     [](workload::Model& m) { m.moe = roomy({.experts = 4, .top_k = 2, .expert_ffn = 12}, m); }},
    {"a dense layer, two of four and a shared one",
     [](workload::Model& m) {
       m.moe = roomy({.experts = 4, .top_k = 2, .expert_ffn = 12, .shared_experts = 1}, m);
       m.moe->dense_layers.front() = true;
     }},
    {"two of four and two shared ones behind a gate",
     [](workload::Model& m) {
       m.moe =
           roomy({.experts = 4, .top_k = 2, .expert_ffn = 12, .shared_experts = 2, .shared_gate = true}, m);
     }},
};

constexpr Degrees kExperts[] = {{.dp = 2},
                                {.tp = 2},
                                {.pp = 2},
                                {.dp = 2, .ep = 2},
                                {.dp = 4, .ep = 2},
                                {.dp = 4, .ep = 2, .zero = 0},
                                {.dp = 4, .ep = 2, .zero_group = 2},
                                {.dp = 8, .ep = 2, .zero_group = 4},
                                {.dp = 4, .ep = 4},
                                {.tp = 2, .ep = 2},
                                {.tp = 2, .dp = 2, .ep = 2},
                                {.tp = 2, .dp = 4, .ep = 2, .zero_group = 2},
                                {.tp = 2, .dp = 2, .ep = 4},
                                {.tp = 2, .dp = 2, .ep = 2, .etp = 2},
                                {.pp = 2, .dp = 2, .ep = 2},
                                {.tp = 2, .pp = 2, .dp = 2, .ep = 2},
                                {.dp = 2, .cp = 2, .ep = 2},
                                {.dp = 2, .cp = 2, .ep = 4}};

TEST(Experts, SharedOutTrainAsOnOneRank) {
  support::Sample sample;
  for (const Mixture& mixture : kMixtures)
    for (const Degrees& degrees : kExperts)
      for (const bool recomputes : {false, true}) {
        if ((recomputes && &mixture != &kMixtures[2]) || !sample.takes()) continue;
        Small s = with(degrees, Family::moe);
        s.change = mixture.change;
        s.full_recompute = recomputes;
        SCOPED_TRACE(
            fmt::format("{}: {}{}", mixture.name, name_of(degrees), recomputes ? ", recomputed" : ""));
        expect_as_in_one_process(s);
      }
}

/// Probabilities travel with rows, or are sent by themselves, and experts multiply by them: the same sum as of results that come back
/// and are multiplied.
TEST(Experts, MultiplyByProbabilitiesThemselves) {
  support::Sample sample;
  for (const Mixture& mixture : kMixtures)
    for (const Degrees& degrees : kExperts)
      for (const bool gated : {true, false}) {
        if (!sample.takes()) continue;
        Small s = with(degrees, Family::moe);
        s.change = mixture.change;
        s.full_recompute = !gated;
        workload::Job many = small_job(s), single = small_job(on_one_rank(s));
        many.model.gated_mlp = single.model.gated_mlp = gated;
        many.habits.experts_multiply = true;
        SCOPED_TRACE(fmt::format("{}: {}{}", mixture.name, name_of(degrees), gated ? "" : ", not gated"));
        expect_as_in_one_process(many, single);
      }
}

void latent(workload::Model& m) {
  m.mla = workload::Mla{
      .q_lora_rank = 12, .kv_lora_rank = 8, .qk_nope_head_dim = 4, .qk_rope_head_dim = 2, .v_head_dim = 6};
}

/// Latent attention (DeepSeek-V2), sinks (gpt-oss), scores that lose by distance (BLOOM), with sequences that ranks share out.
TEST_P(Sequences, TrainWithOtherAttentions) {
  struct Other {
    const char* name;
    Family family;
    void (*change)(workload::Model&);
  };
  constexpr Other kOthers[] = {
      {"latent", Family::llama, latent},
      {"latent, not rotated", Family::llama,
       [](workload::Model& m) {
         latent(m);
         m.position = workload::Position::none;
       }},
      {"sinks", Family::llama, [](workload::Model& m) { m.attention_sinks = true; }},
      {"alibi", Family::gpt, [](workload::Model& m) { m.position = workload::Position::alibi; }},
  };
  for (const Other& other : kOthers)
    for (const Degrees& degrees :
         {Degrees{.cp = 2}, {.cp = 4}, {.tp = 2, .cp = 2}, {.tp = 2, .pp = 2, .cp = 2}}) {
      Small s = with(degrees, other.family);
      s.cp_kind = GetParam();
      s.heads = s.kv_heads = 8;
      s.change = other.change;
      SCOPED_TRACE(fmt::format("{}: {}", other.name, name_of(degrees)));
      expect_as_in_one_process(s);
    }
}

/// Modules behind the head, which share its weight and the embedding's.
TEST(FurtherTokens, ArePredictedAsOnOneRank) {
  for (const Degrees& degrees :
       {Degrees{.dp = 2}, {.tp = 2}, {.tp = 2, .dp = 2}, {.cp = 2}, {.dp = 2, .ep = 2}}) {
    Small s = with(degrees, degrees.ep > 1 ? Family::moe : Family::llama);
    s.change = degrees.ep > 1 ? +[](workload::Model& m) { kMixtures[2].change(m), m.mtp_layers = 1; }
                              : +[](workload::Model& m) { m.mtp_layers = 2; };
    SCOPED_TRACE(name_of(degrees));
    expect_as_in_one_process(s);
  }
}

/// Two pipelines in opposite directions: a forward of the one and a backward of the other in one call, both copies of a stage updated
/// alike.
TEST(OppositePipelines, TrainAsOnOneRank) {
  for (const Degrees& degrees :
       {Degrees{.pp = 2}, {.pp = 4}, {.pp = 2, .dp = 2}, {.tp = 2, .pp = 2}, {.pp = 2, .dp = 2, .ep = 2}})
    for (const bool multiply : {false, true}) {
      if (multiply && degrees.ep == 1) continue;
      Small s = with(degrees, degrees.ep > 1 ? Family::moe : Family::llama);
      s.layers = degrees.pp;
      s.micro_batches = 2 * degrees.pp + 2;
      s.schedule = workload::Schedule::dualpipe;
      if (degrees.ep > 1) s.change = kMixtures[1].change;
      SCOPED_TRACE(name_of(degrees));
      workload::Job many = small_job(s);
      many.habits.experts_multiply = multiply;
      expect_as_in_one_process(many, small_job(on_one_rank(s)));
    }
}

/// Backwards in two parts (zero bubble), alone and with what ranks share out.
TEST(SplitBackwards, TrainAsOnOneRank) {
  for (const auto schedule : {workload::Schedule::zb_h1, workload::Schedule::zb_v})
    for (const Degrees& degrees : {Degrees{.pp = 2},
                                   {.tp = 2, .pp = 2},
                                   {.pp = 2, .cp = 2},
                                   {.pp = 2, .dp = 2, .ep = 2},
                                   {.pp = 2, .dp = 2, .zero = 3}}) {
      Small s = with(degrees, degrees.ep > 1 ? Family::moe : Family::llama);
      s.micro_batches = 4;
      s.schedule = schedule;
      s.layers = 4;
      if (degrees.ep > 1) s.change = kMixtures[2].change;
      SCOPED_TRACE(fmt::format("{} {}", workload::entry_of(schedule).name, name_of(degrees)));
      if (degrees.zero == 3)
        expect_same_state(s, false);
      else
        expect_as_in_one_process(s);
    }
}

/// Tensor-parallel ranks in a grid: weights cut both ways, tokens exchanged for columns of what they hold. Beside pipelines, sequences
/// that ranks share out, shards of weights, and recomputing.
TEST(GridsOfTensorRanks, TrainAsOnOneRank) {
  struct Grid {
    std::int64_t rows;
    Degrees degrees;
  };
  for (const Grid& grid : {Grid{2, {.tp = 2}},
                           {2, {.tp = 4}},
                           {4, {.tp = 4}},
                           {2, {.tp = 4, .pp = 2}},
                           {2, {.tp = 4, .dp = 2}},
                           {2, {.tp = 4, .dp = 2, .zero = 3}},
                           {2, {.tp = 2, .cp = 2}}})
    for (const bool recomputes : {false, true})
      for (const bool flash : {true, false}) {
        if (!flash && grid.degrees.cp > 1) continue;
        Small s = with(grid.degrees, Family::llama);
        s.tp_rows = grid.rows, s.kv_heads = 4, s.flash = flash;
        s.full_recompute = recomputes;
        s.change = [](workload::Model& m) { m.projection_bias = true, m.qk_norm = workload::QkNorm::shared; };
        SCOPED_TRACE(fmt::format("{} rows, {}{}{}", grid.rows, name_of(grid.degrees),
                                 recomputes ? ", recomputed" : "", flash ? "" : ", unfused"));
        if (grid.degrees.zero == 3)
          expect_same_state(s, false);
        else
          expect_as_in_one_process(s);
      }
}

/// Windows, norms of queries and keys, partial rotation, bare norms, caps, experts as models have them: what only the plain
/// kernels compute.
TEST(RareArchitectures, TrainOnManyRanksAsOnOne) {
  for (const Architecture& one : architectures())
    for (const Axes& axes : {plans().front(), plans().back()})
      for (const bool sequence_parallel : {true, false}) {
        if (one.on_cpus) continue;
        Small s = small(axes, one.family, false);
        s.change = one.change;
        s.sequence_parallel = sequence_parallel;
        workload::Job many = small_job(s), single = small_job(on_one_rank(s));
        for (workload::Job* job : {&many, &single})
          if (job->model.moe)
            job->model.moe->capacity_factor =
                static_cast<double>(job->model.moe->experts) / static_cast<double>(job->model.moe->top_k);
        SCOPED_TRACE(std::string(one.name) + ", " + axes.name + (sequence_parallel ? "" : ", tokens whole"));
        expect_as_in_one_process(many, single);
      }
}

}  // namespace
}  // namespace ds::support
