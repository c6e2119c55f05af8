// Rows of a timeline out of pairs of events.
#include "executor/measured_step.h"

#include <algorithm>

#include "simulator/base/error.h"
#include "simulator/program/rows.h"

namespace ds::executor {

void MeasuredStep::add(program::Row row, Instant start, Instant end) {
  const Instant from = start - begin, to = end - begin;
  row.start = from.wall, row.end = to.wall;
  wall.rows.push_back(row);
  row.start = from.cpu, row.end = to.cpu;
  cpu.rows.push_back(row);
}

double taken_from_cores(const program::Program& program, const MeasuredStep& step) {
  ensure(step.wall.rows.size() == step.cpu.rows.size(), "both clocks have the same rows");
  Seconds wall{}, cpu{};
  for (std::size_t i = 0; i < step.wall.rows.size(); ++i) {
    const program::Row &by_wall = step.wall.rows[i], &by_cpu = step.cpu.rows[i];
    if (!program::computes(program::instruction_of(program, by_wall).kind)) continue;
    wall += by_wall.end - by_wall.start;
    cpu += by_cpu.end - by_cpu.start;
  }
  return wall.value > 0 ? std::max(0.0, 1 - cpu / wall) : 0;
}

template <class Fn>
void RowEvents::take(Fn&& fn) {
  std::erase_if(marked_, [&](const Marked& marked) {
    return device_.completed(marked.end) &&
           fn(marked.row, device_.time_of(marked.begin), device_.time_of(marked.end));
  });
}

void RowEvents::report(MeasuredStep& measured) {
  take([&](const program::Row& row, Instant start, Instant end) {
    if (row.step != measured.step) return false;
    measured.add(row, start, end);
    return true;
  });
}

std::vector<LateRow> RowEvents::take_ended() {
  std::vector<LateRow> ended;
  take([&](const program::Row& row, Instant start, Instant end) {
    ended.push_back({row, start, end});
    return true;
  });
  return ended;
}

}  // namespace ds::executor
