#include "simulator/engine/recurrence.h"

#include <algorithm>

#include "simulator/base/error.h"

namespace ds::engine {

void Recurrence::reset(const Lines& lines) {
  stages_.resize(lines.stages.size());
  for (Stage& stage : stages_) {
    stage.next = 0;
    stage.at = stage.collectives_free = stage.end_of_step = 0;
    stage.met = false;
    stage.received = {};
    for (std::vector<Message>& sent : stage.sent) sent.clear();
    for (Beside& beside : stage.beside) {
      beside.free = 0;
      beside.spells.clear();
      beside.gates.clear();
    }
    stage.collectives.clear();
    stage.points.clear();
  }
  meetings_.assign(lines.parties.size(), {});
}

/// Stages take turns, from the first to the last and back: so a turn finds what its neighbours have sent.
double Recurrence::run(const Lines& lines, Trace trace) {
  reset(lines);
  const std::size_t count = lines.stages.size();
  const auto finished = [&](std::size_t s) { return stages_[s].next == lines.stages[s].points.size(); };
  std::size_t open = 0;
  for (std::size_t s = 0; s < count; ++s) open += finished(s) ? 0 : 1;
  while (open > 0) {
    bool moved = false;
    const auto turn = [&](std::size_t s) {
      if (finished(s)) return;
      moved |= advance(lines, s, trace);
      if (finished(s)) --open;
    };
    for (std::size_t s = 0; s < count; ++s) turn(s);
    for (std::size_t s = count; s-- > 0;) turn(s);
    ensure(moved || open == 0, "a pipeline does not deadlock");
  }
  double period = 0;
  for (std::size_t s = 0; s < count; ++s) period = std::max(period, stages_[s].at + lines.stages[s].rest);
  return period;
}

bool Recurrence::advance(const Lines& lines, std::size_t s, Trace trace) {
  Stage& stage = stages_[s];
  const std::vector<Point>& points = lines.stages[s].points;
  for (const std::uint8_t direction : {kForward, kBackward}) take_beside(lines.stages[s], s, direction);
  const std::size_t first = stage.next;
  while (stage.next < points.size()) {
    const Point& point = points[stage.next];
    const double reached = stage.at + point.after;
    if (!pass(lines, s, point)) break;
    if (trace == Trace::yes) stage.points.push_back({reached, stage.at});
    ++stage.next;
  }
  return stage.next > first;
}

/// The messages that come to a stage from the one before it (forward) or behind it.
std::vector<Recurrence::Message>& Recurrence::messages_to(std::size_t s, std::uint8_t direction) {
  const std::size_t count = stages_.size();
  return stages_[(direction == kForward ? s + count - 1 : s + 1) % count].sent[direction];
}

/// Takes in what has been sent and has its gates open.
void Recurrence::take_beside(const Line& line, std::size_t s, std::uint8_t direction) {
  const ReceiveLane& lane = line.beside[direction];
  if (lane.seconds.empty()) return;
  Beside& beside = stages_[s].beside[direction];
  std::vector<Message>& messages = messages_to(s, direction);
  for (std::size_t k = beside.spells.size(); k < std::min(messages.size(), lane.seconds.size()); ++k) {
    const auto gates = static_cast<std::size_t>(lane.gates[k]);
    if (gates > beside.gates.size()) return;
    const double ready = std::max(beside.free, gates == 0 ? 0 : beside.gates[gates - 1]);
    beside.free = std::max(ready, messages[k].ready) + std::max(messages[k].seconds, lane.seconds[k]);
    messages[k].ended = beside.free;
    beside.spells.push_back({ready, beside.free});
  }
}

/// Goes on over a point, or says that what it waits for is not known yet.
bool Recurrence::pass(const Lines& lines, std::size_t s, const Point& point) {
  Stage& stage = stages_[s];
  const double at = stage.at + point.after;
  const auto number = static_cast<std::size_t>(point.number);
  double after = at;
  switch (point.stop) {
    case Stop::send: stage.sent[point.direction].push_back({at, point.seconds}); break;
    case Stop::refill: {
      const double ended = stage.sent[point.direction][number].ended;
      if (ended == kUnknown) return false;
      after = std::max(at, ended);
      break;
    }
    case Stop::receive: {
      std::vector<Message>& messages = messages_to(s, point.direction);
      std::size_t& received = stage.received[point.direction];
      if (messages.size() <= received) return false;
      Message& message = messages[received++];
      after = message.ended = std::max(at, message.ready) + std::max(message.seconds, point.seconds);
      break;
    }
    case Stop::arrive: {
      const std::vector<Spell>& spells = stage.beside[point.direction].spells;
      if (spells.size() <= number) take_beside(lines.stages[s], s, point.direction);
      if (spells.size() <= number) return false;
      after = std::max(at, spells[number].end);
      break;
    }
    case Stop::release: stage.beside[point.direction].gates.push_back(at); break;
    case Stop::begin: {
      const double start = std::max(at, stage.collectives_free);
      stage.collectives_free = start + point.seconds;
      stage.collectives.push_back({start, stage.collectives_free});
      break;
    }
    case Stop::wait: after = std::max(at, stage.collectives[number].end); break;
    case Stop::meet: return meet(lines, stage, point, at);
    case Stop::step: stage.end_of_step = std::max(at, stage.collectives_free); break;
  }
  stage.at = after;
  return true;
}

bool Recurrence::meet(const Lines& lines, Stage& stage, const Point& point, double at) {
  const auto number = static_cast<std::size_t>(point.number);
  Meeting& meeting = meetings_[number];
  if (!stage.met) {
    ++meeting.here;
    meeting.at = std::max(meeting.at, at);
    meeting.seconds = std::max(meeting.seconds, point.seconds);
  }
  stage.met = meeting.here < lines.parties[number];
  if (stage.met) return false;
  stage.at = meeting.at + meeting.seconds;
  return true;
}

std::vector<Spell> Recurrence::sent(std::size_t stage, std::uint8_t direction) const {
  std::vector<Spell> spells;
  double free = 0;
  for (const Message& message : stages_[stage].sent[direction]) {
    spells.push_back({std::max(free, message.ready), message.ended});
    free = message.ended;
  }
  return spells;
}

namespace {

std::size_t count_of(const Line& line, Stop stop, std::uint8_t direction) {
  return static_cast<std::size_t>(std::ranges::count_if(
      line.points, [&](const Point& p) { return p.stop == stop && p.direction == direction; }));
}

/// Only the first and the last message of each direction are sent and waited for. What is received on the way costs its
/// time and no more.
Line thinned(const Line& line) {
  Line thin;
  std::array<std::size_t, 2> seen_sends{}, seen_receives{}, sends{}, receives{};
  for (const std::uint8_t d : {kForward, kBackward}) {
    sends[d] = count_of(line, Stop::send, d);
    const std::size_t beside = line.beside[d].seconds.size();
    receives[d] = beside > 0 ? beside : count_of(line, Stop::receive, d);
    if (beside == 0) continue;
    thin.beside[d].seconds = {line.beside[d].seconds.front()};
    if (beside > 1) thin.beside[d].seconds.push_back(line.beside[d].seconds.back());
    thin.beside[d].gates.assign(thin.beside[d].seconds.size(), 0);
  }
  const auto at_end = [](std::size_t k, std::size_t count) { return k == 0 || k + 1 == count; };
  double since = 0;
  const auto keep = [&](Point point) {
    point.after += since;
    since = 0;
    thin.points.push_back(point);
  };
  for (const Point& point : line.points) {
    const std::uint8_t d = point.direction;
    switch (point.stop) {
      case Stop::send:
        if (at_end(seen_sends[d]++, sends[d]))
          keep(point);
        else
          since += point.after;
        break;
      case Stop::receive:
        if (at_end(seen_receives[d]++, receives[d]))
          keep(point);
        else
          since += point.after + point.seconds;
        break;
      case Stop::arrive: {
        const auto k = static_cast<std::size_t>(point.number);
        if (!at_end(k, receives[d])) {
          since += point.after;
          break;
        }
        keep(point);
        thin.points.back().number = k == 0 ? 0 : 1;
        break;
      }
      case Stop::refill:
      case Stop::release: since += point.after; break;
      case Stop::begin:
      case Stop::wait:
      case Stop::meet:
      case Stop::step: keep(point); break;
    }
  }
  thin.rest = line.rest + since;
  return thin;
}

}  // namespace

Lines thinned(const Lines& lines) {
  Lines thin{.stages = {}, .parties = lines.parties};
  for (const Line& line : lines.stages) thin.stages.push_back(thinned(line));
  return thin;
}

}  // namespace ds::engine
