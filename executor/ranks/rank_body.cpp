// A rank's side.
#include <fmt/format.h>

#include <bit>
#include <exception>
#include <new>
#include <utility>

#include "executor/device/cpu_device.h"
#include "executor/pool/heartbeat.h"
#include "executor/pool/pool_communicators.h"
#include "executor/ranks/ranks.h"
#include "simulator/base/error.h"
#include "simulator/base/short_memory.h"

namespace ds::executor {
namespace {

// Without any sign of life of a peer. The supervisor sees more and speaks first: this is for ranks without one.
constexpr Seconds kDeadline{120}, kDeadlineAtStart{900};

}  // namespace

RankBody::RankBody(const RankEnvironment& environment)
    : environment_(environment), pool_(Pool::open(environment.pool_descriptor)) {
  if (environment.rank >= pool_.ranks())
    throw InputError(kRankVariable, fmt::format("is {}, of {} ranks", environment.rank, pool_.ranks()));
}

int RankBody::run(const std::function<void()>& work) {
  RankError error{.status = 3, .message = {}};
  try {
    work();
    return 0;
  } catch (const RunFailed& e) {
    error = {1, e.what()};
  } catch (const InputError& e) {
    error = {2, e.what()};
  } catch (const MachineError& e) {
    error.message = e.what();
  } catch (const std::bad_alloc&) {
    error.message = not_enough_memory();
  } catch (const std::exception& e) {
    error.message = std::string("our mistake: ") + e.what();
  }
  pool_.deliver(environment_.rank, encode({.result = {}, .error = error}));
  return error.status;
}

void RankBody::train(Context context) {
  const std::int32_t rank = environment_.rank;
  ensure(pool_.ranks() == context.program.grid.ranks(), "the pool is for the ranks of the program");
  pool_.touch(rank);
  agree_on_program(pool_, rank, context.program.hash, kDeadlineAtStart);
  CpuDevice device(pool_.arena(rank).data(), context.layout.arena);
  PoolCommunicators communicators(pool_, device, context.program, rank, kDeadline);
  context.rank = rank;
  context.device = &device;
  context.communicators = &communicators;
  context.may_begin = [&](std::int64_t step) { return pool_.may_begin(step); };
  if (rank == 0)  // a loss is the same on all ranks
    context.on_step = [&](const StepRecord& step) { pool_.publish(std::bit_cast<Pool::Record>(step)); };
  context.as_first = [&](std::int64_t mine) {
    return follow_first(pool_, rank, Question::judge_after_stop, mine, kDeadline);
  };
  RunResult result = run_rank(context);
  const MeasuredStep* median = median_step(result, &MeasuredStep::wall);
  const std::int64_t step =
      follow_first(pool_, rank, Question::what_to_measure, median == nullptr ? 0 : median->step, kDeadline);
  pool_.deliver(rank, encode({.result = with_one_step(std::move(result), step), .error = {}}));
  RankStatus status = pool_.status(rank);
  status.phase = RankPhase::finished;
  pool_.set_status(rank, status);
}

}  // namespace ds::executor
