// The checker, rank by rank: laws that every lowered program keeps (across ranks: channels.h), asked in tests, by the executor before every run, and by the
// simulator in debug builds.
#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "simulator/program/channels.h"
#include "simulator/program/program.h"

namespace ds::program {
namespace {

struct Range {
  std::int64_t begin{}, end{};
};

/// What is known of one slot of one buffer while the step is walked through in issue order.
struct Instance {
  std::vector<Range> written;  // disjoint, in order
  std::int32_t micro{-1};      // whose content it holds, for slots

  void write(Range range) {
    std::vector<Range> merged;
    for (const Range& old : written)
      if (old.end < range.begin || old.begin > range.end)
        merged.push_back(old);
      else
        range = {std::min(old.begin, range.begin), std::max(old.end, range.end)};
    merged.push_back(range);
    std::ranges::sort(merged, [](const Range& a, const Range& b) { return a.begin < b.begin; });
    written = std::move(merged);
  }
  bool covers(Range range) const {
    return std::ranges::any_of(written,
                               [&](const Range& w) { return w.begin <= range.begin && range.end <= w.end; });
  }
};

class Checker {
 public:
  Checker(const Program& program, const RankClass& ranks)
      : program_(program), ranks_(ranks), first_(static_cast<std::size_t>(ranks.buffers.first)) {
    for (const Buffer& buffer : program.buffers_of(ranks)) {
      std::vector<Instance>& instances =
          instances_.emplace_back(static_cast<std::size_t>(std::max(buffer.slots, 1)));
      if (buffer.host == Host::writes)
        for (Instance& instance : instances) instance.write({0, buffer.size.bound.value});
      if (buffer.life == Life::call) within_call_.push_back(instances_.size() - 1);
    }
  }

  std::optional<std::string> run() {
    for (const Phase& phase : ranks_.phases)
      for (const Call& call : phase.calls) {
        if (auto fault = begin_call(call)) return fault;
        const Template& body = program_.body(call);
        for (std::size_t i = 0; i < body.body.size(); ++i)
          if (auto fault = instruction(body.body[i], call))
            return fmt::format("{} of micro-batch {}, instruction {} ({}): {}", body.name, call.micro[0], i,
                               class_name(program_, body.body[i]), *fault);
      }
    for (std::size_t b = 0; b < instances_.size(); ++b) {
      const Buffer& buffer = program_.buffers[first_ + b];
      if (buffer.host == Host::reads)
        for (const Instance& instance : instances_[b])
          if (!instance.covers({0, buffer.size.bound.value}))
            return fmt::format("the host reads {}, which the step does not write whole", buffer.name);
    }
    return std::nullopt;
  }

 private:
  std::optional<std::string> begin_call(const Call& call) {
    if (index(call.body) >= program_.templates.size()) return "a call names a template that does not exist";
    if (std::ranges::max(call.micro) >= program_.micro_batches)
      return "a call names a micro-batch that does not exist";
    for (const std::size_t b : within_call_)  // what lives within one call is not there in the next
      for (Instance& instance : instances_[b]) instance.written.clear();
    return std::nullopt;
  }

  std::optional<std::string> instruction(const Instruction& i, const Call& call) {
    if (static_cast<std::size_t>(i.lane) >= program_.lanes.size()) return "names a lane that does not exist";
    for (const Operator& op : program_.operators_of(i))
      if (auto fault = fits(op)) return fault;
    std::optional<std::string> fault;
    for_each_use(program_, i, [&](const Use& use) {
      if (!fault && use.access != Access::write) fault = reads(use, call);
    });
    for_each_use(program_, i, [&](const Use& use) {
      if (!fault && use.access != Access::read) fault = writes(use, call);
    });
    return fault;
  }

