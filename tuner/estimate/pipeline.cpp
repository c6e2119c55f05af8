#include "tuner/estimate/pipeline.h"

#include <algorithm>
#include <limits>

#include "tuner/estimate/turns.h"

namespace ds::tuner {
namespace {

constexpr double kNever = -std::numeric_limits<double>::infinity();

/// Messages of one direction: when each was complete, and when its receiver had taken it. Of every chunk's messages the
/// memory of two exists, so two are remembered.
struct Messages {
  std::vector<double> ready, taken;        // by cell and parity; one cell more, for what goes nowhere
  std::vector<double> received_until;      // by stage: the lane that receives beside the compute lane
  std::vector<double> freed;               // when memory for a message was free again, slot by slot
  std::vector<std::size_t> first_slot;     // by cell
  std::vector<std::int32_t> slots;         // likewise
  std::vector<std::int32_t> next;          // by cell: where its messages go
};

}  // namespace

struct PipelineRun::Beat {
  Messages forward, backward;
  std::vector<double> at;  // by stage
};

PipelineRun::PipelineRun() : beat_(std::make_unique<Beat>()) {}
PipelineRun::~PipelineRun() = default;

const Turns& PipelineRun::turns_of(const Pipeline& pipeline) {
  std::unique_ptr<Turns>& turns = turns_[{pipeline.schedule, pipeline.stages, pipeline.chunks, pipeline.micro_batches}];
  if (!turns) turns = std::make_unique<Turns>(pipeline);
  return *turns;
}

namespace {

void reset(Messages& messages, std::size_t stages, std::size_t chunks, bool beside, const Turns& turns, bool forward) {
  const std::size_t cells = stages * chunks;
  messages.ready.assign(2 * (cells + 1), kNever);
  messages.taken.assign(2 * (cells + 1), kNever);
  messages.next.assign(cells, static_cast<std::int32_t>(cells));
  for (std::size_t s = 0; s < stages; ++s)
    for (std::size_t c = 0; c < chunks; ++c) {
      const std::size_t cell = s * chunks + c;
      const auto to = [&](std::size_t stage, std::size_t chunk) {
        messages.next[cell] = static_cast<std::int32_t>(stage * chunks + chunk);
      };
      if (forward && s + 1 < stages) to(s + 1, c);
      else if (forward && c + 1 < chunks) to(0, c + 1);
      else if (!forward && s > 0) to(s - 1, c);
      else if (!forward && c > 0) to(stages - 1, c - 1);
    }
  if (!beside) return;
  messages.received_until.assign(stages, 0);
  messages.first_slot.assign(cells, 0);
  messages.slots.assign(cells, 2);
  std::size_t slots = 0;
  for (std::size_t cell = 0; cell < cells; ++cell) {
    messages.first_slot[cell] = slots;
    if (forward) messages.slots[cell] = turns.slots(cell);
    slots += static_cast<std::size_t>(messages.slots[cell]);
  }
  messages.freed.assign(slots, kNever);
}

}  // namespace

bool PipelineRun::play(const Pipeline& pipeline, std::span<const ChunkSeconds* const> chunks,
                       std::span<const double> start) {
  const Turns& turns = turns_of(pipeline);
  if (!turns.possible()) return false;
  const auto stages = static_cast<std::size_t>(pipeline.stages);
  chunks_ = static_cast<std::size_t>(pipeline.chunks);
  last_.assign(stages * chunks_, {});
  end_.assign(start.begin(), start.end());
  reset(beat_->forward, stages, chunks_, pipeline.beside, turns, true);
  reset(beat_->backward, stages, chunks_, pipeline.beside, turns, false);
  const std::int32_t last_micro = pipeline.micro_batches - 1;
  for (const Turn& turn : turns.list()) {
    const std::size_t cell = turn.stage * chunks_ + turn.chunk;
    const ChunkSeconds& chunk = *chunks[cell];
    const PassSeconds& pass = turn.forward              ? chunk.forward
                              : turn.micro == 0         ? chunk.first_backward
                              : turn.micro == last_micro ? chunk.last_backward
                                                        : chunk.backward;
    Messages& messages = turn.forward ? beat_->forward : beat_->backward;
    const bool takes = turn.forward ? chunk.takes_forward : chunk.takes_backward;
    const double seconds = turn.forward ? chunk.take_forward : chunk.take_backward;
    const std::size_t parity = static_cast<std::size_t>(turn.micro) & 1U;
    double at = end_[turn.stage] + pass.ahead;
    if (takes) {
      double& taken = messages.taken[2 * cell + parity];
      const double ready = messages.ready[2 * cell + parity];
      if (pipeline.beside) {
        double& until = messages.received_until[turn.stage];
        const std::size_t slot =
            messages.first_slot[cell] + static_cast<std::size_t>(turn.micro % messages.slots[cell]);
        until = std::max({until, ready, messages.freed[slot]}) + seconds;
        taken = until;
        at = std::max(at, taken);
        if (!turn.forward) messages.freed[slot] = at + pass.frees_early;
      } else {
        at = taken = std::max(at, ready) + seconds;
      }
    }
    if (!turn.forward && turn.micro == last_micro) last_[cell].taken = at;
    const auto to = static_cast<std::size_t>(messages.next[cell]);
    double sent = std::max(at + pass.begin, messages.taken[2 * to + parity]) + pass.end;
    if (turn.forward && turn.micro == 0) sent = std::max(sent, chunk.weights_come);
    messages.ready[2 * to + parity] = sent;
    if (!turn.forward) {
      if (turn.micro == last_micro) last_[cell].sent = sent;
      if (pipeline.beside && chunk.takes_forward) {
        Messages& forward = beat_->forward;
        forward.freed[forward.first_slot[cell] + static_cast<std::size_t>(turn.micro % forward.slots[cell])] =
            sent + pass.frees_late;
      }
    }
    end_[turn.stage] = sent + pass.rest;
  }
  return true;
}

}  // namespace ds::tuner
