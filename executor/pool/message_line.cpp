// Posts what this rank sends, copies what it receives.
#include "executor/pool/message_line.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace ds::executor {

MessageLine::MessageLine(const PoolGroup& group, std::int32_t shift)
    : group_(group), to_(group.next(shift)), from_(group.next(-shift)) {
  sends_ = posted_ = block(group_.me()).sent.load();
  receives_ = received_ = block(group_.me()).received.load();
  seen_ = sends_;
}

std::uint64_t MessageLine::send(const Exchange& exchange) {
  unsent_.push_back(exchange);
  post();
  return ++sends_;
}

std::uint64_t MessageLine::receive(const Exchange& exchange) {
  expected_.push_back(exchange);
  return ++receives_;
}

std::uint64_t MessageLine::ended_sends() const { return block(to_).received.load(); }

bool MessageLine::post() {
  bool moved = false;
  while (!unsent_.empty() && posted_ - ended_sends() < shared::kPosts) {
    shared::MessageBlock& own = block(group_.me());
    own.posts[posted_ % shared::kPosts].exchange = unsent_.front();
    own.sent.store(++posted_);
    group_.pool().ring(group_.rank(to_));
    unsent_.pop_front();
    moved = true;
  }
  return moved;
}

bool MessageLine::copy(std::int64_t budget) {
  bool moved = false;
  shared::MessageBlock& peer = block(from_);
  while (budget > 0 && !expected_.empty() && peer.sent.load() > received_) {
    const Exchange& message = peer.posts[received_ % shared::kPosts].exchange;
    const Exchange& mine = expected_.front();
    check_same(group_, mine, from_, message);
    const std::int64_t bytes = mine.elements * size_of(mine.type),
                       now = std::min(bytes - done_, budget / 2 + 64);
    std::memcpy(group_.memory(group_.me(), mine.to + Bytes{done_}),
                group_.memory(from_, message.from + Bytes{done_}), static_cast<std::size_t>(now));
    done_ += now, budget -= 2 * now;
    moved = true;
    if (done_ < bytes) continue;
    expected_.pop_front();
    done_ = 0;
    block(group_.me()).received.store(++received_);
    group_.pool().ring(group_.rank(from_));
  }
  return moved;
}

bool MessageLine::progress(std::int64_t budget) {
  const std::uint64_t ended = ended_sends();
  const bool taken = std::exchange(seen_, ended) != ended;
  const bool posted = post(), copied = copy(budget);
  return taken || posted || copied;
}

}  // namespace ds::executor
