#pragma once
// A template while it is being written: instructions one after another, and blocks of them that repeat.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "simulator/program/program.h"

namespace ds::program {

class Draft {
 public:
  struct Piece {
    std::vector<Instruction> body;
    std::int32_t times{1}, first{0};
  };

  std::string name;
  Pass pass{};
  std::int32_t chunk{};

  void add(Instruction instruction) {
    if (pieces_.empty() || closed_) pieces_.emplace_back();
    closed_ = false;
    instruction.of_step = of_step_;
    pieces_.back().body.push_back(instruction);
  }
  /// All that is added from here on is work of the step, not of a micro-batch; or what `write` adds.
  void begin_step() { of_step_ = true; }
  template <class Fn>
  void of_step(Fn&& write) {
    const bool before = std::exchange(of_step_, true);
    write();
    of_step_ = before;
  }
  /// What `write` adds comes so many times.
  template <class Fn>
  void repeat(std::int32_t times, Fn&& write) {
    repeat_from(0, times, write);
  }
  /// The same; iterations count from `first`.
  template <class Fn>
  void repeat_from(std::int32_t first, std::int32_t times, Fn&& write) {
    if (times == 0) return;
    if (times == 1 && first == 0) return write();
    closed_ = true;
    const std::size_t before = pieces_.size();
    write();
    if (pieces_.size() > before) pieces_.back().times = times, pieces_.back().first = first;
    closed_ = true;
  }
  const std::vector<Piece>& pieces() const { return pieces_; }
  std::vector<Piece>& pieces() { return pieces_; }
  void append(Piece piece) {
    if (piece.times > 0 && !piece.body.empty()) pieces_.push_back(std::move(piece));
    closed_ = true;
  }

 private:
  std::vector<Piece> pieces_;
  bool closed_{false}, of_step_{false};
};

/// A forward and a backward as one: both receive first and send last, and in between their operators take turns, so that each
/// has the time of the other's communication to compute in.
/// Where exchanges with experts have a lane of their own, they take turns from one exchange to the next, the backward first: the order
/// of DeepSeek's published profile (combine of the backward, attention, experts backward, ...).
Draft merged(const Program& program, const Draft& forward, const Draft& backward, LaneId exchanges);

/// Puts it into the program's tables.
TemplateId add_template(Program& program, const Draft& draft);

}  // namespace ds::program
