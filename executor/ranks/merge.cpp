// Puts the records, times and steps of a run's ranks together.
#include "executor/ranks/merge.h"

#include <fmt/format.h>

#include <algorithm>

#include "simulator/base/error.h"

namespace ds::executor {
namespace {

/// Losses and norms are sums over all ranks, so every rank has the same bits.
void check_equal(const StepRecord& first, const StepRecord& other, std::size_t rank) {
  if (first.loss != other.loss || first.grad_norm != other.grad_norm)
    throw MachineError(fmt::format("rank {} has loss {} and norm {} in step {}, rank 0 has {} and {}", rank,
                                   other.loss, other.grad_norm, other.step, first.loss, first.grad_norm));
}

std::vector<StepRecord> merge_records(const std::vector<RunResult>& ranks) {
  std::vector<StepRecord> steps = ranks.front().steps;
  for (std::size_t r = 1; r < ranks.size(); ++r) {
    ensure(ranks[r].steps.size() == steps.size(), "all ranks run the same steps");
    for (std::size_t s = 0; s < steps.size(); ++s) {
      const StepRecord& other = ranks[r].steps[s];
      check_equal(steps[s], other, r);
      steps[s].wall = std::max(steps[s].wall, other.wall);
      steps[s].cpu = std::max(steps[s].cpu, other.cpu);
      steps[s].tokens_per_s = std::min(steps[s].tokens_per_s, other.tokens_per_s);
    }
  }
  return steps;
}

void add_rows(program::Timeline& to, const program::Timeline& from, Seconds later) {
  for (program::Row row : from.rows) {
    row.start += later, row.end += later;
    to.rows.push_back(row);
  }
}

/// Every rank's begin is the end of its step before.
MeasuredStep merge_steps(const std::vector<RunResult>& ranks) {
  const MeasuredStep& first = ranks.front().measured.front();
  MeasuredStep all{.step = first.step, .begin = first.begin, .wall = {}, .cpu = {}};
  for (const RunResult& rank : ranks)
    all.begin.wall = std::max(all.begin.wall, rank.measured.front().begin.wall);
  for (const RunResult& rank : ranks) {
    const MeasuredStep& own = rank.measured.front();
    ensure(own.step == all.step, "the same step stands for all ranks");
    add_rows(all.wall, own.wall, own.begin.wall - all.begin.wall);
    add_rows(all.cpu, own.cpu, Seconds{});
    all.wall.length = std::max(all.wall.length, own.begin.wall + own.wall.length - all.begin.wall);
    all.cpu.length = std::max(all.cpu.length, own.cpu.length);
  }
  return all;
}

}  // namespace

PlanResult merge(const std::vector<RunResult>& ranks) {
  ensure(!ranks.empty(), "a plan has a rank");
  PlanResult all{.steps = merge_records(ranks), .arenas = {}, .residents = {}, .measured = {}};
  for (const RunResult& rank : ranks) {
    all.held_back_before += rank.held_back_before;
    if (rank.held_back_after) all.held_back_after = all.held_back_after.value_or(0) + *rank.held_back_after;
    all.arenas.push_back(rank.arena);
    all.residents.push_back(rank.resident);
    all.stopped = all.stopped || rank.stopped;
  }
  if (std::ranges::none_of(ranks, [](const RunResult& rank) { return rank.measured.empty(); }))
    all.measured = merge_steps(ranks);
  return all;
}

RunResult with_one_step(RunResult result, std::int64_t step) {
  std::erase_if(result.measured, [&](const MeasuredStep& measured) { return measured.step != step; });
  return result;
}

}  // namespace ds::executor
