// Who used a buffer instance last, lane by lane.
#include "simulator/program/scoreboard.h"

#include <algorithm>

#include "simulator/base/error.h"

namespace ds::program {

std::vector<std::uint32_t> lanes_of_buffers(const Program& program,
                                            const std::vector<TemplateId>& templates) {
  std::vector<std::uint32_t> lanes(program.buffers.size(), 0);
  for (const TemplateId id : templates)
    for (const Block& block : program.templates[index(id)].blocks)
      for (const Instruction& instruction : program.instructions_of(block)) {
        const std::uint32_t lane = std::uint32_t{1} << index(instruction.lane);
        for_each_use(program, instruction, [&](const Use& use) {
          const View& view = program.view(use.view);
          if (!program.buffer(view.buffer).goes_on) {
            lanes[index(view.buffer)] |= lane;
            return;
          }
          // A series of buffers: whichever of them the iterations reach.
          for (std::int32_t k = block.first; k < block.first + block.times; ++k)
            lanes[index(locate(program, view, k).buffer)] |= lane;
        });
      }
  return lanes;
}

Scoreboard::Scoreboard(const Program& program, const RankClass& ranks)
    : program_(program),
      instances_(program, ranks),
      lanes_of_(lanes_of_buffers(program, templates_of(program, ranks))),
      lanes_(static_cast<std::int32_t>(program.lanes.size())) {
  ensure(lanes_ <= 32, "lanes are counted as bits");
  std::size_t count = 0;
  for (std::int32_t b = ranks.buffers.first; b < ranks.buffers.first + ranks.buffers.count; ++b) {
    first_.push_back(count);
    const auto id = static_cast<BufferId>(b);
    if (watches(id)) count += static_cast<std::size_t>(program.buffer(id).copies * instances_.slots(id));
  }
  read_.assign(count * static_cast<std::size_t>(lanes_), 0);
  written_ = read_;
  buffers_ = static_cast<std::size_t>(ranks.buffers.first);
}

bool Scoreboard::watches(const Instruction& instruction) const {
  bool any = false;
  for_each_use(program_, instruction, [&](const Use& use) {
    BufferId b = program_.view(use.view).buffer;
    any = any || watches(b);
    while (program_.buffer(b).goes_on) {
      b = static_cast<BufferId>(index(b) + 1);
      any = any || watches(b);
    }
  });
  return any;
}

void Scoreboard::find_touches(const Instruction& instruction, std::int32_t iteration,
                              std::vector<Touch>& touches) const {
  for_each_use(program_, instruction, [&](const Use& use) {
    const Copy copy = locate(program_, program_.view(use.view), iteration);
    if (!watches(copy.buffer)) return;
    const std::int32_t slots = instances_.slots(copy.buffer);
    touches.push_back({first_[index(copy.buffer) - buffers_] + static_cast<std::size_t>(copy.number * slots),
                       slots, use.instance, use.access, lanes_of_[index(copy.buffer)]});
  });
}

void Scoreboard::issue(std::span<const Touch> touches, LaneId lane, const Call& call, std::int64_t number,
                       std::vector<Position>& waits) {
  const auto own = static_cast<std::int32_t>(lane);
  const auto each_instance = [&](auto&& fn) {
    for (const Touch& touch : touches) {
      const bool all = touch.instance == kAllSlots;
      const std::int32_t begin = all ? 0 : slot_of({.instance = touch.instance}, call, touch.slots);
      const std::int32_t end = all ? touch.slots : begin + 1;
      for (std::int32_t s = begin; s < end; ++s)
        fn((touch.first + static_cast<std::size_t>(s)) * static_cast<std::size_t>(lanes_), touch);
    }
  };
  each_instance([&](std::size_t at, const Touch& touch) {
    for (std::uint32_t others = touch.lanes & ~(std::uint32_t{1} << own); others != 0; others &= others - 1) {
      const std::int32_t other = std::countr_zero(others);
      const std::size_t i = at + static_cast<std::size_t>(other);
      const std::int64_t last = touch.access == Access::read ? written_[i] : std::max(written_[i], read_[i]);
      if (last > 0) waits.push_back({other, last});
    }
  });
  each_instance([&](std::size_t at, const Touch& touch) {
    (touch.access == Access::read ? read_ : written_)[at + static_cast<std::size_t>(own)] = number;
  });
}

}  // namespace ds::program
