// Goes through a template once, use by use.
#include "simulator/memory/template_lives.h"

#include <utility>

#include "simulator/program/walk.h"

namespace ds::memory {

using program::Buffer;
using program::BufferId;
using program::Life;

CopyNumbers::CopyNumbers(const program::Program& program, program::Span buffers)
    : begin_(static_cast<std::size_t>(buffers.first)), first_{0} {
  for (std::int32_t b = buffers.first; b < buffers.first + buffers.count; ++b)
    first_.push_back(first_.back() +
                     static_cast<std::size_t>(program.buffers[static_cast<std::size_t>(b)].copies));
}

namespace {

/// The spells of all copies, of either micro-batch.
class Spells {
 public:
  Spells(const program::Program& program, const CopyNumbers& copies,
         const std::function<std::int32_t(BufferId)>& slots)
      : program_(program), copies_(copies), slots_(slots), found_(2 * copies.count(), kNone) {}

  void touch(const program::Use& use, std::int32_t iteration, std::int32_t position) {
    const program::View& view = program_.view(use.view);
    const program::Copy copy = program::locate(program_, view, iteration);
    const Buffer& buffer = program_.buffer(copy.buffer);
    if (buffer.life == Life::run) return;
    const bool second = use.instance == program::kMicro1 && buffer.life == Life::slot;
    std::vector<Spell>& list = spells_of(copy, second);
    const std::int32_t slots = buffer.life == Life::step ? slots_(copy.buffer) : 1;
    const bool fresh = use.access == program::Access::write && view.bytes() == buffer.size.bound * slots &&
                       (list.empty() || list.back().end < position);
    if (list.empty() || fresh)
      list.push_back({position, position, fresh});
    else
      list.back().end = position;
  }

  TemplateLives take() {
    TemplateLives lives;
    for (std::size_t i = 0; i < found_.size(); ++i) {
      if (found_[i] == kNone) continue;
      Touched& one = touched_[static_cast<std::size_t>(found_[i])];
      switch (program_.buffer(one.buffer).life) {
        case Life::call: lives.of_call.push_back(std::move(one)); break;
        case Life::slot: lives.by_micro[i % 2].push_back(std::move(one)); break;
        case Life::step: lives.of_step.push_back(std::move(one)); break;
        case Life::run: break;
      }
    }
    return lives;
  }

 private:
  static constexpr std::int32_t kNone = -1;

  std::vector<Spell>& spells_of(const program::Copy& copy, bool second) {
    std::int32_t& number = found_[2 * copies_.of(copy.buffer, copy.number) + (second ? 1 : 0)];
    if (number == kNone) {
      number = static_cast<std::int32_t>(touched_.size());
      touched_.push_back({copy.buffer, copy.number, {}});
    }
    return touched_[static_cast<std::size_t>(number)].spells;
  }

  const program::Program& program_;
  const CopyNumbers& copies_;
  const std::function<std::int32_t(BufferId)>& slots_;
  std::vector<std::int32_t> found_;  // by copy and micro-batch: of touched_
  std::vector<Touched> touched_;
};

}  // namespace

TemplateLives lives_of(const program::Program& program, const program::Template& body,
                       const CopyNumbers& copies, const std::function<std::int32_t(BufferId)>& slots) {
  Spells spells(program, copies, slots);
  std::int32_t position = 0;
  program::for_each_instruction(body, [&](program::InstructionId id, std::int32_t iteration) {
    program::for_each_use(program, program.instruction(id),
                          [&](const program::Use& use) { spells.touch(use, iteration, position); });
    ++position;
  });
  return spells.take();
}

}  // namespace ds::memory
