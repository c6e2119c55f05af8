// The checker, rank by rank: laws that every lowered program keeps (across ranks: channels.h), asked in tests, by the executor
// before every run, and by the simulator in debug builds.
#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "simulator/program/channels.h"
#include "simulator/program/program.h"
#include "simulator/program/walk.h"

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
      : program_(program), ranks_(ranks), numbers_(program, ranks), instances_(numbers_.count()) {
    for_each_buffer([&](BufferId id, const Buffer& buffer) {
      for_each_instance(id, [&](std::size_t i) {
        if (buffer.host == Host::writes) instances_[i].write({0, buffer.size.bound.value});
        if (buffer.life == Life::call) within_call_.push_back(i);
      });
    });
  }

  std::optional<std::string> run() {
    if (auto fault = tables()) return fault;
    for (const Phase& phase : ranks_.phases)
      for (const Call& call : phase.calls) {
        if (auto fault = begin_call(call)) return fault;
        const Template& body = program_.body(call);
        std::optional<std::string> fault;
        std::int32_t position = 0;
        for_each_instruction(body, [&](InstructionId id, std::int32_t iteration) {
          if (fault) return;
          fault = instruction(program_.instruction(id), iteration, call);
          if (fault)
            fault = fmt::format("{} of micro-batch {}, instruction {} ({}): {}", body.name, call.micro[0],
                                position, class_name(program_, program_.instruction(id)), *fault);
          ++position;
        });
        if (fault) return fault;
      }
    std::optional<std::string> fault;
    for_each_buffer([&](BufferId id, const Buffer& buffer) {
      if (buffer.host != Host::reads) return;
      for_each_instance(id, [&](std::size_t i) {
        if (!instances_[i].covers({0, buffer.size.bound.value}))
          fault = fmt::format("the host reads {}, which the step does not write whole", buffer.name);
      });
    });
    return fault;
  }

 private:
  template <class Fn>
  void for_each_buffer(Fn&& fn) const {
    for (std::int32_t b = ranks_.buffers.first; b < ranks_.buffers.first + ranks_.buffers.count; ++b)
      fn(static_cast<BufferId>(b), program_.buffer(static_cast<BufferId>(b)));
  }
  template <class Fn>
  void for_each_instance(BufferId id, Fn&& fn) const {
    const std::size_t first = numbers_.first({id, 0});
    const std::size_t count =
        static_cast<std::size_t>(program_.buffer(id).copies) * static_cast<std::size_t>(numbers_.slots(id));
    for (std::size_t i = first; i < first + count; ++i) fn(i);
  }

  /// What can be said of a class without walking through it.
  std::optional<std::string> tables() const {
    if (std::ssize(ranks_.slots) != ranks_.buffers.count)
      return "a class does not say how many slots its buffers have";
    for (const std::int32_t slots : ranks_.slots)
      if (slots < 1 || slots > program_.micro_batches) return "a buffer has slots that no micro-batch needs";
    return std::nullopt;
  }

  std::optional<std::string> begin_call(const Call& call) {
    if (index(call.body) >= program_.templates.size()) return "a call names a template that does not exist";
    if (std::ranges::max(call.micro) >= program_.micro_batches)
      return "a call names a micro-batch that does not exist";
    for (const std::size_t i : within_call_)  // what lives within one call is not there in the next
      instances_[i].written.clear();
    return std::nullopt;
  }

  std::optional<std::string> instruction(const Instruction& i, std::int32_t iteration, const Call& call) {
    if (static_cast<std::size_t>(i.lane) >= program_.lanes.size()) return "names a lane that does not exist";
    for (const Operator& op : program_.operators_of(i))
      if (auto fault = fits(op)) return fault;
    std::optional<std::string> fault;
    for_each_use(program_, i, [&](const Use& use) {
      if (!fault && use.access != Access::write) fault = reads(use, iteration, call);
    });
    for_each_use(program_, i, [&](const Use& use) {
      if (!fault && use.access != Access::read) fault = writes(use, iteration, call);
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
    BufferId buffer;
    std::size_t first;  // instance
    std::int32_t slots;
    Range range;
  };
  std::optional<Place> place(const Use& use, std::int32_t iteration, const Call& call) const {
    if (index(use.view) >= program_.views.size()) return std::nullopt;
    const View& view = program_.view(use.view);
    const Copy copy = locate(program_, view, iteration);
    const std::size_t number = index(copy.buffer) - static_cast<std::size_t>(ranks_.buffers.first);
    if (number >= ranks_.slots.size()) return std::nullopt;  // that of another class
    const Buffer& buffer = program_.buffer(copy.buffer);
    if (copy.number < 0 || copy.number >= buffer.copies) return std::nullopt;
    const std::int64_t bytes = view.bytes().value;
    const std::int32_t slots = numbers_.slots(copy.buffer);
    if (use.instance == kAllSlots) {
      if (view.offset.value != 0 || bytes != buffer.size.bound.value * slots) return std::nullopt;
      return Place{copy.buffer, numbers_.first(copy), slots, {0, buffer.size.bound.value}};
    }
    const std::int32_t slot = slot_of(use, call, slots);
    if (slot >= slots || view.offset.value < 0 || view.offset.value + bytes > buffer.size.bound.value)
      return std::nullopt;
    return Place{copy.buffer,
                 numbers_.first(copy) + static_cast<std::size_t>(slot),
                 1,
                 {view.offset.value, view.offset.value + bytes}};
  }

  std::optional<std::string> reads(const Use& use, std::int32_t iteration, const Call& call) {
    const auto at = place(use, iteration, call);
    if (!at) return outside(use);
    const Buffer& buffer = program_.buffer(at->buffer);
    for (std::size_t i = at->first; i < at->first + static_cast<std::size_t>(at->slots); ++i) {
      const Instance& instance = instances_[i];
      if (!instance.covers(at->range)) return fmt::format("reads {} before it is written", buffer.name);
      if (buffer.life == Life::slot && instance.micro != micro_of(use, call))
        return fmt::format("reads {} of micro-batch {} where that of {} stands", buffer.name,
                           micro_of(use, call), instance.micro);
    }
    return std::nullopt;
  }

  std::optional<std::string> writes(const Use& use, std::int32_t iteration, const Call& call) {
    const auto at = place(use, iteration, call);
    if (!at) return outside(use);
    for (std::size_t i = at->first; i < at->first + static_cast<std::size_t>(at->slots); ++i) {
      instances_[i].write(at->range);
      instances_[i].micro = micro_of(use, call);
    }
    return std::nullopt;
  }

  std::string outside(const Use& use) const {
    if (index(use.view) >= program_.views.size()) return "names a view that does not exist";
    return fmt::format("a use reaches outside {}, or it is of other ranks",
                       program_.buffer(program_.view(use.view).buffer).name);
  }

  const Program& program_;
  const RankClass& ranks_;
  Instances numbers_;
  std::vector<Instance> instances_;
  std::vector<std::size_t> within_call_;  // instances that live within one call
};

}  // namespace

std::optional<std::string> check(const Program& program) {
  if (program.classes.empty()) return "a program without ranks";
  for (const Template& body : program.templates)
    for (const Block& block : body.blocks)
      if (block.times < 1 || block.body.first < 0 || block.body.count < 1 ||
          block.body.first + block.body.count > std::ssize(program.instructions))
        return fmt::format("a block of {} has no instructions or never comes", body.name);
  if (!program.buffers.empty() && program.buffers.back().goes_on) return "the last buffer goes on in none";
  for (const RankClass& ranks : program.classes)
    if (auto fault = Checker(program, ranks).run()) return fault;
  if (auto fault = check_meetings(program)) return fault;
  if (auto fault = check_progress(program)) return fault;
  if (program.hash != hash_of(program)) return "the program was changed after it was hashed";
  return std::nullopt;
}

}  // namespace ds::program
