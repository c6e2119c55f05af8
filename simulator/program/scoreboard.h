#pragma once
// What an instruction has to wait for: the law of lanes and hazards, for one rank. It starts when its lane is free and all
// earlier-issued conflicting uses of the same buffer instances have ended. Both interpreters ask here.

#include <cstdint>
#include <vector>

#include "simulator/program/program.h"

namespace ds::program {

/// Reached when that lane has ended so many of its instructions, counted from the start of the run.
struct Position {
  std::int32_t lane{};
  std::int64_t ended{};
};

class Scoreboard {
 public:
  Scoreboard(const Program& program, const RankClass& ranks);

  /// Notes the uses of an instruction that is issued as the `number`-th (from 1) of its lane; returns what it waits for
  /// in other lanes. Its own lane is in order and is left out.
  std::vector<Position> issue(const Instruction& instruction, const Call& call, std::int64_t number);

  /// Whether more than one lane uses the buffer: uses of others never make anybody wait.
  bool watches(BufferId buffer) const { return !instances_[index(buffer)].empty(); }

 private:
  /// By lane, the last instruction that read and that wrote an instance; 0: none.
  struct Instance {
    std::vector<std::int64_t> read, written;
  };
  void wait_for(std::vector<Position>& waits, const std::vector<std::int64_t>& last, std::int32_t own) const;

  const Program& program_;
  std::vector<std::vector<Instance>>
      instances_;  // by buffer and slot; empty where one lane alone uses the buffer
};

}  // namespace ds::program
