// This process among those that mpirun or srun has started. Rank 0 does all that a user sees; the others train.
#include <chrono>
#include <cstdlib>
#include <thread>

#include "cli/ds_exec/commands.h"
#include "cli/ds_exec/request.h"
#include "executor/mpi/hand_out.h"
#include "executor/mpi/train_together.h"
#include "simulator/base/error.h"

namespace ds::cli {
namespace {

// What ends one rank mostly ends all of them at the same step, and one line is enough. Rank 0 ends the others with it.
void let_the_first_speak(std::int32_t rank) {
  if (rank != 0) std::this_thread::sleep_for(std::chrono::seconds(5));
}

int train_as_other(executor::World& world, const Common& common, const ExecOptions& options) {
  const StopToken& stop = watch_signals();
  const Assignment mine(common, options, executor::hand_out(world, {}), world.rank());
  executor::train_together(world, mine.context(), stop);
  return kDone;
}

}  // namespace

int exec_joined(const executor::Launched& launched, ExecCommand command, const Common& common,
                const ExecOptions& options) {
  if (!executor::World::built_in()) {
    let_the_first_speak(launched.rank.value_or(0));
    throw InputError({}, std::string("was started by ") + launched.by + ", and was built without MPI",
                     "build it where MPI is installed (Debian: libopenmpi-dev), or start it alone");
  }
  executor::World world;
  if (const auto wrong = executor::contradiction(launched, world.rank(), world.ranks())) {
    world.leave();
    let_the_first_speak(launched.rank.value_or(0));
    throw *wrong;
  }
  try {
    const int status =
        world.rank() == 0 ? command(common, options, &world) : train_as_other(world, common, options);
    world.leave();
    return status;
  } catch (...) {
    let_the_first_speak(world.rank());
    world.end_all(guarded([]() -> int { throw; }));
  }
}

int refuse_joined(const executor::Launched& launched) {
  let_the_first_speak(launched.rank.value_or(0));
  throw InputError({}, std::string("calibrate starts its ranks itself, and was started by ") + launched.by,
                   "start it alone");
}

}  // namespace ds::cli
