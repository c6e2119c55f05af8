// Drafts become templates; two of them become one whose instructions take turns.
#include "simulator/program/draft.h"

#include <algorithm>
#include <utility>

namespace ds::program {
namespace {

using Piece = Draft::Piece;

/// The instructions of both, each at its place between begin and end.
std::vector<Instruction> in_turn(const std::vector<Instruction>& ahead,
                                 const std::vector<Instruction>& back) {
  struct Placed {
    double place;
    const Instruction* instruction;
  };
  std::vector<Placed> all;
  for (const std::vector<Instruction>* body : {&ahead, &back})
    for (std::size_t i = 0; i < body->size(); ++i) {
      const Kind kind = (*body)[i].kind;
      const double between = (static_cast<double>(i) + 0.5) / static_cast<double>(body->size());
      all.push_back({kind == Kind::receive ? 0 : kind == Kind::send ? 1 : between, &(*body)[i]});
    }
  std::ranges::stable_sort(all, {}, &Placed::place);
  std::vector<Instruction> result;
  for (const Placed& one : all) result.push_back(*one.instruction);
  return result;
}

bool is_weight_gradient(const Program& program, const Instruction& one) {
  return one.operators.count > 0 &&
         program.op(program.operators_of(one).front().op).pass == ops::Pass::weight_gradient;
}

/// The instructions of both, up to an exchange of the one, then of the other. What the weights' gradients take behind an
/// exchange still belongs to it; what rides with an exchange is none.
std::vector<Instruction> by_exchanges(const Program& program, const std::vector<Instruction>& ahead,
                                      const std::vector<Instruction>& back, LaneId exchanges) {
  const auto end_of_turn = [&](const std::vector<Instruction>& body, std::size_t from) {
    while (from < body.size() && (body[from].lane != exchanges || body[from].comm.rows.rides)) ++from;
    if (from < body.size()) ++from;
    while (from < body.size() && is_weight_gradient(program, body[from])) ++from;
    return from;
  };
  std::vector<Instruction> result;
  for (std::size_t a = 0, b = 0; a < ahead.size() || b < back.size();)
    for (const auto& [body, at] : {std::pair(&back, &b), std::pair(&ahead, &a)}) {
      const std::size_t end = end_of_turn(*body, *at);
      result.insert(result.end(), body->begin() + static_cast<std::ptrdiff_t>(*at),
                    body->begin() + static_cast<std::ptrdiff_t>(end));
      *at = end;
    }
  return result;
}

/// Splits messages off, which frame the others: what is received before them, what is sent behind them.
struct Framed {
  Piece received, sent;
  std::vector<Piece> work;
};
Framed framed(const Draft& draft) {
  Framed result;
  for (const Piece& piece : draft.pieces()) {
    Piece work{.body = {}, .times = piece.times, .first = piece.first};
    for (const Instruction& i : piece.body) {
      Piece& into = i.kind == Kind::receive ? result.received : i.kind == Kind::send ? result.sent : work;
      into.body.push_back(i);
    }
    if (!work.body.empty()) result.work.push_back(std::move(work));
  }
  return result;
}

}  // namespace

Draft merged(const Program& program, const Draft& forward, const Draft& backward, LaneId exchanges) {
  Draft result;
  result.name = forward.name + " and " + backward.name;
  result.pass = Pass::forward_backward;
  result.chunk = forward.chunk;
  const Framed ahead = framed(forward), back = framed(backward);
  result.append({in_turn(ahead.received.body, back.received.body), 1, 0});
  // Block by block: as many iterations as both have take turns, what one has more follows.
  for (std::size_t b = 0; b < std::max(ahead.work.size(), back.work.size()); ++b) {
    static const Piece nothing{.body = {}, .times = 0};
    const Piece& one = b < ahead.work.size() ? ahead.work[b] : nothing;
    const Piece& other = b < back.work.size() ? back.work[b] : nothing;
    const std::int32_t both = std::min(one.times, other.times);
    const auto exchange = [&](const Instruction& i) { return i.lane == exchanges; };
    const bool apart = exchanges != LaneId{0} && both > 0 && std::ranges::any_of(one.body, exchange) &&
                       std::ranges::any_of(other.body, exchange);
    result.append(
        {apart ? by_exchanges(program, one.body, other.body, exchanges) : in_turn(one.body, other.body), both,
         0});
    for (const Piece* longer : {&one, &other}) result.append({longer->body, longer->times - both, both});
  }
  result.append({in_turn(ahead.sent.body, back.sent.body), 1, 0});
  return result;
}

TemplateId add_template(Program& program, const Draft& draft) {
  Template body{.name = draft.name, .pass = draft.pass, .chunk = draft.chunk, .blocks = {}};
  for (const Piece& piece : draft.pieces()) {
    body.blocks.push_back({.body = {static_cast<std::int32_t>(program.instructions.size()),
                                    static_cast<std::int32_t>(piece.body.size())},
                           .times = piece.times,
                           .first = piece.first});
    program.instructions.insert(program.instructions.end(), piece.body.begin(), piece.body.end());
  }
  program.templates.push_back(std::move(body));
  return static_cast<TemplateId>(program.templates.size() - 1);
}

}  // namespace ds::program
