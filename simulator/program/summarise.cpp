// Where the time goes (the rule is that of docs/architecture.md, "Where the time goes").
#include <algorithm>
#include <map>

#include "simulator/base/error.h"
#include "simulator/program/timeline.h"

namespace ds::program {
namespace {

const Instruction& instruction_of(const Program& program, const Row& row) {
  return program.templates[index(row.body)].body[static_cast<std::size_t>(row.instruction)];
}

/// Time in which a rank computes, by rank; and when its last instruction ended.
struct RankTotals {
  Seconds busy, end;
};

/// The rank that finishes last; among ranks within 1e-9 of it the one that computes longest, then the lowest.
std::int32_t last_rank(const Timeline& timeline) {
  std::map<std::int32_t, RankTotals> ranks;
  for (const Row& row : timeline.rows) {
    RankTotals& totals = ranks[row.rank];
    totals.busy += row.end - row.start;
    totals.end = std::max(totals.end, row.end);
  }
  ensure(!ranks.empty(), "a timeline has rows");
  Seconds latest{};
  for (const auto& [rank, totals] : ranks) latest = std::max(latest, totals.end);
  std::int32_t best = -1;
  for (const auto& [rank, totals] : ranks)
    if (totals.end.value >= latest.value * (1 - 1e-9) && (best < 0 || totals.busy > ranks[best].busy))
      best = rank;
  return best;
}

void add_to_parts(TimeParts& parts, Kind kind, Seconds seconds) {
  switch (kind) {
    case Kind::compute: parts.compute += seconds; return;
    case Kind::optimizer: parts.optimizer += seconds; return;
    case Kind::send:
    case Kind::receive:
    case Kind::collective:
    case Kind::copy: ensure(false, "one rank alone does not communicate");
  }
}

}  // namespace

Bytes checkpoint_bytes(const Program& program) {
  Bytes sum{};
  for (const Buffer& buffer : program.buffers)
    if (buffer.part == Part::weights || buffer.part == Part::optimizer) sum += buffer.size.bound;
  return sum;
}

StepSummary summarise(const Program& program, const Timeline& timeline) {
  StepSummary summary;
  summary.step_time = timeline.length;
  summary.checkpoint = checkpoint_bytes(program);
  const std::int32_t rank = last_rank(timeline);
  std::map<std::string, std::size_t> of_name;
  for (const Row& row : timeline.rows) {
    if (row.rank != rank) continue;
    const Instruction& instruction = instruction_of(program, row);
    const Seconds seconds = row.end - row.start;
    add_to_parts(summary.parts, instruction.kind, seconds);
    summary.busy += seconds;
    const std::string name = class_name(program, instruction);
    const auto [found, is_new] = of_name.try_emplace(name, summary.classes.size());
    if (is_new) summary.classes.push_back({name, 0, {}});
    summary.classes[found->second].count += 1;
    summary.classes[found->second].seconds += seconds;
  }
  // What is neither: between instructions of the measured rank the host draws tokens, reads loss and norm.
  summary.parts.other = summary.step_time - summary.parts.total();
  return summary;
}

}  // namespace ds::program
