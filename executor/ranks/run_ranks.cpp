// The supervisor's side.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <utility>

#include "executor/available_memory.h"
#include "executor/pool/pool_communicators.h"
#include "executor/ranks/ranks.h"
#include "simulator/base/error.h"
#include "simulator/program/walk.h"

namespace ds::executor {
namespace {

Pool pool_for(const program::Program& program, const std::vector<memory::Layout>& layouts,
              const Briefing& briefing) {
  PoolShape shape{.arenas = {}, .briefing = encode(briefing)};
  for (std::int32_t rank = 0; rank < program.grid.ranks(); ++rank)
    shape.arenas.push_back(layouts[program::class_of(program, rank)].arena);
  shape.channels = static_cast<std::int32_t>(channels_of(program).size());
  return Pool::create(shape);
}

void check_memory_for(const program::Program& program, const std::vector<memory::Layout>& layouts) {
  Bytes all{};
  for (std::int32_t rank = 0; rank < program.grid.ranks(); ++rank)
    all += layouts[program::class_of(program, rank)].arena;
  check_available(fmt::format("the arenas of {} ranks", program.grid.ranks()), all, available_memory());
}

/// What a rank was at, by its call's number within a step and the instruction's within the call's template.
std::optional<std::string> class_at(const program::Program& program, const Death& death,
                                    const RankStatus& status) {
  const bool judging = status.phase == RankPhase::judging;
  if (status.phase != RankPhase::training && !judging) return std::nullopt;
  std::int32_t number = 0;
  for (const program::Phase& phase : program.classes[program::class_of(program, death.rank)].phases)
    for (const program::Call& call : phase.calls) {
      const program::Template& body = program.body(call);
      if (judging && body.pass != program::Pass::forward) continue;
      if (number++ != status.call) continue;
      const auto instruction = static_cast<std::size_t>(status.instruction);
      if (static_cast<std::int64_t>(instruction) >= program::length_of(body)) return std::nullopt;
      return program::class_name(
          program, program.instruction(program::issued_at(body, static_cast<std::int32_t>(instruction)).id));
    }
  return std::nullopt;
}

}  // namespace

std::string tell(const program::Program& program, const RankFailure& failure) {
  const std::optional<std::string> name = class_at(program, failure.death, failure.status);
  return name ? fmt::format("{} ({})", tell(failure), *name) : tell(failure);
}

void throw_failure(const Outcome& outcome, const std::function<std::string(const RankFailure&)>& what) {
  if (!outcome.failure) return;
  const RankFailure& failure = *outcome.failure;
  const std::vector<std::byte>& mail = outcome.results[static_cast<std::size_t>(failure.death.rank)];
  if (failure.death.signal == 0 && !mail.empty())
    if (const std::optional<RankError> error = decode(mail).error) {
      if (error->status == 1) throw RunFailed(error->message);
      if (error->status == 2) throw InputError({}, error->message);
      throw MachineError(fmt::format("rank {}: {}", failure.death.rank, error->message));
    }
  throw MachineError(what(failure));
}

PlanResult run_ranks(const program::Program& program, const std::vector<memory::Layout>& layouts,
                     const Briefing& briefing, Launch launch,
                     const std::function<void(const StepRecord&)>& on_step) {
  check_memory_for(program, layouts);
  Pool pool = pool_for(program, layouts, briefing);
  std::uint64_t seen = 0;
  std::vector<StepRecord> steps;
  launch.on_look = [&] {
    for (const Pool::Record& record : pool.published(seen))
      on_step(steps.emplace_back(std::bit_cast<StepRecord>(record)));
  };
  const Outcome outcome = supervise(pool, launch);
  throw_failure(outcome, [&](const RankFailure& failure) { return tell(program, failure); });
  if (outcome.cut) return {.steps = std::move(steps), .stopped = true, .cut = true};
  std::vector<RunResult> results;
  for (const std::vector<std::byte>& mail : outcome.results) results.push_back(decode(mail).result);
  return merge(results);
}

}  // namespace ds::executor
