// A step in a few numbers, by the rank that finishes last.
#include <algorithm>
#include <map>

#include "simulator/base/error.h"
#include "simulator/program/attribute.h"
#include "simulator/program/rows.h"
#include "simulator/program/timeline.h"

namespace ds::program {
namespace {

constexpr double kEqual = 1e-9;  // relative

/// Finds the class of an instruction by its name, and looks every name up only once.
class ClassTable {
 public:
  ClassTable(const Program& program, std::vector<ClassTime>& classes)
      : program_(program), classes_(classes), known_(program.instructions.size(), -1) {}

  ClassTime& of(const Row& row) {
    std::int32_t& place = known_[index(row.id)];
    if (place < 0) {
      const std::string name = class_name(program_, instruction_of(program_, row));
      const auto [found, is_new] = of_name_.try_emplace(name, static_cast<std::int32_t>(classes_.size()));
      if (is_new) classes_.push_back({name, 0, {}});
      place = found->second;
    }
    return classes_[static_cast<std::size_t>(place)];
  }

 private:
  const Program& program_;
  std::vector<ClassTime>& classes_;
  std::vector<std::int32_t> known_;  // by instruction; -1: not yet
  std::map<std::string, std::int32_t> of_name_;
};

}  // namespace

std::size_t finishes_last(std::span<const RankTotals> ranks) {
  Seconds latest{};
  for (const RankTotals& rank : ranks) latest = std::max(latest, rank.end);
  std::size_t best = ranks.size();
  for (std::size_t r = 0; r < ranks.size(); ++r) {
    if (ranks[r].end.value < latest.value * (1 - kEqual)) continue;
    if (best == ranks.size() || ranks[r].busy.value > ranks[best].busy.value * (1 + kEqual)) best = r;
  }
  return best;
}

Bytes checkpoint_bytes(const Program& program, const RankClass& ranks) {
  Bytes sum{};
  for (const Buffer& buffer : program.buffers_of(ranks))
    if (buffer.part == Part::weights || buffer.part == Part::optimizer)
      sum += buffer.size.bound * buffer.copies;
  return sum;
}

StepSummary summarise_rank(const Program& program, const RowSource& rows, Seconds length,
                           const AloneTimes& alone) {
  StepSummary summary;
  summary.step_time = length;
  ClassTable table(program, summary.classes);
  Attribution attribution(program, alone);
  std::int32_t rank = -1;
  rows([&](const Row& row) {
    rank = row.rank;
    const Seconds seconds = row.end - row.start;
    if (computes(instruction_of(program, row).kind)) summary.busy += seconds;
    ClassTime& time = table.of(row);
    time.count += 1;
    time.seconds += seconds;
    attribution.add(row);
  });
  ensure(rank >= 0, "a timeline has rows");
  summary.checkpoint = checkpoint_bytes(program, program.classes[class_of(program, rank)]);
  summary.parts = attribution.parts(length);
  return summary;
}

StepSummary summarise(const Program& program, const Timeline& timeline, const AloneTimes& alone) {
  std::map<std::int32_t, RankTotals> by_rank;
  for (const Row& row : timeline.rows) {
    RankTotals& totals = by_rank[row.rank];
    if (computes(instruction_of(program, row).kind)) totals.busy += row.end - row.start;
    totals.end = std::max(totals.end, row.end);
  }
  std::vector<std::int32_t> ranks;
  std::vector<RankTotals> totals;
  for (const auto& [rank, of_rank] : by_rank) {
    ranks.push_back(rank);
    totals.push_back(of_rank);
  }
  ensure(!ranks.empty(), "a timeline has rows");
  const std::int32_t last = ranks[finishes_last(totals)];
  const auto rows = [&](const std::function<void(const Row&)>& fn) {
    for (const Row& row : timeline.rows)
      if (row.rank == last) fn(row);
  };
  return summarise_rank(program, rows, timeline.length, alone);
}

}  // namespace ds::program
