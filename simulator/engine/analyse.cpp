// Analytic depth.
#include "simulator/engine/engine.h"

namespace ds::engine {

program::StepSummary analyse(const program::Program& program, const Durations& durations) {
  return play(program, durations, {.sharing = false}).summary;
}

Seconds bound(const program::Program& program, const Durations& durations) {
  return analyse(program, durations).step_time;
}

}  // namespace ds::engine
