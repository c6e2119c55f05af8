// Event depth. An instruction starts when its lane is free and all earlier-issued conflicting uses of the same buffer
// instance have ended: a read waits for the last write, a write for the last write and all reads since.
#include <algorithm>

#include "simulator/base/error.h"
#include "simulator/engine/computing_time.h"
#include "simulator/engine/engine.h"

namespace ds::engine {
namespace {

using program::Access;
using program::Instruction;
using program::Kind;

constexpr int kSteps = 3;  // the third is steady: what runs over the seam has settled

/// When a buffer instance may be read and written again.
struct Hazard {
  Seconds written, read;
};

class Player {
 public:
  Player(const program::Program& program, const program::RankClass& ranks, const Durations& durations)
      : program_(program), ranks_(ranks), durations_(durations), lane_free_(program.lanes.size()) {
    hazards_.resize(program.buffers.size());
    for (std::size_t b = 0; b < program.buffers.size(); ++b)
      hazards_[b].resize(static_cast<std::size_t>(program.buffers[b].slots));
  }

  program::Timeline run() {
    for (int step = 0; step < kSteps; ++step) {
      timeline_.rows.clear();
      const Seconds begin = end_;
      play_step(step);
      for (program::Row& row : timeline_.rows) {
        row.start -= begin;
        row.end -= begin;
      }
      timeline_.length = end_ - begin;
    }
    return std::move(timeline_);
  }

 private:
  void play_step(int step) {
    std::int32_t call_number = 0;
    for (const program::Phase& phase : ranks_.phases) {
      if (phase.when == program::When::overflow) continue;  // a healthy step is predicted
      for (const program::Call& call : phase.calls) {
        const program::Template& body = program_.body(call);
        for (std::size_t i = 0; i < body.body.size(); ++i) {
          program::Row row{.step = step,
                           .call = call_number,
                           .instruction = static_cast<std::int32_t>(i),
                           .body = call.body,
                           .micro = call.micro[0]};
          play_instruction(body.body[i], call, row);
          timeline_.rows.push_back(row);
        }
        ++call_number;
      }
    }
  }

  void play_instruction(const Instruction& instruction, const program::Call& call, program::Row& row) {
    Seconds& lane = lane_free_[static_cast<std::size_t>(instruction.lane)];
    Seconds start = lane;
    for_each_hazard(instruction, call, [&](const Hazard& hazard, Access access) {
      start = std::max(start, hazard.written);
      if (access != Access::read) start = std::max(start, hazard.read);
    });
    row.start = start;
    row.end = start + duration(instruction);
    lane = row.end;
    end_ = std::max(end_, row.end);
    for_each_hazard(instruction, call, [&](Hazard& hazard, Access access) {
      (access == Access::read ? hazard.read : hazard.written) =
          std::max(access == Access::read ? hazard.read : hazard.written, row.end);
    });
  }

  template <class Fn>
  void for_each_hazard(const Instruction& instruction, const program::Call& call, Fn&& fn) {
    program::for_each_use(program_, instruction, [&](const program::Use& use) {
      const program::BufferId buffer = program_.view(use.view).buffer;
      std::vector<Hazard>& slots = hazards_[program::index(buffer)];
      if (use.instance == program::kAllSlots) {
        for (Hazard& hazard : slots) fn(hazard, use.access);
        return;
      }
      const std::int32_t slot = program::slot_of(use, call, static_cast<std::int32_t>(slots.size()));
      fn(slots[static_cast<std::size_t>(slot)], use.access);
    });
  }

  Seconds duration(const Instruction& instruction) const {
    switch (instruction.kind) {
      case Kind::compute:
      case Kind::optimizer: return computing_time(program_, instruction, durations_);
      case Kind::send:
      case Kind::receive:
      case Kind::collective:
      case Kind::copy: ensure(false, "one rank alone does not communicate");
    }
    return {};
  }

  const program::Program& program_;
  const program::RankClass& ranks_;
  const Durations& durations_;
  std::vector<Seconds> lane_free_;
  std::vector<std::vector<Hazard>> hazards_;  // by buffer and slot
  Seconds end_;
  program::Timeline timeline_;
};

}  // namespace

program::Timeline play(const program::Program& program, const Durations& durations) {
  ensure(program.classes.size() == 1 && program.classes[0].members == 1, "one rank is played alone");
  return Player(program, program.classes[0], durations).run();
}

}  // namespace ds::engine
