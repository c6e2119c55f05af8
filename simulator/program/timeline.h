#pragma once
// Plain results that both interpreters fill: predicted and measured timelines have the same rows.

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "simulator/base/units.h"
#include "simulator/program/program.h"

namespace ds::program {

/// One instruction of one rank: `step` of the run, `call` of the step and `instruction` of the call, counted in the order of
/// issue.
struct Row {
  std::int32_t rank{}, step{}, call{}, instruction{};
  TemplateId body{};
  InstructionId id{};  // which of the template's it is
  std::int32_t micro{-1};
  Seconds start{}, end{};  // since the start of the step
};

struct Timeline {
  std::vector<Row> rows;
  Seconds length;
};

/// Where a step's time goes, by the rank that finishes last. The parts add up to the step.
struct TimeParts {
  Seconds compute, tp_comm, cp_comm, ep_comm, pp_comm, pp_bubble, dp_comm, optimizer, host, other;
  Seconds total() const {
    return compute + tp_comm + cp_comm + ep_comm + pp_comm + pp_bubble + dp_comm + optimizer + host + other;
  }
};

/// Sum over the instructions of one class, on one rank, in one step.
struct ClassTime {
  std::string name;
  std::int64_t count{};
  Seconds seconds;
};

struct StepSummary {
  Seconds step_time;
  TimeParts parts;
  std::vector<ClassTime> classes;  // of the rank that finishes last, in the order of first issue
  Seconds busy;                    // time in which that rank computes
  Bytes checkpoint;                // weights and optimizer state of one rank
};

/// Seconds that communications take alone. Classes may share instructions and be unequally far from those whom they talk to,
/// so each has a table, by program::InstructionId; classes that are alike share one.
struct AloneTimes {
  std::vector<std::vector<Seconds>> tables;
  std::vector<std::int32_t> table_of;  // by class; empty: all have the first

  bool empty() const { return tables.empty(); }
  Seconds of(std::size_t rank_class, InstructionId id) const {
    const std::int32_t table = table_of.empty() ? 0 : table_of[rank_class];
    return tables[static_cast<std::size_t>(table)][index(id)];
  }
};

/// Attributes the intervals of the rank that finishes last to the parts of a step, and sums its classes. `alone` may be
/// empty where nothing communicates.
StepSummary summarise(const Program& program, const Timeline& timeline, const AloneTimes& alone = {});

/// Time in which a rank computes, and when its last instruction ends.
struct RankTotals {
  Seconds busy, end;
};
/// The rank that finishes last; among ranks within 1e-9 of it the one that computes longest, then the first. Times within
/// 1e-9 of each other are equal.
std::size_t finishes_last(std::span<const RankTotals> ranks);

/// Calls its argument for every row of a rank, in the order of issue.
using RowSource = std::function<void(const std::function<void(const Row&)>&)>;

/// `summarise` for the rank that finishes last.
StepSummary summarise_rank(const Program& program, const RowSource& rows, Seconds length,
                           const AloneTimes& alone);

/// Weights and optimizer state of a rank of a class: what a checkpoint has to hold.
Bytes checkpoint_bytes(const Program& program, const RankClass& ranks);

}  // namespace ds::program
