#pragma once
// What an instruction has to wait for: the law of lanes and hazards, for one rank. It starts when its lane is free and all
// earlier-issued conflicting uses of the same buffer instances have ended. Both interpreters ask here.

#include <cstdint>
#include <vector>

#include "simulator/program/walk.h"

namespace ds::program {

/// Reached when that lane has ended so many of its instructions, counted from the start of the run.
struct Position {
  std::int32_t lane{};
  std::int64_t ended{};
};

class Scoreboard {
 public:
  Scoreboard(const Program& program, const RankClass& ranks);

  /// Notes the uses of an instruction that is issued as the `number`-th (from 1) of its lane; adds what it waits for in
  /// other lanes. Its own lane is in order and is left out.
  void issue(const Instruction& instruction, std::int32_t iteration, const Call& call, std::int64_t number,
             std::vector<Position>& waits);

  /// Whether more than one lane uses the buffer: uses of others never make anybody wait.
  bool watches(BufferId buffer) const { return watched_[index(buffer)]; }
  /// Whether the instruction uses such a buffer.
  bool watches(const Instruction& instruction) const;

 private:
  void wait_for(std::vector<Position>& waits, const std::int64_t* last, std::int32_t own) const;

  const Program& program_;
  Instances instances_;
  std::vector<bool> watched_;  // by buffer of the program
  std::int32_t lanes_;
  // By instance and lane, the last instruction that read and that wrote it; 0: none. Of buffers that are not watched, none.
  std::vector<std::int64_t> read_, written_;
  std::vector<std::size_t> first_;  // by buffer of the class: where its instances begin in these
  std::size_t buffers_{};           // the first of the class
};

/// Which buffers several lanes use, of those that these templates name; by buffer of the program.
std::vector<bool> shared_between_lanes(const Program& program, const std::vector<TemplateId>& templates);

}  // namespace ds::program
