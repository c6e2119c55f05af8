// Rows of a timeline out of pairs of events.
#include "executor/measured_step.h"

namespace ds::executor {

void MeasuredStep::add(program::Row row, Instant start, Instant end) {
  const Instant from = start - begin, to = end - begin;
  row.start = from.wall, row.end = to.wall;
  wall.rows.push_back(row);
  row.start = from.cpu, row.end = to.cpu;
  cpu.rows.push_back(row);
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
