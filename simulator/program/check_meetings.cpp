// The checker across classes, first half: what meets is alike. Phase by phase, the k-th send of a group and shift meets the
// k-th receive, the k-th collective of a group the k-th of its other members.
#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "simulator/program/channels.h"
#include "simulator/program/rows.h"
#include "simulator/program/walk.h"

namespace ds::program {
namespace {

using collective::Collective;

/// What two ends of a communication have to agree on.
struct Met {
  Collective what{};
  std::int16_t algorithm{};
  std::int64_t bytes{};
  bool operator==(const Met&) const = default;
};

/// The communications of one class in one channel, and the lane that they all sit on.
struct Sequence {
  std::vector<Met> sent, received;  // collectives count as sent
  LaneId send_lane{-1}, receive_lane{-1};
};

std::string text(const Met& met) {
  return fmt::format("{} of {} bytes", collective::name_of(met.what), met.bytes);
}

/// How many times the smaller operand of a collective goes into the larger one.
std::int64_t parts_of(Collective what, std::int64_t members) {
  return what == Collective::all_gather || what == Collective::reduce_scatter ? members : 1;
}

/// Where one operand is a part of the other, it is the one at the rank's place in the group.
bool part_is_in_place(const Program& program, const Instruction& i) {
  const View &a = program.view(program.uses_of(i)[0].view), &b = program.view(program.uses_of(i)[1].view);
  if (a.buffer != b.buffer) return true;
  const auto& [whole, part] = a.shape.elements() < b.shape.elements() ? std::tie(b, a) : std::tie(a, b);
  return i.comm.group == part.shard_group && part.offset == whole.offset && part.shard_stride == part.bytes();
}

/// Operands that no communication of that kind can have; nothing if they fit.
std::optional<std::string> operands_fault(const Program& program, const Instruction& i,
                                          std::int64_t members) {
  const std::span<const Use> uses = program.uses_of(i);
  if (uses.empty() || uses.size() > 2 || i.operators.count != 0)
    return "has operands that no communication has";
  // A shard may be of another type than the whole, so parts are counted in elements.
  std::int64_t most = 0, elements = 0, part = 0;
  for (const Use& use : uses) {
    if (index(use.view) >= program.views.size()) return "names a view that does not exist";
    const View& view = program.view(use.view);
    const std::int64_t count = view.shape.elements();
    most = std::max(most, view.bytes().value);
    elements = std::max(elements, count);
    part = part == 0 ? count : std::min(part, count);
  }
  if (most != i.comm.bytes.bound.value)
    return fmt::format("says {} bytes where its largest operand has {}", i.comm.bytes.bound.value, most);
  if (i.kind != Kind::collective) {
    const Access access = i.kind == Kind::send ? Access::read : Access::write;
    if (uses.size() != 1 || uses[0].access != access) return "has operands that no message has";
    return std::nullopt;
  }
  if (members < 2) return "is over one rank alone";
  const std::int64_t parts = parts_of(i.comm.what, members);
  if (uses.size() == 1 && (uses[0].access != Access::add || parts != 1))
    return "works in place, which this collective cannot";
  if (uses.size() == 2 && part * parts != elements)
    return fmt::format("is over {} ranks, but its operands have {} and {} elements", members, elements, part);
  if (uses.size() == 2 && !part_is_in_place(program, i)) return "has a part that is not the rank's own";
  return std::nullopt;
}

class Meetings {
 public:
  explicit Meetings(const Program& program) : program_(program), channels_(program) {}

  std::optional<std::string> run() {
    const std::vector<Phase>& first = program_.classes.front().phases;
    for (const RankClass& ranks : program_.classes)
      if (!std::ranges::equal(ranks.phases, first, {}, &Phase::when, &Phase::when))
        return "classes have different phases";
    for (std::size_t phase = 0; phase < first.size(); ++phase) {
      sequences_.clear();
      for (std::int32_t c = 0; c < std::ssize(program_.classes); ++c)
        if (auto fault = note_class(c, phase)) return fault;
      for (const auto& [channel, by_class] : sequences_)
        if (auto fault = compare(channels_[channel], by_class)) return fault;
    }
    return std::nullopt;
  }

