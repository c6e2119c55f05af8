#pragma once
// The messages of a communicator in its one direction: to the member `shift` places further, from the one as many before.
// The sender posts, the receiver copies.

#include <cstdint>
#include <deque>
#include <optional>

#include "executor/pool/group.h"

namespace ds::executor {

class MessageLine {
 public:
  MessageLine(const PoolGroup& group, std::int32_t shift);

  /// Return the number of the send, of the receive, each from 1.
  std::uint64_t send(const Exchange& exchange);
  std::uint64_t receive(const Exchange& exchange);
  bool progress(std::int64_t budget);
  std::uint64_t ended_sends() const;
  std::uint64_t ended_receives() const { return received_; }
  std::int32_t to() const { return to_; }
  std::int32_t from() const { return from_; }

 private:
  bool post();
  bool copy(std::int64_t budget);
  shared::MessageBlock& block(std::int32_t member) const { return group_.endpoint(member).message; }

  const PoolGroup& group_;
  std::int32_t to_, from_;
  std::deque<Exchange> unsent_, expected_;
  std::uint64_t sends_{0}, posted_{0}, receives_{0}, received_{0}, seen_{0};
  std::int64_t done_{0};  // bytes of the message at hand
};

}  // namespace ds::executor
