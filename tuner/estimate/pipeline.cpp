#include "tuner/estimate/pipeline.h"

#include <algorithm>
#include <limits>

#include "simulator/base/error.h"

namespace ds::tuner {
namespace {

constexpr double kNever = -std::numeric_limits<double>::infinity();

using Vector = Lanes::Vector;

[[gnu::always_inline]] inline void raise(Vector& to, const Vector& at_least) {
  to = to > at_least ? to : at_least;
}
[[gnu::always_inline]] inline void lower(Vector& to, const Vector& at_most) {
  to = to < at_most ? to : at_most;
}

}  // namespace

/// Compares the passes of a period with those of the one before.
struct PipelineRun::Watch {
  Lanes* trace;       // of the period before: two numbers a pass
  Lanes least, most;  // by how much passes came later

  [[gnu::always_inline]] void look(const Vector& at) {
    const Vector later = at - trace->all();
    lower(least.all(), later);
    raise(most.all(), later);
    trace++->all() = at;
  }
};

const Turns& PipelineRun::turns_of(const Shape& shape) {
  std::unique_ptr<Turns>& turns = turns_[shape];
  if (!turns) turns = std::make_unique<Turns>(shape);
  return *turns;
}

void PipelineRun::reset(Messages& messages, const Shape& shape, const Turns& turns, bool beside,
                        bool forward) const {
  const auto stages = static_cast<std::size_t>(shape.stages);
  const std::size_t cells = stages * chunks_;
  Lanes never;
  never.of.fill(kNever);
  messages.ready.assign(2 * (cells + 1), never);
  messages.taken.assign(2 * (cells + 1), never);
  messages.next.assign(cells, static_cast<std::int32_t>(cells));
  for (std::size_t s = 0; s < stages; ++s)
    for (std::size_t c = 0; c < chunks_; ++c) {
      const auto to = [&](std::size_t stage, std::size_t chunk) {
        messages.next[s * chunks_ + c] = static_cast<std::int32_t>(stage * chunks_ + chunk);
      };
      if (forward && s + 1 < stages)
        to(s + 1, c);
      else if (forward && c + 1 < chunks_)
        to(0, c + 1);
      else if (!forward && s > 0)
        to(s - 1, c);
      else if (!forward && c > 0)
        to(stages - 1, c - 1);
    }
  if (!beside) return;
  messages.received_until.assign(stages, {});
  messages.slots.assign(cells, 2);
  if (forward)
    for (std::size_t cell = 0; cell < cells; ++cell) messages.slots[cell] = turns.slots(cell);
  messages.freed.assign(cells * static_cast<std::size_t>(history_), never);
}

/// When the backward of a micro-batch has set memory for a message free.
[[gnu::always_inline]] inline Lanes& PipelineRun::freed_by(Messages& messages, std::size_t cell,
                                                           std::int32_t micro) const {
  return messages
      .freed[cell * static_cast<std::size_t>(history_) + static_cast<std::size_t>(micro & (history_ - 1))];
}

template <bool kTakes, bool kBeside>
[[gnu::always_inline]] inline void PipelineRun::pass(const Turn& turn, const ChunkOf<Lanes>& chunk,
                                                     std::size_t cell, const PipelineInputs& inputs,
                                                     std::int32_t later, Watch* watch) {
  const bool forward = turn.forward, first = turn.micro == 0, last = turn.micro == last_micro_;
  const PassOf<Lanes>& pass = forward ? chunk.forward
                              : first ? chunk.first_backward
                              : last  ? chunk.last_backward
                                      : chunk.backward;
  Messages& messages = forward ? forward_ : backward_;
  const std::int32_t micro = turn.micro + later;  // slots go on where they were
  const std::size_t parity = static_cast<std::size_t>(micro) & 1U;
  const auto to = static_cast<std::size_t>(messages.next[cell]);
  Lanes& end = end_[turn.stage];
  Lanes& taken = messages.taken[2 * cell + parity];
  const Lanes& ready = messages.ready[2 * cell + parity];
  const Lanes& refilled = messages.taken[2 * to + parity];
  Lanes& sent = messages.ready[2 * to + parity];
  const Lanes& seconds = forward ? chunk.take_forward : chunk.take_backward;
  Vector at = end.all() + pass.ahead.all();
  if constexpr (kTakes && kBeside) {
    Vector until = messages.received_until[turn.stage].all();
    raise(until, ready.all());
    if (micro >= messages.slots[cell])
      raise(until, freed_by(messages, cell, micro - messages.slots[cell]).all());
    until += seconds.all();
    messages.received_until[turn.stage].all() = taken.all() = until;
    raise(at, until);
    if (!forward) freed_by(messages, cell, micro).all() = at + pass.frees_early.all();
  } else if constexpr (kTakes) {
    raise(at, ready.all());
    at += seconds.all();
    taken.all() = at;
  }
  if (watch != nullptr) watch->look(at);
  if (!forward && last) last_[cell].taken.all() = at;
  at += pass.begin.all();
  raise(at, refilled.all());
  at += pass.end.all();
  if (forward && first) raise(at, inputs.weights_come[cell].all());
  sent.all() = at;
  end.all() = at + pass.rest.all();
  if (watch != nullptr) watch->look(at);
  if (forward) return;
  if (last) last_[cell].sent.all() = at;
  if constexpr (kBeside)
    if (chunk.takes_forward) freed_by(forward_, cell, micro).all() = at + pass.frees_late.all();
}

#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
__attribute__((target_clones("avx512f", "avx2", "default")))
#endif
void PipelineRun::go(const Turn* from, const Turn* to, const PipelineInputs& inputs, std::int32_t later,
                     Watch* watch) {
  for (const Turn* turn = from; turn != to; ++turn) {
    const std::size_t cell = turn->stage * chunks_ + turn->chunk;
    const ChunkOf<Lanes>& chunk = *inputs.chunks[cell];
    const bool takes = turn->forward ? chunk.takes_forward : chunk.takes_backward;
    if (takes && inputs.beside)
      pass<true, true>(*turn, chunk, cell, inputs, later, watch);
    else if (takes)
      pass<true, false>(*turn, chunk, cell, inputs, later, watch);
    else if (inputs.beside)
      pass<false, true>(*turn, chunk, cell, inputs, later, watch);
    else
      pass<false, false>(*turn, chunk, cell, inputs, later, watch);
  }
}

/// Everything comes so many periods later.
void PipelineRun::move_on(double periods, const Lanes& period) {
  const auto move = [&](std::vector<Lanes>& times) {
    for (Lanes& time : times) time.all() += periods * period.all();
  };
  move(end_);
  for (Messages* messages : {&forward_, &backward_})
    for (std::vector<Lanes>* times :
         {&messages->ready, &messages->taken, &messages->received_until, &messages->freed})
      move(*times);
}

bool PipelineRun::play(const Shape& shape, const PipelineInputs& inputs) {
  const Shape listed = Turns::shortened(shape);
  const Turns& turns = turns_of(listed);
  if (!turns.possible()) return false;
  const std::int32_t unlisted = shape.micro_batches - listed.micro_batches;
  ensure(unlisted == 0 || !turns.repeats().empty(), "a long schedule repeats itself");
  chunks_ = static_cast<std::size_t>(shape.chunks);
  history_ = turns.history();
  last_micro_ = listed.micro_batches - 1;
  last_.resize(static_cast<std::size_t>(shape.stages) * chunks_);
  end_.assign(inputs.start.begin(), inputs.start.end());
  reset(forward_, shape, turns, inputs.beside, true);
  reset(backward_, shape, turns, inputs.beside, false);

  const Turn* next = turns.list().data();
  std::int32_t later = 0;  // micro-batches that were gone through more than the list has
  for (const Repeat& repeat : turns.repeats()) {
    const Turn* const first = turns.list().data() + repeat.first;
    go(next, first, inputs, later, nullptr);
    const std::size_t times = repeat.times + static_cast<std::size_t>(unlisted / repeat.micro_batches);
    const std::size_t gone = go_through(repeat, first, times, inputs, later);
    later +=
        (static_cast<std::int32_t>(gone) - static_cast<std::int32_t>(repeat.times)) * repeat.micro_batches;
    next = first + repeat.times * repeat.length;
  }
  go(next, turns.list().data() + turns.list().size(), inputs, later, nullptr);
  return true;
}

/// The periods of a repeat, up to where they come evenly, and the last one, which may hold what ends the step. Returns how
/// many were really gone through.
std::size_t PipelineRun::go_through(const Repeat& repeat, const Turn* first, std::size_t times,
                                    const PipelineInputs& inputs, std::int32_t later) {
  // Passes remember what happened at most so many periods ago.
  const std::int32_t memory = inputs.beside ? history_ : 2;
  const std::int32_t enough = memory / repeat.micro_batches + 1;
  trace_.resize(2 * repeat.length);
  std::int32_t equal = 0;
  std::size_t gone = 0;
  for (std::size_t period = 0; period < times; ++period, ++gone) {
    // The list's first period and its last are real ones; between them comes its second, as often as needed.
    const std::size_t listed = period == 0 ? 0 : period + 1 == times ? repeat.times - 1 : 1;
    const Turn* const turn = first + listed * repeat.length;
    Watch watch{.trace = trace_.data()};
    watch.least.of.fill(-kNever);
    watch.most.of.fill(kNever);
    const auto behind =
        (static_cast<std::int32_t>(gone) - static_cast<std::int32_t>(listed)) * repeat.micro_batches;
    go(turn, turn + repeat.length, inputs, later + behind, &watch);
    bool even = period > 0;
    for (std::size_t l = 0; l < kLanes; ++l) {
      constexpr double kRounding = 1e-13;
      even = even && watch.most[l] - watch.least[l] <= kRounding * end_.front()[l];
    }
    equal = even ? equal + 1 : 0;
    const std::size_t left = times - period - 1;
    if (equal < enough || left < 2) continue;
    Lanes each;
    each.all() = (watch.least.all() + watch.most.all()) / 2;
    move_on(static_cast<double>(left - 1), each);
    period += left - 1;
  }
  return gone;
}

}  // namespace ds::tuner
