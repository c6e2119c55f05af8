#include "simulator/engine/recurrence.h"

#include <algorithm>
#include <tuple>

#include "simulator/base/error.h"

namespace ds::engine {

double Recurrence::run(const Lines& lines, Trace trace) {
  sweep(lines, trace, nullptr);
  return period();
}

double Recurrence::run(const Lines& lines, const Turns& turns) {
  take_turns(lines, turns);
  return period();
}

Turns turns_of(const Lines& lines) {
  Turns turns;
  Recurrence recurrence;
  recurrence.sweep(lines, Recurrence::Trace::no, &turns);
  return turns;
}

double Recurrence::period() const {
  double latest = 0;
  for (const Stage& stage : stages_) latest = std::max(latest, stage.at);
  return latest;
}

namespace {

/// The points in the order in which a plain pass has them.
constexpr int place_of(Stop stop) {
  switch (stop) {
    case Stop::receive: return 0;
    case Stop::refill: return 1;
    case Stop::send: return 2;
    case Stop::arrive:
    case Stop::release:
    case Stop::begin:
    case Stop::wait:
    case Stop::meet:
    case Stop::step: break;
  }
  return -1;
}

}  // namespace

void Recurrence::reset(const Lines& lines) {
  const auto plain_of = [](const Pass& pass) {
    Plain plain{.plain = true, .rest = pass.rest};
    int last = -1;
    double since = 0;
    for (const Point& point : pass.points) {
      const int place = place_of(point.stop);
      plain.plain = plain.plain && place > last;
      last = place;
      since += point.after;
      if (point.stop == Stop::receive) {
        plain.takes = true;
        plain.before = since;
        plain.take = point.seconds;
        plain.from = point.direction;
      } else if (point.stop == Stop::refill) {
        plain.refills = true;
        plain.refill = since;
        plain.back = point.number;
        plain.to = point.direction;
      } else {
        plain.plain = plain.plain && (!plain.refills || plain.to == point.direction);
        plain.sends = true;
        plain.send = since;
        plain.sending = point.seconds;
        plain.to = point.direction;
      }
      since = 0;
    }
    return plain;
  };
  stages_.resize(lines.stages.size());
  for (std::size_t s = 0; s < stages_.size(); ++s) {
    Stage& stage = stages_[s];
    stage.visit = stage.point = 0;
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
    stage.passes.clear();
    for (const Pass& pass : lines.stages[s].passes) stage.passes.push_back(plain_of(pass));
  }
  meetings_.assign(lines.parties.size(), {});
}

/// Stages go on by turns, from the first to the last and back: so a stage finds what its neighbours have sent.
void Recurrence::sweep(const Lines& lines, Trace trace, Turns* turns) {
  reset(lines);
  const std::size_t count = lines.stages.size();
  std::size_t open = 0;
  for (const Line& line : lines.stages) open += line.visits.empty() ? 0 : 1;
  bool moved = false;
  const auto turn = [&](std::size_t s) {
    Stage& stage = stages_[s];
    const std::size_t visits = lines.stages[s].visits.size();
    if (stage.visit == visits) return;
    const auto number = static_cast<std::uint16_t>(s);
    const auto progress = [&] { return std::tuple(stage.visit, stage.point, stage.met); };
    const auto before = progress();
    auto last = before;
    while (stage.visit < visits && visit(lines, s, trace)) {
      if (turns != nullptr) turns->push_back({number, false});
      last = progress();
    }
    if (turns != nullptr && progress() != last) turns->push_back({number, true});
    moved |= progress() != before;
    if (stage.visit == visits) --open;
  };
  while (open > 0) {
    moved = false;
    for (std::size_t s = 0; s < count; ++s) turn(s);
    for (std::size_t s = count; s-- > 0;) turn(s);
    ensure(moved, "a pipeline does not deadlock");
  }
}

void Recurrence::take_turns(const Lines& lines, const Turns& turns) {
  reset(lines);
  for (const Turn& turn : turns) {
    Stage& stage = stages_[turn.stage];
    const Line& line = lines.stages[turn.stage];
    const Plain& pass = stage.passes[static_cast<std::size_t>(line.visits[stage.visit])];
    const bool whole = !turn.halfway && stage.point == 0;
    const bool ended =
        whole && pass.plain ? visit_plain(lines, turn.stage, pass) : visit(lines, turn.stage, Trace::no);
    ensure(ended || turn.halfway, "turns are those of the same visits");
  }
}

/// Takes the next visit as far as it gets; true where that is to its end.
bool Recurrence::visit(const Lines& lines, std::size_t s, Trace trace) {
  Stage& stage = stages_[s];
  const Line& line = lines.stages[s];
  for (const std::uint8_t direction : {kForward, kBackward}) take_beside(line, s, direction);
  const Pass& visited = line.passes[static_cast<std::size_t>(line.visits[stage.visit])];
  while (stage.point < visited.points.size()) {
    const Point& point = visited.points[stage.point];
    const double reached = stage.at + point.after;
    if (!pass(lines, s, point)) return false;
    if (trace == Trace::yes) stage.points.push_back({reached, stage.at});
    ++stage.point;
  }
  stage.at += visited.rest;
  stage.point = 0;
  ++stage.visit;
  return true;
}

bool Recurrence::visit_plain(const Lines& lines, std::size_t s, const Plain& pass) {
  Stage& stage = stages_[s];
  double at = stage.at;
  if (pass.takes) {
    std::vector<Message>& messages = messages_to(s, pass.from);
    std::size_t& received = stage.received[pass.from];
    if (messages.size() <= received) return false;
    Message& message = messages[received++];
    at = message.ended = std::max(at + pass.before, message.ready) + std::max(message.seconds, pass.take);
  }
  std::vector<Message>& sent = stage.sent[pass.to];
  if (pass.refills) {
    const double ended = ended_back(lines, s, pass.to, pass.back);
    if (ended == kUnknown) return false;
    at = std::max(at + pass.refill, ended);
  }
  if (pass.sends) {
    at += pass.send;
    sent.push_back({at, pass.sending});
  }
  stage.at = at + pass.rest;
  ++stage.visit;
  return true;
}

/// The messages that come to a stage from the one before it (forward) or behind it.
std::vector<Recurrence::Message>& Recurrence::messages_to(std::size_t s, std::uint8_t direction) {
  const std::size_t last = stages_.size() - 1;
  const std::size_t from = direction == kForward ? (s == 0 ? last : s - 1) : (s == last ? 0 : s + 1);
  return stages_[from].sent[direction];
}

/// Takes in what has been sent and has its gates open.
void Recurrence::take_beside(const Line& line, std::size_t s, std::uint8_t direction) {
  const ReceiveLane& lane = line.beside[direction];
  if (lane.passes.empty()) return;
  Beside& beside = stages_[s].beside[direction];
  std::vector<Message>& messages = messages_to(s, direction);
  for (std::size_t k = beside.spells.size(); k < std::min(messages.size(), lane.passes.size()); ++k) {
    const auto gates = static_cast<std::size_t>(lane.gates[k]);
    if (gates > beside.gates.size()) return;
    double seconds = messages[k].seconds;
    for (const Point& point : line.passes[static_cast<std::size_t>(lane.passes[k])].points)
      if (point.stop == Stop::arrive) seconds = std::max(seconds, point.seconds);
    const double ready = std::max(beside.free, gates == 0 ? 0 : beside.gates[gates - 1]);
    beside.free = std::max(ready, messages[k].ready) + seconds;
    messages[k].ended = beside.free;
    beside.spells.push_back({ready, beside.free});
  }
}

/// When the `back`-th message before the next one had been sent.
double Recurrence::ended_back(const Lines& lines, std::size_t s, std::uint8_t direction, std::int32_t back) {
  const std::vector<Message>& sent = stages_[s].sent[direction];
  const Message& message = sent[sent.size() - static_cast<std::size_t>(back)];
  if (message.ended == kUnknown) {
    const std::size_t last = stages_.size() - 1;
    const std::size_t to = direction == kForward ? (s == last ? 0 : s + 1) : (s == 0 ? last : s - 1);
    take_beside(lines.stages[to], to, direction);
  }
  return message.ended;
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
      const double ended = ended_back(lines, s, point.direction, point.number);
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
      std::size_t& received = stage.received[point.direction];
      if (spells.size() <= received) take_beside(lines.stages[s], s, point.direction);
      if (spells.size() <= received) return false;
      after = std::max(at, spells[received++].end);
      break;
    }
    case Stop::release: stage.beside[point.direction].gates.push_back(at); break;
    case Stop::begin: {
      const double start = std::max(at, stage.collectives_free);
      stage.collectives_free = start + point.seconds;
      stage.collectives.push_back({start, stage.collectives_free});
      break;
    }
    case Stop::wait:
      ensure(number < stage.collectives.size(), "a collective begins before it is waited for");
      after = std::max(at, stage.collectives[number].end);
      break;
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

}  // namespace ds::engine