 private:
  using ByClass = std::map<std::int32_t, Sequence>;

  std::optional<std::string> note_class(std::int32_t c, std::size_t phase) {
    for (const Call& call : program_.classes[static_cast<std::size_t>(c)].phases[phase].calls) {
      const Template& body = program_.body(call);
      std::optional<std::string> fault;
      std::int32_t position = 0;
      for_each_instruction(body, [&](InstructionId id, std::int32_t) {
        const Instruction& i = program_.instruction(id);
        if (!fault && communicates(i.kind)) {
          fault = note(c, i);
          if (fault)
            fault = fmt::format("{}: {} of micro-batch {}, instruction {} ({}): {}", class_text(program_, c),
                                body.name, call.micro[0], position, class_name(program_, i), *fault);
        }
        ++position;
      });
      if (fault) return fault;
    }
    return std::nullopt;
  }

  std::optional<std::string> note(std::int32_t c, const Instruction& i) {
    const std::optional<std::int32_t> channel = channels_.of(c, i.kind, i.comm);
    if (!channel) return "is in a group that its ranks do not belong to";
    if (auto fault = operands_fault(program_, i, members(c, i.comm.group))) return fault;
    if (channels_[*channel].classes.size() == 1) return std::nullopt;  // all who meet do the same
    Sequence& sequence = sequences_[*channel][c];
    const bool receives = i.kind == Kind::receive;
    LaneId& lane = receives ? sequence.receive_lane : sequence.send_lane;
    if (lane != LaneId{-1} && lane != i.lane) return "sits on another lane than those before it";
    lane = i.lane;
    (receives ? sequence.received : sequence.sent)
        .push_back({i.comm.what, i.comm.algorithm, i.comm.bytes.bound.value});
    return std::nullopt;
  }

  std::int64_t members(std::int32_t c, const Group& group) {
    const auto [found, is_new] = members_.try_emplace({c, group}, 0);
    if (is_new)
      found->second = program_.grid.count(group, program_.classes[static_cast<std::size_t>(c)].first);
    return found->second;
  }

  std::optional<std::string> compare(const Channel& channel, const ByClass& by_class) const {
    const auto sequence = [&](std::int32_t c) {
      const auto found = by_class.find(c);
      return found == by_class.end() ? Sequence{} : found->second;
    };
    const std::int32_t first = channel.classes.front();
    const std::vector<Met> expected = sequence(first).sent;
    for (std::size_t other = 1; other < channel.classes.size(); ++other) {
      const std::int32_t c = channel.classes[other];
      const std::vector<Met>& met = channel.shift != 0 ? sequence(c).received : sequence(c).sent;
      if (auto fault = difference(channel, first, expected, c, met)) return fault;
    }
    return std::nullopt;
  }

  std::optional<std::string> difference(const Channel& channel, std::int32_t a, const std::vector<Met>& here,
                                        std::int32_t b, const std::vector<Met>& there) const {
    const std::string who = class_text(program_, a), other = class_text(program_, b);
    const bool messages = channel.shift != 0;
    if (here.size() != there.size())
      return fmt::format("{} {} {} times by shift {}, {} {} {} times", who, messages ? "send" : "meet",
                         here.size(), channel.shift, other, messages ? "receive" : "meet", there.size());
    for (std::size_t k = 0; k < here.size(); ++k)
      if (here[k] != there[k])
        return fmt::format("meeting {} of {} and {}: {} on one side, {} on the other", k, who, other,
                           text(here[k]), text(there[k]));
    return std::nullopt;
  }

  const Program& program_;
  Channels channels_;
  std::map<std::int32_t, ByClass> sequences_;  // by channel
  std::map<std::pair<std::int32_t, Group>, std::int64_t> members_;
};

}  // namespace

std::optional<std::string> check_meetings(const Program& program) { return Meetings(program).run(); }

}  // namespace ds::program
