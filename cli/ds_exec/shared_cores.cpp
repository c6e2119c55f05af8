// Compares the two clocks of instructions that compute.
#include "cli/ds_exec/shared_cores.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/terminal/terminal.h"
#include "simulator/base/error.h"
#include "simulator/program/rows.h"

namespace ds::cli {
namespace {

// Interrupts and the clocks themselves take some; this much shows in a comparison.
constexpr double kNoteworthy = 0.03;

}  // namespace

double taken_from_cores(const program::Program& program, const executor::MeasuredStep& step) {
  ensure(step.wall.rows.size() == step.cpu.rows.size(), "both clocks have the same rows");
  Seconds wall{}, cpu{};
  for (std::size_t i = 0; i < step.wall.rows.size(); ++i) {
    const program::Row &by_wall = step.wall.rows[i], &by_cpu = step.cpu.rows[i];
    if (!program::computes(program.instruction(by_wall.id).kind)) continue;
    wall += by_wall.end - by_wall.start;
    cpu += by_cpu.end - by_cpu.start;
  }
  return wall.value > 0 ? std::max(0.0, 1 - cpu / wall) : 0;
}

std::string shared_cores_text(double taken, std::int32_t ranks, std::int32_t cores) {
  if (taken < kNoteworthy) return {};
  const std::string share = terminal::percent(taken);
  if (ranks > cores)
    return fmt::format(
        "{} ranks shared {} {}: {} of the time of computing instructions was another's turn.\n", ranks, cores,
        cores == 1 ? "core" : "cores", share);
  return fmt::format(
      "Other programs had the cores for {} of the time of computing instructions: by that much, times by the "
      "clock "
      "say more of them than of the prediction.\n",
      share);
}

}  // namespace ds::cli
