#pragma once
// The instructions of a template that one lane runs, in their order: position by position, though blocks that repeat are kept
// once.

#include <cstdint>
#include <vector>

#include "simulator/engine/engine.h"

namespace ds::engine {

inline constexpr std::int32_t kNoChannel = -1;

class LaneBody {
 public:
  struct One {
    program::InstructionId id{};
    std::int32_t channel{kNoChannel};  // of a communication that meets other classes
    bool apart{};                      // a segment of its own
    bool computes{}, communicates{};   // neither: it waits for the host
    Seconds seconds;
  };
  /// What is added next comes `times` times; iterations are numbered from `first`. The block has `length` instructions, of all
  /// lanes.
  void begin_block(std::int32_t times, std::int32_t first, std::int32_t length);
  /// `in_block`: its place among the instructions of all lanes.
  void add(const One& one, std::int32_t in_block);
  void end_block();

  std::int32_t length() const { return length_; }
  struct At {
    const One* one{};
    std::int32_t iteration{};
  };
  At at(std::int32_t position) const;
  /// Seconds of all instructions before a position.
  double begin(std::int32_t position) const;
  /// Seconds of all that compute.
  double computed() const { return computed_; }
  /// The first position from that one on whose instruction stands apart; length() where none does.
  std::int32_t next_apart(std::int32_t position) const;
  /// Where an instruction of the template is: in which position in iteration `iteration` of its block.
  std::int32_t position_of(program::InstructionId id, std::int32_t iteration) const;
  /// Where in its template, counting all lanes, an instruction of this one is.
  std::int32_t in_template(std::int32_t position) const;

 private:
  struct Piece {
    std::int32_t times{}, first{};
    std::int32_t position{};             // of its first instruction
    std::int32_t begins_at{}, length{};  // instructions of all lanes: before it, and in an iteration
    std::vector<std::int32_t> in_block;  // by instruction
    double begin{};                      // before it
    std::vector<One> ones;
    std::vector<double> begins{0};  // of an iteration, before each of its instructions and after the last
    double computed{};              // of an iteration
    bool any_apart{};
    std::int32_t count() const { return static_cast<std::int32_t>(ones.size()); }
  };
  const Piece& piece_at(std::int32_t position) const;

  std::vector<Piece> pieces_;
  std::int32_t length_{0}, all_lanes_{0};
  double seconds_{0}, computed_{0};
};

}  // namespace ds::engine
