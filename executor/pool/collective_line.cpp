// Works through the rounds of a communicator's collectives, as far as its peers have come.
#include "executor/pool/collective_line.h"

#include <algorithm>

#include "executor/pool/sum.h"
#include "simulator/base/error.h"

namespace ds::executor {

CollectiveLine::CollectiveLine(const PoolGroup& group)
    : group_(group), started_(own().entered.load() >> shared::CollectiveBlock::kStepBits), ended_(started_) {}

std::uint64_t CollectiveLine::start(const Exchange& exchange) {
  waiting_.push_back(exchange);
  ++started_;
  if (state_ == State::idle) take_up_next();
  return started_;
}

const std::vector<Round>& CollectiveLine::rounds_of(const Exchange& exchange) {
  for (const std::unique_ptr<KnownRounds>& known : known_)
    if (known->exchange.collective == exchange.collective &&
        known->exchange.algorithm == exchange.algorithm && known->exchange.type == exchange.type &&
        known->exchange.elements == exchange.elements && known->exchange.heads == exchange.heads &&
        known->exchange.adds == exchange.adds)
      return known->rounds;
  const std::int32_t ranks = group_.size(), me = group_.me();
  known_.push_back(std::make_unique<KnownRounds>(
      KnownRounds{.exchange = exchange, .rounds = rounds_of_member(exchange, ranks, me)}));
  ensure(known_.back()->rounds.size() < std::size_t{1} << shared::CollectiveBlock::kStepBits,
         "an algorithm has fewer than 65536 steps");
  return known_.back()->rounds;
}

void CollectiveLine::take_up_next() {
  state_ = State::idle;
  if (waiting_.empty()) return;
  rounds_ = &rounds_of(waiting_.front());
  // Whoever read the last post has pulled since, or the last exchange would not have ended here.
  own().post.exchange = waiting_.front();
  enter(0);
}

void CollectiveLine::enter(std::size_t round) {
  round_ = round;
  state_ = State::entered;
  own().entered.store(stamp(round));
  group_.ring_others();
}

bool CollectiveLine::reached(const std::vector<std::int32_t>& members,
                             std::atomic<std::uint64_t> shared::CollectiveBlock::* counter,
                             std::uint64_t value) {
  const auto late = std::ranges::find_if(
      members, [&](std::int32_t m) { return (group_.endpoint(m).collective.*counter).load() < value; });
  awaited_ = late == members.end() ? std::nullopt : std::optional(*late);
  return late == members.end();
}

void CollectiveLine::find_memory(const Round& round) {
  for (const std::int32_t member : round.before) check_same(group_, waiting_.front(), member, posted(member));
  const std::int64_t size = size_of(waiting_.front().type);
  const auto address = [&](const MemoryPart& part) {
    const Exchange& exchange = part.member == group_.me() ? waiting_.front() : posted(part.member);
    const Bytes begin = part.side == MemoryPart::Side::from ? exchange.from : exchange.to;
    return group_.memory(part.member, begin + Bytes{part.first * size});
  };
  memory_.resize(round.pieces.size());
  for (std::size_t p = 0; p < round.pieces.size(); ++p) {
    memory_[p].sources.clear(), memory_[p].destinations.clear();
    for (const MemoryPart& part : round.pieces[p].sources) memory_[p].sources.push_back(address(part));
    for (const MemoryPart& part : round.pieces[p].destinations)
      memory_[p].destinations.push_back(address(part));
  }
  piece_ = 0, done_ = 0;
}

bool CollectiveLine::work(std::int64_t& budget) {
  const Round& round = (*rounds_)[round_];
  const DataType type = waiting_.front().type;
  for (; piece_ < round.pieces.size(); ++piece_, done_ = 0) {
    Addresses& memory = memory_[piece_];
    const std::int64_t bytes = round.pieces[piece_].elements * size_of(type);
    const auto touched = static_cast<std::int64_t>(memory.sources.size() + memory.destinations.size());
    if (budget <= 0) return false;
    const std::int64_t now = std::min(bytes - done_, std::max<std::int64_t>(budget / touched / 64 * 64, 64));
    combine(type, memory.sources, memory.destinations, now);
    for (const std::byte*& source : memory.sources) source += now;
    for (std::byte*& destination : memory.destinations) destination += now;
    budget -= now * touched;
    done_ += now;
    if (done_ < bytes) return false;
  }
  return true;
}

bool CollectiveLine::progress(std::int64_t budget) {
  bool moved = false;
  while (state_ != State::idle) {
    const Round& round = (*rounds_)[round_];
    switch (state_) {
      case State::idle: break;
      case State::entered:
        if (!reached(round.before, &shared::CollectiveBlock::entered, stamp(round_))) return moved;
        find_memory(round);
        state_ = State::working;
        break;
      case State::working:
        if (budget <= 0) return moved;
        if (!work(budget)) return true;
        own().pulled.store(stamp(round_) + 1);
        group_.ring_others();
        state_ = State::pulled;
        break;
      case State::pulled:
        if (!reached(round.after, &shared::CollectiveBlock::pulled, stamp(round_) + 1)) return moved;
        if (round_ + 1 < rounds_->size()) {
          enter(round_ + 1);
        } else {
          waiting_.pop_front();
          ++ended_;
          take_up_next();
        }
        break;
    }
    moved = true;
  }
  return moved;
}

}  // namespace ds::executor
