// A step walked through in the order of issue, birth by birth.
#include "simulator/memory/lifetimes.h"

#include <algorithm>
#include <numeric>
#include <tuple>

#include "simulator/program/walk.h"

namespace ds::memory {
namespace {

using program::Access;
using program::Buffer;
using program::Life;

bool is_block(const Buffer& buffer) { return buffer.life == Life::step; }

class Walk {
 public:
  Walk(const program::Program& program, const program::RankClass& ranks)
      : program_(program), ranks_(ranks), always_(alive_always(program, ranks)) {
    first_instance_.resize(program.buffers.size());
    for (std::int32_t b = ranks.buffers.first; b < ranks.buffers.first + ranks.buffers.count; ++b)
      add_instances(static_cast<program::BufferId>(b));
    for (const program::Phase& phase : ranks.phases)
      for (const program::Call& call : phase.calls) {
        call_begin_ = position_;
        program::for_each_instruction(
            program.body(call), [&](program::InstructionId id, std::int32_t iteration) {
              ++position_;
              program::for_each_use(program, program.instruction(id),
                                    [&](const program::Use& use) { touch(use, iteration, call); });
            });
      }
    finish();
    put_in_order();
  }

  Lifetimes take() { return std::move(result_); }

 private:
  void add_instances(program::BufferId id) {
    const Buffer& buffer = program_.buffer(id);
    const std::int32_t slots = program::slots_of(ranks_, id);
    first_instance_[program::index(id)] = result_.instances.size();
    const std::int32_t count = is_block(buffer) ? 1 : slots;
    const std::int64_t bytes = buffer.size.bound.value * (is_block(buffer) ? slots : 1);
    const bool written = buffer.host == program::Host::writes;
    for (std::int32_t copy = 0; copy < buffer.copies; ++copy)
      for (std::int32_t s = 0; s < count; ++s) {
        result_.instances.push_back({id, copy, s, bytes});
        result_.alive.emplace_back();
        micro_.push_back(-1);
        if (written) result_.alive.back() = {{0, 0}};
      }
  }

  /// A write of the whole begins a new life, and so does the next call where lives do not outlast one, and another micro-batch,
  /// the first of whose writes may be of a part; everything else goes on with the one that is there.
  void touch(const program::Use& use, std::int32_t iteration, const program::Call& call) {
    const program::View& view = program_.view(use.view);
    const program::Copy copy = program::locate(program_, view, iteration);
    const Buffer& buffer = program_.buffer(copy.buffer);
    const std::int32_t slots = program::slots_of(ranks_, copy.buffer);
    const auto in_copy = is_block(buffer) ? 1 : static_cast<std::size_t>(slots);
    const std::size_t i =
        first_instance_[program::index(copy.buffer)] + static_cast<std::size_t>(copy.number) * in_copy +
        (is_block(buffer) ? 0 : static_cast<std::size_t>(program::slot_of(use, call, slots)));
    std::vector<Interval>& alive = result_.alive[i];
    const bool whole = view.bytes().value == result_.instances[i].bytes;
    const bool written =
        use.access == Access::write && whole && (alive.empty() || alive.back().end < position_);
    const bool of_earlier_call =
        buffer.life == Life::call && !alive.empty() && alive.back().end <= call_begin_;
    const bool of_another_micro_batch = buffer.life == Life::slot && micro_[i] != micro_of(use, call);
    micro_[i] = micro_of(use, call);
    if (alive.empty() || written || of_earlier_call || of_another_micro_batch)
      alive.push_back({position_, position_});
    else
      alive.back().end = position_;
  }

  static std::int32_t micro_of(const program::Use& use, const program::Call& call) {
    return call.micro[use.instance == program::kMicro1 ? 1 : 0];
  }

  /// What the host reads lives up to the end.
  void finish() {
    result_.end = position_ + 1;
    for (std::size_t i = 0; i < result_.instances.size(); ++i) {
      const program::BufferId id = result_.instances[i].buffer;
      const Buffer& buffer = program_.buffer(id);
      if (always_[program::index(id)])
        result_.alive[i] = {{0, result_.end}};
      else if (buffer.host == program::Host::reads && !result_.alive[i].empty())
        result_.alive[i].back().end = result_.end;
    }
  }

  /// By birth, so that the order does not depend on how buffers are numbered: a program and its long form have the same
  /// layout.
  void put_in_order() {
    std::vector<std::size_t> order(result_.instances.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    const auto key = [&](std::size_t i) {
      const std::vector<Interval>& alive = result_.alive[i];
      return alive.empty() ? std::tuple(result_.end + 1, 0, std::int64_t{0})
                           : std::tuple(alive.front().begin, -alive.back().end, -result_.instances[i].bytes);
    };
    std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) { return key(a) < key(b); });
    Lifetimes sorted{.end = result_.end};
    for (const std::size_t i : order) {
      sorted.instances.push_back(result_.instances[i]);
      sorted.alive.push_back(std::move(result_.alive[i]));
    }
    result_ = std::move(sorted);
  }

  const program::Program& program_;
  const program::RankClass& ranks_;
  std::vector<std::size_t> first_instance_;  // by buffer
  std::vector<bool> always_;                 // by buffer
  std::vector<std::int32_t> micro_;          // by instance: the micro-batch that used it last
  std::int32_t position_{0}, call_begin_{0};
  Lifetimes result_;
};

}  // namespace

std::vector<bool> alive_always(const program::Program& program, const program::RankClass& ranks) {
  return alive_always(program, ranks.buffers, program::templates_of(program, ranks));
}

std::vector<bool> alive_always(const program::Program& program, program::Span buffers,
                               const std::vector<program::TemplateId>& templates) {
  std::vector<bool> always(program.buffers.size(), false);
  for (std::int32_t b = buffers.first; b < buffers.first + buffers.count; ++b)
    always[static_cast<std::size_t>(b)] = program.buffers[static_cast<std::size_t>(b)].life == Life::run;
  for (const program::TemplateId id : templates)
    for (const program::Block& block : program.templates[program::index(id)].blocks)
      for (const program::Instruction& instruction : program.instructions_of(block)) {
        if (instruction.lane == program::LaneId{0}) continue;
        program::for_each_use(program, instruction, [&](const program::Use& use) {
          for (std::int32_t k = block.first; k < block.first + block.times; ++k)
            if (const program::BufferId touched = program::locate(program, program.view(use.view), k).buffer;
                !program.buffer(touched).allocated)
              always[program::index(touched)] = true;
        });
      }
  return always;
}

Lifetimes lifetimes(const program::Program& program, std::size_t rank_class) {
  return Walk(program, program.classes[rank_class]).take();
}

}  // namespace ds::memory