  std::optional<std::string> fits(const Operator& op) const {
    const ops::Operands operands = ops::operands(program_.op(op.op));
    if (operands.size() != op.uses.count)
      return fmt::format("has {} uses for {} operands", op.uses.count, operands.size());
    for (int k = 0; k < operands.size(); ++k) {
      const Use& use = program_.uses_of(op)[static_cast<std::size_t>(k)];
      if (index(use.view) >= program_.views.size()) return "names a view that does not exist";
      const View& view = program_.view(use.view);
      if (view.shape.elements() != operands[k].shape.elements() || view.type != operands[k].type)
        return fmt::format("operand {} has another shape or type than its view of {}", operands[k].name,
                           program_.buffer(view.buffer).name);
      if (use.access != operands[k].access)
        return fmt::format("operand {} has another access", operands[k].name);
    }
    return std::nullopt;
  }

  static std::int32_t micro_of(const Use& use, const Call& call) {
    return call.micro[use.instance == kMicro1 ? 1 : 0];
  }

  /// The view as a range of one slot, or of all slots of a block. Nothing if it is not there.
  struct Place {
    std::size_t buffer;  // counted from the first of the class
    std::int32_t first_slot, slots;
    Range range;
  };
  std::optional<Place> place(const Use& use, const Call& call) const {
    const View& view = program_.view(use.view);
    const Buffer& buffer = program_.buffer(view.buffer);
    const std::int64_t bytes = view.bytes().value;
    const std::size_t number = index(view.buffer) - first_;
    if (number >= instances_.size()) return std::nullopt;  // that of another class
    if (use.instance == kAllSlots) {
      if (view.offset.value != 0 || bytes != buffer.size.bound.value * buffer.slots) return std::nullopt;
      return Place{number, 0, buffer.slots, {0, buffer.size.bound.value}};
    }
    const std::int32_t slot = slot_of(use, call, buffer.slots);
    if (slot >= buffer.slots || view.offset.value < 0 || view.offset.value + bytes > buffer.size.bound.value)
      return std::nullopt;
    return Place{number, slot, 1, {view.offset.value, view.offset.value + bytes}};
  }

  std::optional<std::string> reads(const Use& use, const Call& call) {
    const auto at = place(use, call);
    if (!at) return outside(use);
    const Buffer& buffer = program_.buffers[first_ + at->buffer];
    for (std::int32_t s = at->first_slot; s < at->first_slot + at->slots; ++s) {
      const Instance& instance = instances_[at->buffer][static_cast<std::size_t>(s)];
      if (!instance.covers(at->range)) return fmt::format("reads {} before it is written", buffer.name);
      if (buffer.life == Life::slot && instance.micro != micro_of(use, call))
        return fmt::format("reads {} of micro-batch {} where that of {} stands", buffer.name,
                           micro_of(use, call), instance.micro);
    }
    return std::nullopt;
  }

  std::optional<std::string> writes(const Use& use, const Call& call) {
    const auto at = place(use, call);
    if (!at) return outside(use);
    for (std::int32_t s = at->first_slot; s < at->first_slot + at->slots; ++s) {
      Instance& instance = instances_[at->buffer][static_cast<std::size_t>(s)];
      instance.write(at->range);
      instance.micro = micro_of(use, call);
    }
    return std::nullopt;
  }

  std::string outside(const Use& use) const {
    return fmt::format("a use reaches outside {}, or it is of other ranks",
                       program_.buffer(program_.view(use.view).buffer).name);
  }

  const Program& program_;
  const RankClass& ranks_;
  std::size_t first_;                             // buffer of the class
  std::vector<std::vector<Instance>> instances_;  // by buffer of the class and slot
  std::vector<std::size_t> within_call_;          // buffers of the class that live within one call
};

}  // namespace

std::optional<std::string> check(const Program& program) {
  if (program.classes.empty()) return "a program without ranks";
  for (const View& view : program.views) {
    const Buffer& buffer = program.buffer(view.buffer);
    const std::int64_t end = view.offset.value + view.bytes().value;
    if (view.offset.value < 0 || end > buffer.size.bound.value * buffer.slots)
      return fmt::format("a view reaches outside {}", buffer.name);
  }
  for (const RankClass& ranks : program.classes)
    if (auto fault = Checker(program, ranks).run()) return fault;
  if (auto fault = check_meetings(program)) return fault;
  if (auto fault = check_progress(program)) return fault;
  if (program.hash != hash_of(program)) return "the program was changed after it was hashed";
  return std::nullopt;
}

}  // namespace ds::program
