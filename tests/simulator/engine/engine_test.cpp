#include "simulator/engine/engine.h"

#include <gtest/gtest.h>

#include <array>
#include <map>

#include "simulator/program/rows.h"
#include "tests/support/jobs.h"

namespace ds::engine {
namespace {

/// Made-up durations that are all different, so that a count that is off shows.
Durations some_durations(const program::Program& program) {
  Durations durations;
  for (std::size_t i = 0; i < program.ops.size(); ++i)
    durations.operators.push_back(
        {1e-3 * (1 + 0.37 * static_cast<double>(i) + 0.011 * static_cast<double>(i * i))});
  std::vector<Seconds>& seconds = durations.communications.tables.emplace_back();
  for (const program::Instruction& instruction : program.instructions)
    seconds.push_back({1e-4 + 1e-9 * instruction.comm.bytes.expected_bytes});
  return durations;
}

program::Timeline timeline_of(const program::Program& program, const Durations& durations, Cores cores = {}) {
  return play(program, durations, {.cores = cores, .rows = Rows::all}).timeline;
}

/// Plans over several ranks, each with its own schedule, overlap and classes.
std::vector<support::Small> parallel_plans() {
  std::vector<support::Small> plans;
  for (const auto& [tp, pp, dp, vpp] : std::vector<std::array<std::int64_t, 4>>{
           {2, 1, 1, 1}, {1, 2, 1, 1}, {1, 1, 2, 1}, {2, 2, 2, 1}, {1, 2, 2, 2}, {1, 4, 1, 1}})
    for (const bool overlap : {false, true}) {
      support::Small s{
          .layers = 4, .hidden = 16, .heads = 4, .kv_heads = 4, .ffn = 24, .sequence = 6, .micro_batches = 4};
      s.tp = tp, s.pp = pp, s.dp = dp, s.vpp = vpp;
      if (vpp > 1) s.schedule = workload::Schedule::interleaved;
      s.overlap = {.grad_reduce = overlap, .param_gather = overlap, .p2p = overlap};
      plans.push_back(s);
    }
  return plans;
}

/// Seconds that the rank computes in a step.
double busy(const program::Program& program, const program::Timeline& timeline, std::int32_t rank) {
  double sum = 0;
  for (const program::Row& row : timeline.rows) {
    if (row.rank == rank && program::computes(program::instruction_of(program, row).kind))
      sum += (row.end - row.start).value;
  }
  return sum;
}

TEST(Engine, BothDepthsAgreeOnOneRank) {
  for (const support::Small& small : support::small_variants()) {
    SCOPED_TRACE(support::describe(small));
    const program::Program program = program::lower(support::small_job(small));
    const Durations durations = some_durations(program);
    const program::StepSummary event = play(program, durations).summary;
    const program::StepSummary analytic = analyse(program, durations);
    EXPECT_NEAR(event.step_time.value, analytic.step_time.value, 1e-9 * analytic.step_time.value);
    EXPECT_NEAR(event.parts.compute.value, analytic.parts.compute.value, 1e-9 * analytic.step_time.value);
    EXPECT_NEAR(event.parts.optimizer.value, analytic.parts.optimizer.value, 1e-9 * analytic.step_time.value);
    EXPECT_NEAR(event.parts.total().value, event.step_time.value, 1e-9 * event.step_time.value);
    ASSERT_EQ(event.classes.size(), analytic.classes.size());
  }
}

TEST(Engine, NoInstructionStartsBeforeTheOneBeforeItHasEnded) {
  const program::Program program = program::lower(support::small_job({}));
  const program::Timeline timeline = timeline_of(program, some_durations(program));
  for (std::size_t i = 1; i < timeline.rows.size(); ++i)
    EXPECT_GE(timeline.rows[i].start.value, timeline.rows[i - 1].end.value - 1e-12);
  EXPECT_NEAR(timeline.rows.front().start.value, 0, 1e-12);
  EXPECT_NEAR(timeline.rows.back().end.value, timeline.length.value, 1e-12);
}

TEST(Engine, OneClassPerRankSaysTheSameAsOnePerStage) {
  for (const support::Small& plan : parallel_plans()) {
    const workload::Job job = support::small_job(plan);
    const program::Program stages = program::lower(job);
    const program::Program ranks = program::lower(job, program::Classes::per_rank);
    const double together = timeline_of(stages, some_durations(stages)).length.value;
    EXPECT_NEAR(timeline_of(ranks, some_durations(ranks)).length.value, together, 1e-12 * together);
    const double analytic = analyse(stages, some_durations(stages)).step_time.value;
    EXPECT_NEAR(analyse(ranks, some_durations(ranks)).step_time.value, analytic, 1e-12 * analytic);
  }
}

TEST(Engine, EveryInstructionOfEveryClassHasItsRowInOrderOfItsLane) {
  for (const support::Small& plan : parallel_plans()) {
    const program::Program program = program::lower(support::small_job(plan));
    const program::Timeline timeline = timeline_of(program, some_durations(program));
    std::int64_t instructions = 0;
    for (const program::RankClass& ranks : program.classes)
      for (const program::Phase& phase : ranks.phases)
        for (const program::Call& call : phase.calls) instructions += program::length_of(program.body(call));
    EXPECT_EQ(std::ssize(timeline.rows), instructions);
    std::map<std::pair<std::int32_t, program::LaneId>, double> lane_end;
    for (const program::Row& row : timeline.rows) {
      const program::LaneId lane = program::instruction_of(program, row).lane;
      double& end = lane_end.try_emplace({row.rank, lane}, -1e300).first->second;
      EXPECT_GE(row.start.value, end - 1e-12);
      EXPECT_GE(row.end.value, row.start.value);
      end = row.end.value;
    }
  }
}

TEST(Engine, AStepIsNoShorterThanWhatItsBusiestRankComputes) {
  for (const support::Small& plan : parallel_plans()) {
    const program::Program program = program::lower(support::small_job(plan));
    const program::Timeline timeline = timeline_of(program, some_durations(program));
    for (const program::RankClass& ranks : program.classes)
      EXPECT_GE(timeline.length.value, busy(program, timeline, ranks.first));
  }
}

/// On one core, ranks take turns: a step takes at least what all of them compute together, and the more cores there are
/// the shorter it is, down to what it takes where each rank has its own.
TEST(Engine, RanksShareCores) {
  for (const support::Small& plan : parallel_plans()) {
    const program::Program program = program::lower(support::small_job(plan));
    const Durations durations = some_durations(program);
    const program::Timeline alone = timeline_of(program, durations);
    double all = 0;
    for (const program::RankClass& ranks : program.classes)
      all += ranks.members * busy(program, alone, ranks.first);
    const double ranks = program.grid.ranks();
    const double one = timeline_of(program, durations, {1}).length.value,
                 half = timeline_of(program, durations, {ranks / 2}).length.value;
    EXPECT_GE(one, all * 0.99);  // part of a step's work may fall before the end of the one before it
    EXPECT_LE(half, one * (1 + 1e-9));
    EXPECT_GE(half, alone.length.value * (1 - 1e-9));
    EXPECT_EQ(timeline_of(program, durations, {ranks}).length, alone.length);
  }
}

/// Two stages, gpipe: the second waits for the first micro-batch, the first for the last gradient. By hand: forward 1 s a
/// stage, backward 2 s, messages and updates free.
TEST(Engine, APipelineFillsAndDrains) {
  support::Small plan{.layers = 2, .micro_batches = 3, .tied = false, .schedule = workload::Schedule::gpipe};
  plan.pp = 2;
  const program::Program program = program::lower(support::small_job(plan));
  Durations durations{.operators = std::vector<Seconds>(program.ops.size()), .communications = {}};
  durations.communications.tables.emplace_back(program.instructions.size());
  // The residual additions mark a forward: two a layer. Attention's gradient marks a backward: one a layer.
  for (std::size_t i = 0; i < program.ops.size(); ++i) {
    if (std::holds_alternative<ops::Add>(program.ops[i].what)) durations.operators[i] = {0.5};
    const bool attention = std::holds_alternative<ops::Attention>(program.ops[i].what);
    if (attention && program.ops[i].pass == ops::Pass::input_gradient) durations.operators[i] = {2};
  }
  EXPECT_NEAR(timeline_of(program, durations).length.value, (3 + 1) * (1 + 2), 1e-9);
}

}  // namespace
}  // namespace ds::engine
