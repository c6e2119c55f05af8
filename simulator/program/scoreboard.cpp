// Who used a buffer instance last, lane by lane.
#include "simulator/program/scoreboard.h"

#include <algorithm>

namespace ds::program {

std::vector<bool> shared_between_lanes(const Program& program, const std::vector<TemplateId>& templates) {
  constexpr LaneId kNone{-1};
  std::vector<LaneId> lane_of(program.buffers.size(), kNone);
  std::vector<bool> shared(program.buffers.size(), false);
  const auto touch = [&](BufferId buffer, LaneId lane) {
    const std::size_t b = index(buffer);
    if (lane_of[b] != kNone && lane_of[b] != lane) shared[b] = true;
    lane_of[b] = lane;
  };
  for (const TemplateId id : templates)
    for (const Block& block : program.templates[index(id)].blocks)
      for (const Instruction& instruction : program.instructions_of(block))
        for_each_use(program, instruction, [&](const Use& use) {
          const View& view = program.view(use.view);
          if (!program.buffer(view.buffer).goes_on) return touch(view.buffer, instruction.lane);
          // A series of buffers: whichever of them its iterations reach.
          for (const std::int32_t k : {block.first, block.first + block.times / 2, block.first + block.times - 1})
            touch(locate(program, view, k).buffer, instruction.lane);
        });
  return shared;
}

Scoreboard::Scoreboard(const Program& program, const RankClass& ranks)
    : program_(program),
      instances_(program, ranks),
      watched_(shared_between_lanes(program, templates_of(program, ranks))),
      lanes_(static_cast<std::int32_t>(program.lanes.size())) {
  std::size_t count = 0;
  for (std::int32_t b = ranks.buffers.first; b < ranks.buffers.first + ranks.buffers.count; ++b) {
    first_.push_back(count);
    if (!watched_[static_cast<std::size_t>(b)]) continue;
    const auto id = static_cast<BufferId>(b);
    count += static_cast<std::size_t>(program.buffer(id).copies * instances_.slots(id));
  }
  read_.assign(count * static_cast<std::size_t>(lanes_), 0);
  written_ = read_;
  buffers_ = static_cast<std::size_t>(ranks.buffers.first);
}

bool Scoreboard::watches(const Instruction& instruction) const {
  bool any = false;
  for_each_use(program_, instruction, [&](const Use& use) {
    const BufferId first = program_.view(use.view).buffer;
    any = any || watches(first);
    for (BufferId b = first; program_.buffer(b).goes_on;) {
      b = static_cast<BufferId>(index(b) + 1);
      any = any || watches(b);
    }
  });
  return any;
}

void Scoreboard::wait_for(std::vector<Position>& waits, const std::int64_t* last, std::int32_t own) const {
  for (std::int32_t lane = 0; lane < lanes_; ++lane)
    if (lane != own && last[lane] > 0) waits.push_back({lane, last[lane]});
}

void Scoreboard::issue(const Instruction& instruction, std::int32_t iteration, const Call& call,
                       std::int64_t number, std::vector<Position>& waits) {
  const auto lane = static_cast<std::int32_t>(instruction.lane);
  const auto each_instance = [&](auto&& fn) {
    for_each_use(program_, instruction, [&](const Use& use) {
      const Copy copy = locate(program_, program_.view(use.view), iteration);
      if (!watches(copy.buffer)) return;
      const std::int32_t slots = instances_.slots(copy.buffer);
      const std::size_t first = first_[index(copy.buffer) - buffers_] + static_cast<std::size_t>(copy.number * slots);
      const bool all = use.instance == kAllSlots;
      const std::int32_t begin = all ? 0 : slot_of(use, call, slots), end = all ? slots : begin + 1;
      for (std::int32_t s = begin; s < end; ++s)
        fn((first + static_cast<std::size_t>(s)) * static_cast<std::size_t>(lanes_), use.access);
    });
  };
  each_instance([&](std::size_t at, Access access) {
    wait_for(waits, &written_[at], lane);
    if (access != Access::read) wait_for(waits, &read_[at], lane);
  });
  each_instance([&](std::size_t at, Access access) {
    (access == Access::read ? read_ : written_)[at + static_cast<std::size_t>(lane)] = number;
  });
}

}  // namespace ds::program
