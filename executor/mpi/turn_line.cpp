#include "executor/mpi/turn_line.h"

#include <algorithm>

#include "executor/pool/sum.h"

namespace ds::executor {

std::uint64_t TurnLine::start(const Exchange& exchange) {
  waiting_.push_back(exchange);
  if (waiting_.size() == 1) take_up_next();
  return ++started_;
}

const std::vector<Turn>& TurnLine::turns_of_front() {
  const Exchange& exchange = waiting_.front();
  for (const std::unique_ptr<Known>& known : known_)
    if (known->exchange.collective == exchange.collective &&
        known->exchange.algorithm == exchange.algorithm && known->exchange.type == exchange.type &&
        known->exchange.elements == exchange.elements)
      return known->turns.turns;
  const auto members = static_cast<std::int32_t>(seat_.ranks.size());
  known_.push_back(std::make_unique<Known>(Known{exchange, turns_of(exchange, members, seat_.me)}));
  const auto aside = static_cast<std::size_t>(known_.back()->turns.aside * size_of(exchange.type));
  if (aside > aside_.size()) aside_.resize(aside);  // nothing lies in it between two exchanges
  return known_.back()->turns.turns;
}

void TurnLine::take_up_next() {
  if (waiting_.empty()) return;
  turns_ = &turns_of_front();
  turn_ = addition_ = 0, done_ = 0, posted_ = false;
}

std::byte* TurnLine::address(const Place& place) {
  const Exchange& exchange = waiting_.front();
  const std::int64_t bytes = place.first * size_of(exchange.type);
  switch (place.where) {
    case Place::Where::from: return memory_.data() + exchange.from.value + bytes;
    case Place::Where::to: return memory_.data() + exchange.to.value + bytes;
    case Place::Where::aside: break;
  }
  return aside_.data() + bytes;
}

std::span<std::byte> TurnLine::bytes_of(const Message& message) {
  return {address(message.place),
          static_cast<std::size_t>(message.elements * size_of(waiting_.front().type))};
}

void TurnLine::post(const Turn& turn) {
  const auto rank = [&](const Message& message) {
    return seat_.ranks[static_cast<std::size_t>(message.peer)];
  };
  for (const Message& message : turn.receives)
    pending_.push_back({world_.receive(rank(message), tag_, bytes_of(message)), message.peer});
  for (const Message& message : turn.sends)
    pending_.push_back({world_.send(rank(message), tag_, bytes_of(message)), message.peer});
  posted_ = true;
}

bool TurnLine::messages_ended(bool& moved) {
  while (!pending_.empty()) {
    if (!world_.ended(pending_.front().request)) return false;
    pending_.pop_front();
    moved = true;
  }
  return true;
}

bool TurnLine::add(const Turn& turn, std::int64_t& budget, bool& moved) {
  const DataType type = waiting_.front().type;
  std::vector<const std::byte*> sources;
  for (; addition_ < turn.additions.size(); ++addition_, done_ = 0) {
    const Addition& addition = turn.additions[addition_];
    const std::int64_t bytes = addition.elements * size_of(type);
    const auto streams = static_cast<std::int64_t>(addition.sources.size()) + 1;
    while (done_ < bytes) {
      if (budget <= 0) return false;
      const std::int64_t now = std::min(bytes - done_, round_up(ceil_div(budget, streams), 64));
      sources.clear();
      for (const Place& source : addition.sources) sources.push_back(address(source) + done_);
      std::byte* const destination = address(addition.destination) + done_;
      combine(type, sources, {&destination, 1}, now);
      done_ += now, budget -= now * streams;
      moved = true;
    }
  }
  return true;
}

bool TurnLine::progress(std::int64_t budget) {
  bool moved = false;
  while (!waiting_.empty()) {
    if (turn_ == turns_->size()) {
      waiting_.pop_front();
      ++ended_;
      moved = true;
      take_up_next();
      continue;
    }
    const Turn& turn = (*turns_)[turn_];
    if (!posted_) post(turn);
    if (!messages_ended(moved) || !add(turn, budget, moved)) break;
    ++turn_, addition_ = 0, done_ = 0, posted_ = false;
  }
  return moved;
}

std::optional<std::int32_t> TurnLine::awaited() const {
  return pending_.empty() ? std::nullopt : std::optional(pending_.front().member);
}

}  // namespace ds::executor
