#include "simulator/program/scoreboard.h"

#include <algorithm>

namespace ds::program {
namespace {

/// Buffers that more than one lane uses, by buffer: only these can make an instruction wait for another lane.
std::vector<bool> shared_between_lanes(const Program& program, const RankClass& ranks) {
  constexpr std::int32_t kNone = -1;
  std::vector<std::int32_t> lane_of(program.buffers.size(), kNone);
  std::vector<bool> shared(program.buffers.size(), false);
  std::vector<bool> seen(program.templates.size(), false);
  for (const Phase& phase : ranks.phases)
    for (const Call& call : phase.calls) {
      if (seen[index(call.body)]) continue;
      seen[index(call.body)] = true;
      for (const Instruction& instruction : program.body(call).body)
        for_each_use(program, instruction, [&](const Use& use) {
          const std::size_t b = index(program.view(use.view).buffer);
          const auto lane = static_cast<std::int32_t>(instruction.lane);
          if (lane_of[b] != kNone && lane_of[b] != lane) shared[b] = true;
          lane_of[b] = lane;
        });
    }
  return shared;
}

}  // namespace

Scoreboard::Scoreboard(const Program& program, const RankClass& ranks)
    : program_(program), instances_(program.buffers.size()) {
  const std::vector<bool> shared = shared_between_lanes(program, ranks);
  const std::vector<std::int64_t> none(program.lanes.size(), 0);
  for (std::size_t b = 0; b < shared.size(); ++b)
    if (shared[b]) instances_[b].assign(static_cast<std::size_t>(program.buffers[b].slots), {none, none});
}

void Scoreboard::wait_for(std::vector<Position>& waits, const std::vector<std::int64_t>& last,
                          std::int32_t own) const {
  for (std::int32_t lane = 0; lane < std::ssize(last); ++lane)
    if (lane != own && last[static_cast<std::size_t>(lane)] > 0)
      waits.push_back({lane, last[static_cast<std::size_t>(lane)]});
}

std::vector<Position> Scoreboard::issue(const Instruction& instruction, const Call& call,
                                        std::int64_t number) {
  std::vector<Position> waits;
  const auto lane = static_cast<std::int32_t>(instruction.lane);
  const auto each_instance = [&](auto&& fn) {
    for_each_use(program_, instruction, [&](const Use& use) {
      std::vector<Instance>& slots = instances_[index(program_.view(use.view).buffer)];
      if (slots.empty()) return;
      if (use.instance == kAllSlots) {
        for (Instance& instance : slots) fn(instance, use.access);
        return;
      }
      fn(slots[static_cast<std::size_t>(slot_of(use, call, static_cast<std::int32_t>(slots.size())))],
         use.access);
    });
  };
  each_instance([&](const Instance& instance, Access access) {
    wait_for(waits, instance.written, lane);
    if (access != Access::read) wait_for(waits, instance.read, lane);
  });
  each_instance([&](Instance& instance, Access access) {
    (access == Access::read ? instance.read : instance.written)[static_cast<std::size_t>(lane)] = number;
  });
  return waits;
}

}  // namespace ds::program
