#include "cli/ds_exec/launch.h"

#include <unistd.h>

namespace ds::cli {

executor::Launch launch_of(const Common& common, const StopToken& stop) {
  executor::Launch launch{.arguments = common.command, .environment = {}, .stop = &stop, .on_look = {}};
  for (char** variable = environ; *variable != nullptr; ++variable)
    launch.environment.emplace_back(*variable);
  return launch;
}

}  // namespace ds::cli
