#pragma once
// All ranks of a plan on this host: one process each, over one pool. The supervisor's side and a rank's.
//
//   const PlanResult result = run_ranks(program, layouts, briefing, {.arguments = {"ds-exec", "run", ...}, ...});
//
// A rank's process, which finds its place in its environment, makes a RankBody and ends with the status that `run` returns.

#include <functional>
#include <string>
#include <vector>

#include "executor/pool/pool.h"
#include "executor/ranks/briefing.h"
#include "executor/ranks/merge.h"
#include "executor/ranks/rank_result.h"
#include "executor/supervisor/rank_environment.h"
#include "executor/supervisor/supervisor.h"
#include "executor/train.h"
#include "simulator/memory/memory.h"
#include "simulator/program/program.h"

namespace ds::executor {

/// Starts a process for every rank of the program and returns what they say together, once all have ended. `layouts` are
/// by class; `briefing` reaches every rank; `on_step` hears of the steps while they run. Throws what a rank complains of as the rank itself would have:
/// RunFailed for an honest no, InputError for input, else MachineError, which also names a rank that died, and the instruction.
PlanResult run_ranks(const program::Program& program, const std::vector<memory::Layout>& layouts,
                     const Briefing& briefing, Launch launch,
                     const std::function<void(const StepRecord&)>& on_step);

/// "rank 1 was killed by signal 9 (Killed) in step 12, call 3, instruction 40 (linear forward)"
std::string tell(const program::Program& program, const RankFailure& failure);

/// Where a run of ranks failed: throws what the rank that failed first complains of, else `what` happened to it.
void throw_failure(
    const Outcome& outcome, const std::function<std::string(const RankFailure&)>& what =
                                [](const RankFailure& failure) { return tell(failure); });

/// What a rank's process does once it has found its place.
class RankBody {
 public:
  explicit RankBody(const RankEnvironment& environment);

  /// `work` reads the job and calls `train`. What it throws goes to the supervisor and not to standard error. Returns the
  /// status to end with.
  int run(const std::function<void()>& work);

  Pool& pool() { return pool_; }
  Briefing briefing() const { return decode_briefing(pool_.briefing()); }

  /// Trains as this rank and delivers the result. Of the context the parts that depend on the rank are filled in here.
  void train(Context context);

 private:
  RankEnvironment environment_;
  Pool pool_;
};

}  // namespace ds::executor
