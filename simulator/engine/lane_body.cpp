// Positions in a lane's part of a template, and the seconds before them.
#include "simulator/engine/lane_body.h"

#include <algorithm>

#include "simulator/base/error.h"

namespace ds::engine {

void LaneBody::begin_block(std::int32_t times, std::int32_t first, std::int32_t length) {
  pieces_.push_back({.times = times,
                     .first = first,
                     .position = length_,
                     .begins_at = all_lanes_,
                     .length = length,
                     .in_block = {},
                     .begin = seconds_,
                     .ones = {}});
  all_lanes_ += length * times;
}

void LaneBody::add(const One& one, std::int32_t in_block) {
  Piece& piece = pieces_.back();
  piece.in_block.push_back(in_block);
  piece.ones.push_back(one);
  piece.begins.push_back(piece.begins.back() + one.seconds.value);
  if (one.computes) piece.computed += one.seconds.value;
  piece.any_apart = piece.any_apart || one.apart;
}

void LaneBody::end_block() {
  const Piece& piece = pieces_.back();
  if (piece.ones.empty()) return pieces_.pop_back();
  length_ += piece.count() * piece.times;
  seconds_ += piece.begins.back() * piece.times;
  computed_ += piece.computed * piece.times;
}

const LaneBody::Piece& LaneBody::piece_at(std::int32_t position) const {
  auto next = pieces_.begin() + 1;
  while (next != pieces_.end() && next->position <= position) ++next;
  return *(next - 1);
}

LaneBody::At LaneBody::at(std::int32_t position) const {
  const Piece& piece = piece_at(position);
  const std::int32_t inside = position - piece.position;
  return {&piece.ones[static_cast<std::size_t>(inside % piece.count())],
          piece.first + inside / piece.count()};
}

double LaneBody::begin(std::int32_t position) const {
  const Piece& piece = piece_at(position);
  const std::int32_t inside = position - piece.position;
  return piece.begin + piece.begins.back() * (inside / piece.count()) +
         piece.begins[static_cast<std::size_t>(inside % piece.count())];
}

std::int32_t LaneBody::next_apart(std::int32_t position) const {
  for (const Piece& piece : pieces_) {
    const std::int32_t end = piece.position + piece.count() * piece.times;
    if (end <= position || !piece.any_apart) continue;
    for (std::int32_t p = std::max(position, piece.position); p < end; ++p)
      if (piece.ones[static_cast<std::size_t>((p - piece.position) % piece.count())].apart) return p;
  }
  return length_;
}

std::int32_t LaneBody::position_of(program::InstructionId id, std::int32_t iteration) const {
  for (const Piece& piece : pieces_) {
    const auto found = std::ranges::find(piece.ones, id, &One::id);
    if (found != piece.ones.end())
      return piece.position + (iteration - piece.first) * piece.count() +
             static_cast<std::int32_t>(found - piece.ones.begin());
  }
  ensure(false, "an instruction is in its lane");
  return 0;
}

std::int32_t LaneBody::in_template(std::int32_t position) const {
  const Piece& piece = piece_at(position);
  const std::int32_t inside = position - piece.position;
  return piece.begins_at + inside / piece.count() * piece.length +
         piece.in_block[static_cast<std::size_t>(inside % piece.count())];
}

}  // namespace ds::engine
