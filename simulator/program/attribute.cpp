// Where the time goes (the rule is that of docs/architecture.md, "Where the time goes").
#include "simulator/program/attribute.h"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <utility>
#include <vector>

#include "simulator/program/rows.h"

namespace ds::program {

Seconds TimeParts::* part_of(const Program& program, const Comm& comm) {
  const auto reaches = [&](Axis axis) { return comm.group.has(axis) && program.grid.size(axis) > 1; };
  // Ranks of one sequence have the same weights, and are reduced over together with data-parallel ones.
  const bool of_weights = comm.group.has(Axis::dp_replica) || comm.group.has(Axis::dp_shard);
  if (reaches(Axis::dp_shard) || reaches(Axis::dp_replica) || reaches(Axis::edp) ||
      reaches(Axis::edp_replica) || (of_weights && reaches(Axis::cp)))
    return &TimeParts::dp_comm;
  if (reaches(Axis::pp)) return &TimeParts::pp_comm;
  if (reaches(Axis::ep)) return &TimeParts::ep_comm;
  if (reaches(Axis::cp)) return &TimeParts::cp_comm;
  return &TimeParts::tp_comm;
}

namespace {

using Open = Attribution::Open;

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

namespace {

/// By end, those that end together in the order of issue: a rounding must not decide who is given what both have waited for.
void sort_by_end(std::vector<Open>& open, Seconds length) {
  constexpr double kTogether = 1e-12;  // of the step
  std::vector<std::size_t> order(open.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return open[i].end; });
  std::vector<std::size_t> place(open.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    const bool together =
        i > 0 && (open[order[i]].end - open[order[i - 1]].end).value <= kTogether * length.value;
    place[order[i]] = together ? place[order[i - 1]] : i;
  }
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return place[i]; });
  std::vector<Open> sorted;
  sorted.reserve(open.size());
  for (const std::size_t i : order) sorted.push_back(open[i]);
  open = std::move(sorted);
}

}  // namespace

void Attribution::add(const Row& row) {
  const Instruction& instruction = instruction_of(program_, row);
  if (instruction.kind == Kind::copy) return;  // who waits for it, waits for the rest
  const bool waits = instruction.kind == Kind::launches;
  if (!computes(instruction.kind) && !waits) {
    const Seconds own =
        alone_.empty() ? row.end - row.start : alone_.of(class_of(program_, row.rank), row.id);
    communications_.push_back({row.start, row.end, own, part_of(program_, instruction.comm)});
    return;
  }
  // What follows without a gap is one spell of computing.
  if (waits && row.end == row.start) return;
  Seconds TimeParts::* const part = waits                                 ? &TimeParts::host
                                    : instruction.kind == Kind::optimizer ? &TimeParts::optimizer
                                                                          : &TimeParts::compute;
  if (!computing_.empty() && computing_.back().end == row.start && computing_.back().part == part)
    computing_.back().end = row.end;
  else
    computing_.push_back({row.start, row.end, part});
}

TimeParts Attribution::parts(Seconds length) {
  TimeParts parts;
  sort_by_end(communications_, length);
  std::ranges::stable_sort(computing_, {}, &Computing::start);
  Seconds TimeParts::* rest = program_.grid.size(Axis::pp) > 1 ? &TimeParts::pp_bubble : &TimeParts::other;
  std::size_t first = 0;
  Seconds at{};  // up to here all is given
  for (const Computing& spell : computing_) {
    if (at < spell.start) give(parts, at, spell.start, communications_, first, rest);
    // A spell may begin in the step before: what it did there belongs to that step.
    const Seconds begin = std::max(at, spell.start);
    if (begin < spell.end) parts.*spell.part += spell.end - begin;
    at = std::max(at, spell.end);
  }
  if (at < length) give(parts, at, length, communications_, first, rest);
  // Rounding, and what the last rank of a pipeline did before the step began.
  const Seconds left = length - parts.total();
  (left < Seconds{} ? parts.compute : parts.other) += left;  // no part is below 0
  return parts;
}

}  // namespace ds::program
