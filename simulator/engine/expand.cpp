// Rows of the instructions of each segment, in the order of issue.
#include "simulator/engine/expand.h"

#include <algorithm>

#include "simulator/program/walk.h"

namespace ds::engine {
namespace {

/// Goes through a lane's segments, instruction by instruction.
struct Cursor {
  std::size_t time{0};       // of the segment
  std::size_t segment{0};    // of the call
  std::int32_t position{0};  // in the segment
};

Interval next_of(Cursor& cursor, const std::vector<Segment>& of_call, const std::vector<Interval>& times,
                 const LaneBody& body) {
  const Segment& segment = of_call[cursor.segment];
  const Interval& whole = times[cursor.time];
  const std::int32_t first = segment.first, at = first + cursor.position;
  const auto since = [&](std::int32_t position) {
    // Added up one by one, instructions may end a rounding later than all of them together.
    return std::min(whole.start + Seconds{body.begin(position) - body.begin(segment.first)}, whole.end);
  };
  const bool last = ++cursor.position == segment.count;
  const Seconds start = at == first ? whole.start : since(at);
  // What takes no time may end a rounding before it begins.
  const Interval result{start, std::max(start, last ? whole.end : since(at + 1))};
  if (last) cursor = {cursor.time + 1, (cursor.segment + 1) % of_call.size(), 0};
  return result;
}

}  // namespace

void for_each_row(const program::Program& program, std::size_t rank_class, const StepSchedule& schedule,
                  const std::vector<std::vector<Interval>>& times, std::int32_t step,
                  const std::function<void(const program::Row&)>& fn) {
  const std::int32_t rank = program.classes[rank_class].first;
  std::vector<Cursor> cursors(times.size());
  for (std::size_t c = 0; c < schedule.calls.size(); ++c) {
    const program::Call& call = schedule.calls[c];
    const std::vector<LaneBody>& lanes = schedule.bodies[program::index(call.body)];
    std::int32_t position = 0;
    program::for_each_instruction(program.body(call), [&](program::InstructionId id, std::int32_t) {
      const std::size_t lane = program::index(program.instruction(id).lane);
      const Interval time = next_of(cursors[lane], schedule.segments_of(c, lane), times[lane], lanes[lane]);
      fn({.rank = rank,
          .step = step,
          .call = static_cast<std::int32_t>(c),
          .instruction = position++,
          .body = call.body,
          .id = id,
          .micro = call.micro[0],
          .start = time.start,
          .end = time.end});
    });
  }
}

}  // namespace ds::engine
