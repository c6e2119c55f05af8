// The command line and environment that ranks are started with.
#include "cli/ds_exec/launch.h"

#include <unistd.h>

#include <iterator>

#include "executor/cores.h"

namespace ds::cli {

executor::Launch launch_of(const Common& common, const StopToken& stop, std::int32_t ranks) {
  // Where ranks need every core, each keeps its own: the scheduler at times puts two of them on one, and they wait for
  // each other. Where there are more cores, it knows better than we do which of them other programs use.
  const bool need_every_core = ranks == std::ssize(executor::allowed_cores());
  executor::Launch launch{
      .arguments = common.command, .environment = {}, .pin = need_every_core, .stop = &stop, .on_look = {}};
  for (char** variable = environ; *variable != nullptr; ++variable)
    launch.environment.emplace_back(*variable);
  return launch;
}

}  // namespace ds::cli
