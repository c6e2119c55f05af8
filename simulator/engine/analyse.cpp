// The analytic depth of a program that is asked once.
#include "simulator/engine/analysis.h"

namespace ds::engine {

program::StepSummary analyse(const program::Program& program, const Durations& durations) {
  return Analysis(program, durations).summary();
}

Seconds bound(const program::Program& program, const Durations& durations) {
  return Analysis(program, durations).bound();
}

}  // namespace ds::engine
