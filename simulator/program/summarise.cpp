// A step in a few numbers, by the rank that finishes last.
#include <algorithm>
#include <map>

#include "simulator/base/error.h"
#include "simulator/program/rows.h"
#include "simulator/program/timeline.h"

namespace ds::program {
namespace {

/// Time in which a rank computes, by rank; and when its last instruction ended.
struct RankTotals {
  Seconds busy, end;
};

/// The rank that finishes last; among ranks within 1e-9 of it the one that computes longest, then the lowest.
std::int32_t last_rank(const Program& program, const Timeline& timeline) {
  std::map<std::int32_t, RankTotals> ranks;
  for (const Row& row : timeline.rows) {
    RankTotals& totals = ranks[row.rank];
    if (computes(instruction_of(program, row).kind)) totals.busy += row.end - row.start;
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

}  // namespace

Bytes checkpoint_bytes(const Program& program, const RankClass& ranks) {
  Bytes sum{};
  for (const Buffer& buffer : program.buffers_of(ranks))
    if (buffer.part == Part::weights || buffer.part == Part::optimizer) sum += buffer.size.bound;
  return sum;
}

StepSummary summarise(const Program& program, const Timeline& timeline, const AloneTimes& alone) {
  StepSummary summary;
  summary.step_time = timeline.length;
  const std::int32_t rank = last_rank(program, timeline);
  summary.checkpoint = checkpoint_bytes(program, program.classes[class_of(program, rank)]);
  std::vector<Row> rows;
  std::map<std::string, std::size_t> of_name;
  for (const Row& row : timeline.rows) {
    if (row.rank != rank) continue;
    rows.push_back(row);
    const Instruction& instruction = instruction_of(program, row);
    const Seconds seconds = row.end - row.start;
    if (computes(instruction.kind)) summary.busy += seconds;
    const std::string name = class_name(program, instruction);
    const auto [found, is_new] = of_name.try_emplace(name, summary.classes.size());
    if (is_new) summary.classes.push_back({name, 0, {}});
    summary.classes[found->second].count += 1;
    summary.classes[found->second].seconds += seconds;
  }
  summary.parts = attribute(program, rows, timeline.length, alone);
  return summary;
}

}  // namespace ds::program
