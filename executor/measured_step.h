#pragma once
// When the instructions of a step ran, as a device's events say it.

#include <cstdint>
#include <vector>

#include "executor/device/device.h"
#include "simulator/program/timeline.h"

namespace ds::executor {

/// One step as measured: the same rows on two clocks.
struct MeasuredStep {
  std::int64_t step{};
  Instant begin;  // by the wall's clock, which all ranks of a host share, and by the rank's own
  program::Timeline wall, cpu;

  void add(program::Row row, Instant start, Instant end);
};

/// The share of the clock's time in computing instructions, over all ranks of the step, in which their cores worked for somebody
/// else. An instruction that computes waits for nobody, so that it takes as much processor time as time, but for that.
double taken_from_cores(const program::Program& program, const MeasuredStep& step);

/// An instruction that ended after the step that issued it.
struct LateRow {
  program::Row row;
  Instant start, end;
};

/// Instructions between two events each, until both have completed and somebody has asked.
class RowEvents {
 public:
  explicit RowEvents(const Device& device) : device_(device) {}

  void add(const program::Row& row, Event begin, Event end) { marked_.push_back({row, begin, end}); }
  /// Moves those of the step that have ended into it.
  void report(MeasuredStep& measured);
  /// Takes all that have ended.
  std::vector<LateRow> take_ended();
  bool empty() const { return marked_.empty(); }

 private:
  struct Marked {
    program::Row row;
    Event begin, end;
  };
  /// Takes those that have ended and for which fn(row, start, end) is true.
  template <class Fn>
  void take(Fn&& fn);

  const Device& device_;
  std::vector<Marked> marked_;
};

}  // namespace ds::executor
