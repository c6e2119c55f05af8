// Where the time goes (the rule is that of docs/architecture.md, "Where the time goes").
#include <algorithm>

#include "simulator/program/rows.h"

namespace ds::program {
namespace {

/// A communication and what is left of its own time.
struct Open {
  Seconds start, end, left;
  Seconds TimeParts::* part;
};

/// The part that a group's communication belongs to: of the axes over which it really reaches, the widest.
Seconds TimeParts::* part_of(const Program& program, const Comm& comm) {
  const auto reaches = [&](Axis axis) { return comm.group.has(axis) && program.grid.size(axis) > 1; };
  if (reaches(Axis::dp_shard) || reaches(Axis::dp_replica) || reaches(Axis::edp)) return &TimeParts::dp_comm;
  if (reaches(Axis::pp)) return &TimeParts::pp_comm;
  if (reaches(Axis::ep)) return &TimeParts::ep_comm;
  if (reaches(Axis::cp)) return &TimeParts::cp_comm;
  return &TimeParts::tp_comm;
}

std::vector<Open> communications(const Program& program, const std::vector<Row>& rows,
                                 const AloneTimes& alone) {
  std::vector<Open> list;
  for (const Row& row : rows) {
    const Instruction& instruction = instruction_of(program, row);
    if (computes(instruction.kind)) continue;
    const Seconds own = alone.empty() ? row.end - row.start : alone[index(row.id)];
    list.push_back({row.start, row.end, own, part_of(program, instruction.comm)});
  }
  std::ranges::stable_sort(list, {}, &Open::end);
  return list;
}

/// Gives the time from `begin` to `end`, in which the rank does not compute, to the communications under way then.
void give(TimeParts& parts, Seconds begin, Seconds end, std::vector<Open>& open, std::size_t& first,
          Seconds TimeParts::* rest) {
  while (first < open.size() && open[first].end <= begin) ++first;
  Seconds at = begin;
  for (std::size_t i = first; i < open.size() && at < end; ++i) {
    Open& communication = open[i];
    const Seconds from = std::max(at, communication.start), to = std::min(end, communication.end);
    if (to <= from) continue;
    const Seconds own = std::min(to - from, communication.left);
    parts.*rest += from - at;  // nothing was under way
    parts.*communication.part += own;
    parts.*rest += to - from - own;
    communication.left -= own;
    at = to;
  }
  if (at < end) parts.*rest += end - at;
}

}  // namespace

TimeParts attribute(const Program& program, const std::vector<Row>& rows, Seconds length,
                    const AloneTimes& alone) {
  TimeParts parts;
  std::vector<Open> open = communications(program, rows, alone);
  Seconds TimeParts::* rest = program.grid.size(Axis::pp) > 1 ? &TimeParts::pp_bubble : &TimeParts::other;
  std::vector<Row> computing;
  for (const Row& row : rows)
    if (computes(instruction_of(program, row).kind)) computing.push_back(row);
  if (!std::ranges::is_sorted(computing, {}, &Row::start)) std::ranges::stable_sort(computing, {}, &Row::start);
  std::size_t first = 0;
  Seconds at{};  // up to here all is given
  for (const Row& row : computing) {
    if (at < row.start) give(parts, at, row.start, open, first, rest);
    const bool optimizer = instruction_of(program, row).kind == Kind::optimizer;
    // A row may begin in the step before: what it did there belongs to that step.
    const Seconds begin = std::max(at, row.start);
    if (begin < row.end) (optimizer ? parts.optimizer : parts.compute) += row.end - begin;
    at = std::max(at, row.end);
  }
  if (at < length) give(parts, at, length, open, first, rest);
  // Rounding, and what the last rank of a pipeline did before the step began.
  const Seconds left = length - parts.total();
  (left < Seconds{} ? parts.compute : parts.other) += left;  // no part is below 0
  return parts;
}

}  // namespace ds::program
