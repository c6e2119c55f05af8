#include "tuner/estimate/pipeline.h"

#include <algorithm>
#include <limits>

#include "simulator/base/error.h"

namespace ds::tuner {
namespace {

constexpr double kNever = -std::numeric_limits<double>::infinity();
constexpr std::int32_t kSlots = 2;  // messages of gradients that a chunk has memory for

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
  Lanes* trace;        // of the period before: two numbers a pass
  Vector least, most;  // by how much passes came later

  [[gnu::always_inline]] void look(const Vector& at) {
    const Vector later = at - trace->all();
    lower(least, later);
    raise(most, later);
    trace++->all() = at;
  }
};

namespace {

struct NoWatch {
  void look(const Vector& /*at*/) {}
};

}  // namespace

void PipelineRun::reset(Messages& messages, const Shape& shape, bool beside) const {
  const auto stages = static_cast<std::size_t>(shape.stages);
  const std::size_t cells = stages * chunks_;
  Lanes never;
  never.of.fill(kNever);
  messages.last.assign(2 * (cells + 1), {never, never});
  if (!beside) return;
  messages.received_until.assign(stages, {});
  messages.freed.assign(cells * static_cast<std::size_t>(history_), never);
}

/// When the backward of a micro-batch has set memory for a message free.
[[gnu::always_inline]] inline Lanes& PipelineRun::freed_by(Messages& messages, std::size_t cell,
                                                           std::int32_t micro) const {
  return messages
      .freed[cell * static_cast<std::size_t>(history_) + static_cast<std::size_t>(micro & (history_ - 1))];
}

/// Seconds of a pass: a copy, which compilers keep in registers.
struct PipelineRun::Costs {
  Costs(const PassOf<Lanes>& pass, const Lanes& taking)
      : take(taking.all()),
        ahead(pass.ahead.all()),
        begin(pass.begin.all()),
        finish(pass.end.all()),
        rest(pass.rest.all()),
        frees_early(pass.frees_early.all()),
        frees_late(pass.frees_late.all()) {}
  Vector take, ahead, begin, finish, rest, frees_early, frees_late;
};

/// kPlain: takes a message, and is none of the first or the last micro-batch.
template <bool kForward, bool kBeside, bool kPlain, class Watcher>
[[gnu::always_inline]] inline void PipelineRun::pass(const Turn& turn, const Costs& costs,
                                                     const PipelineInputs& inputs, std::int32_t later,
                                                     Watcher& watch) {
  const bool first_forward = !kPlain && kForward && turn.micro == 0;
  const bool last_backward = !kPlain && !kForward && turn.micro == last_micro_;
  const auto cell = static_cast<std::size_t>(turn.cell);
  const ChunkOf<Lanes>& chunk = *inputs.chunks[cell];
  Messages& messages = kForward ? forward_ : backward_;
  const std::int32_t micro = turn.micro + later;  // slots go on where they were
  const std::size_t parity = static_cast<std::size_t>(micro) & 1U;
  Message& own = messages.last[2 * cell + parity];
  Message& sent = messages.last[2 * static_cast<std::size_t>(turn.to) + parity];
  Vector& end = end_[turn.stage].all();
  Vector at = end + costs.ahead;
  if (!kPlain && !(kForward ? chunk.takes_forward : chunk.takes_backward)) {
    // nothing to wait for
  } else if constexpr (kBeside) {
    Vector& received = messages.received_until[turn.stage].all();
    Vector until = received;
    raise(until, own.ready.all());
    const std::int32_t slots = kForward ? slots_[cell] : kSlots;
    if (micro >= slots) raise(until, freed_by(messages, cell, micro - slots).all());
    until += costs.take;
    received = own.taken.all() = until;
    raise(at, until);
    if (first_forward) first_[cell].came.all() = at;
    if (!kForward) freed_by(messages, cell, micro).all() = at + costs.frees_early;
  } else {
    raise(at, own.ready.all());
    if (first_forward) first_[cell].came.all() = at;
    at += costs.take;
    own.taken.all() = at;
  }
  watch.look(at);
  if (last_backward) last_[cell].taken.all() = at;
  at += costs.begin;
  raise(at, sent.taken.all());
  at += costs.finish;
  if (first_forward) {
    first_[cell].sent.all() = at;
    raise(at, inputs.weights_come[cell].all());
  }
  if (last_backward) last_[cell].sent.all() = at;
  watch.look(at);
  sent.ready.all() = at;
  end = at + costs.rest;
  if constexpr (kBeside && !kForward) freed_by(forward_, cell, micro).all() = at + costs.frees_late;
}

/// The passes from `turn` on that are plain ones of that direction. Returns the first that is not. This is the whole cost of
/// a search: what a chunk's passes take stays in registers, and nothing is asked that plain ones have in common.
template <bool kForward, bool kBeside, class Watcher>
[[gnu::always_inline]] inline const Turn* PipelineRun::plain(const Turn* turn, const Turn* to,
                                                             const PipelineInputs& inputs, std::int32_t later,
                                                             Watcher& watcher) {
  constexpr Turn::Kind kKind = kForward ? Turn::Kind::plain_forward : Turn::Kind::plain_backward;
  const auto costs_of = [](const ChunkOf<Lanes>& chunk) {
    return kForward ? Costs(chunk.forward, chunk.take_forward) : Costs(chunk.backward, chunk.take_backward);
  };
  Watcher watch = watcher;
  const ChunkOf<Lanes>* known = inputs.chunks[static_cast<std::size_t>(turn->cell)];
  Costs costs = costs_of(*known);
  for (; turn != to && turn->kind == kKind; ++turn) {
    const ChunkOf<Lanes>* const chunk = inputs.chunks[static_cast<std::size_t>(turn->cell)];
    if (chunk != known) costs = costs_of(*chunk);
    known = chunk;
    pass<kForward, kBeside, true>(*turn, costs, inputs, later, watch);
  }
  watcher = watch;
  return turn;
}

/// A pass at an end of the model or of the step.
template <bool kBeside, class Watcher>
[[gnu::always_inline]] inline void PipelineRun::other(const Turn& turn, const PipelineInputs& inputs,
                                                      std::int32_t later, Watcher& watch) {
  const ChunkOf<Lanes>& chunk = *inputs.chunks[static_cast<std::size_t>(turn.cell)];
  if (turn.forward) {
    pass<true, kBeside, false>(turn, {chunk.forward, chunk.take_forward}, inputs, later, watch);
  } else {
    const PassOf<Lanes>& backward = turn.micro == 0             ? chunk.first_backward
                                    : turn.micro == last_micro_ ? chunk.last_backward
                                                                : chunk.backward;
    pass<false, kBeside, false>(turn, {backward, chunk.take_backward}, inputs, later, watch);
  }
}

template <bool kBeside, class Watcher>
[[gnu::always_inline]] inline void PipelineRun::go_on(const Turn* from, const Turn* to,
                                                      const PipelineInputs& inputs, std::int32_t later,
                                                      Watcher& watch) {
  while (from != to) switch (from->kind) {
      case Turn::Kind::plain_forward: from = plain<true, kBeside>(from, to, inputs, later, watch); break;
      case Turn::Kind::plain_backward: from = plain<false, kBeside>(from, to, inputs, later, watch); break;
      case Turn::Kind::other: other<kBeside>(*from++, inputs, later, watch); break;
    }
}

#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
__attribute__((target_clones("avx512f", "avx2", "default")))
#endif
void PipelineRun::go(const Turn* from, const Turn* to, const PipelineInputs& inputs, std::int32_t later,
                     Watch* watch) {
  NoWatch none;
  if (inputs.beside && watch != nullptr)
    go_on<true>(from, to, inputs, later, *watch);
  else if (inputs.beside)
    go_on<true>(from, to, inputs, later, none);
  else if (watch != nullptr)
    go_on<false>(from, to, inputs, later, *watch);
  else
    go_on<false>(from, to, inputs, later, none);
}

/// Everything comes so many periods later.
void PipelineRun::move_on(double periods, const Lanes& period) {
  const auto move = [&](std::vector<Lanes>& times) {
    for (Lanes& time : times) time.all() += periods * period.all();
  };
  move(end_);
  for (Messages* messages : {&forward_, &backward_}) {
    move(messages->received_until);
    move(messages->freed);
    for (Message& message : messages->last) {
      message.ready.all() += periods * period.all();
      message.taken.all() += periods * period.all();
    }
  }
}

bool PipelineRun::play(const Shape& shape, const PipelineInputs& inputs) {
  const Shape listed = Turns::shortened(shape);
  const Turns& turns = turns_->of(listed, [&] { return Turns(listed); });
  if (!turns.possible()) return false;
  const std::int32_t unlisted = shape.micro_batches - listed.micro_batches;
  ensure(unlisted == 0 || !turns.repeats().empty(), "a long schedule repeats itself");
  chunks_ = static_cast<std::size_t>(shape.chunks);
  history_ = turns.history();
  last_micro_ = listed.micro_batches - 1;
  first_.resize(static_cast<std::size_t>(shape.stages) * chunks_);
  last_.resize(static_cast<std::size_t>(shape.stages) * chunks_);
  end_.assign(inputs.start.begin(), inputs.start.end());
  slots_ = turns.slots();
  reset(forward_, shape, inputs.beside);
  reset(backward_, shape, inputs.beside);

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
    Watch watch{.trace = trace_.data(), .least = Vector{} - kNever, .most = Vector{} + kNever};
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
    each.all() = (watch.least + watch.most) / 2;
    move_on(static_cast<double>(left - 1), each);
    period += left - 1;
  }
  return gone;
}

}  // namespace ds::tuner
