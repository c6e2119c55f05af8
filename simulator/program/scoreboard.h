#pragma once
// What an instruction has to wait for: the law of lanes and hazards, for one rank. It starts when its lane is free and all
// earlier-issued conflicting uses of the same buffer instances have ended. Both interpreters ask here.

#include <bit>
#include <cstdint>
#include <span>
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

  /// A use of a buffer that several lanes use, found once for all calls.
  struct Touch {
    std::size_t first{};  // of the copy's slots
    std::int32_t slots{};
    std::int16_t instance{};
    Access access{};
    std::uint32_t lanes{};  // that use the buffer, as bits
  };
  void find_touches(const Instruction& instruction, std::int32_t iteration,
                    std::vector<Touch>& touches) const;

  /// Notes the uses of an instruction that is issued as the `number`-th (from 1) of its lane; adds what it waits for in
  /// other lanes. Its own lane is in order and is left out.
  void issue(std::span<const Touch> touches, LaneId lane, const Call& call, std::int64_t number,
             std::vector<Position>& waits);
  /// The same for one instruction that is not issued again.
  void issue(const Instruction& instruction, std::int32_t iteration, const Call& call, std::int64_t number,
             std::vector<Position>& waits) {
    scratch_.clear();
    find_touches(instruction, iteration, scratch_);
    issue(scratch_, instruction.lane, call, number, waits);
  }

  /// Whether more than one lane uses the buffer: uses of others never make anybody wait.
  bool watches(BufferId buffer) const { return std::popcount(lanes_of_[index(buffer)]) > 1; }
  /// Whether the instruction uses such a buffer.
  bool watches(const Instruction& instruction) const;

 private:
  const Program& program_;
  Instances instances_;
  std::vector<std::uint32_t> lanes_of_;  // by buffer of the program: lanes that use it, as bits
  std::int32_t lanes_;
  // By instance and lane, the last instruction that read and that wrote it; 0: none. Of buffers that are not watched, none.
  std::vector<std::int64_t> read_, written_;
  std::vector<std::size_t> first_;  // by buffer of the class: where its instances begin in these
  std::size_t buffers_{};           // the first of the class
  std::vector<Touch> scratch_;
};

/// Which lanes use a buffer, of the instructions of these templates; by buffer of the program, lanes as bits. A program has
/// 32 at most.
std::vector<std::uint32_t> lanes_of_buffers(const Program& program, const std::vector<TemplateId>& templates);

}  // namespace ds::program
