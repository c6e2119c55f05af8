// Works through the message rounds of a communicator's collectives: send, receive, sum.
#include "executor/mpi/collective_queue.h"

#include <algorithm>

#include "executor/pool/sum.h"

namespace ds::executor {

std::uint64_t CollectiveQueue::start(const Exchange& exchange) {
  waiting_.push_back(exchange);
  if (waiting_.size() == 1) take_up_next();
  return ++started_;
}

const std::vector<MessageRound>& CollectiveQueue::rounds_of_front() {
  const Exchange& exchange = waiting_.front();
  for (const std::unique_ptr<KnownMessageRounds>& known : known_)
    if (known->exchange.collective == exchange.collective &&
        known->exchange.algorithm == exchange.algorithm && known->exchange.type == exchange.type &&
        known->exchange.elements == exchange.elements)
      return known->rounds.rounds;
  const auto members = static_cast<std::int32_t>(spec_.ranks.size());
  known_.push_back(std::make_unique<KnownMessageRounds>(
      KnownMessageRounds{exchange, message_rounds_of(exchange, members, spec_.me)}));
  const auto aside = static_cast<std::size_t>(known_.back()->rounds.aside * size_of(exchange.type));
  if (aside > aside_.size()) aside_.resize(aside);  // nothing lies in it between two exchanges
  return known_.back()->rounds.rounds;
}

void CollectiveQueue::take_up_next() {
  if (waiting_.empty()) return;
  rounds_ = &rounds_of_front();
  round_ = addition_ = 0, done_ = 0, posted_ = false;
}

std::byte* CollectiveQueue::address(const Location& place) {
  const Exchange& exchange = waiting_.front();
  const std::int64_t bytes = place.first * size_of(exchange.type);
  switch (place.where) {
    case Location::Where::from: return memory_.data() + exchange.from.value + bytes;
    case Location::Where::to: return memory_.data() + exchange.to.value + bytes;
    case Location::Where::aside: break;
  }
  return aside_.data() + bytes;
}

std::span<std::byte> CollectiveQueue::bytes_of(const PeerMessage& message) {
  return {address(message.place),
          static_cast<std::size_t>(message.elements * size_of(waiting_.front().type))};
}

void CollectiveQueue::post(const MessageRound& round) {
  const auto rank = [&](const PeerMessage& message) {
    return spec_.ranks[static_cast<std::size_t>(message.peer)];
  };
  for (const PeerMessage& message : round.receives)
    pending_.push_back({world_.receive(rank(message), tag_, bytes_of(message)), message.peer});
  for (const PeerMessage& message : round.sends)
    pending_.push_back({world_.send(rank(message), tag_, bytes_of(message)), message.peer});
  posted_ = true;
}

bool CollectiveQueue::messages_ended(bool& moved) {
  while (!pending_.empty()) {
    if (!world_.ended(pending_.front().request)) return false;
    pending_.pop_front();
    moved = true;
  }
  return true;
}

bool CollectiveQueue::add(const MessageRound& round, std::int64_t& budget, bool& moved) {
  const DataType type = waiting_.front().type;
  std::vector<const std::byte*> sources;
  for (; addition_ < round.additions.size(); ++addition_, done_ = 0) {
    const Addition& addition = round.additions[addition_];
    const std::int64_t bytes = addition.elements * size_of(type);
    const auto streams = static_cast<std::int64_t>(addition.sources.size()) + 1;
    while (done_ < bytes) {
      if (budget <= 0) return false;
      const std::int64_t now = std::min(bytes - done_, round_up(ceil_div(budget, streams), 64));
      sources.clear();
      for (const Location& source : addition.sources) sources.push_back(address(source) + done_);
      std::byte* const destination = address(addition.destination) + done_;
      combine(type, sources, {&destination, 1}, now);
      done_ += now, budget -= now * streams;
      moved = true;
    }
  }
  return true;
}

bool CollectiveQueue::progress(std::int64_t budget) {
  bool moved = false;
  while (!waiting_.empty()) {
    if (round_ == rounds_->size()) {
      waiting_.pop_front();
      ++ended_;
      moved = true;
      take_up_next();
      continue;
    }
    const MessageRound& round = (*rounds_)[round_];
    if (!posted_) post(round);
    if (!messages_ended(moved) || !add(round, budget, moved)) break;
    ++round_, addition_ = 0, done_ = 0, posted_ = false;
  }
  return moved;
}

std::optional<std::int32_t> CollectiveQueue::awaited() const {
  return pending_.empty() ? std::nullopt : std::optional(pending_.front().member);
}

}  // namespace ds::executor
