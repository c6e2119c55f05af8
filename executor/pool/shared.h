#pragma once
// What lies in the pool's memory beside the arenas. Every word that more than one rank touches is an atomic; words of
// different writers lie on different cache lines.
//
// A rank publishes by a sequentially consistent store and then asks whether a peer sleeps; a peer says that it sleeps,
// then looks once more. So one of the two sees the other.

#include <atomic>
#include <cstdint>

#include "executor/communicator.h"
#include "simulator/base/data_type.h"

namespace ds::executor::shared {

inline constexpr std::size_t kLine = 64;                         // bytes of a cache line
inline constexpr std::uint64_t kMagic = 0x31'6c'6f'6f'70'73'64;  // "dspool1"
inline constexpr std::uint32_t kVersion = 3;
inline constexpr std::size_t kPosts = 8;  // messages that a sender may have announced ahead of its receiver
inline constexpr std::uint64_t kRecords = 1 << 14;  // that who watches may lag behind

static_assert(std::atomic<std::uint64_t>::is_always_lock_free &&
              std::atomic<std::uint32_t>::is_always_lock_free);

/// An exchange as its owner announces it. Offsets are within the owner's arena.
struct Post {
  Exchange exchange;
};

/// Exchanges are numbered from 1. `entered` is (number << kStepBits) + s: all rounds before s are over, here and at those
/// who read from here. `pulled` is (number << kStepBits) + s + 1: round s has been worked off here.
struct CollectiveBlock {
  static constexpr int kStepBits = 16;
  alignas(kLine) std::atomic<std::uint64_t> entered;
  Post post;  // valid once `entered` has reached its number; on the same line, since readers want both
  alignas(kLine) std::atomic<std::uint64_t> pulled;
};

/// To the next in the direction of the channel, and from the one before.
struct MessageBlock {
  alignas(kLine) std::atomic<std::uint64_t> sent;
  Post posts[kPosts];
  alignas(kLine) std::atomic<std::uint64_t> received;
};

/// One rank in one channel.
struct Endpoint {
  CollectiveBlock collective;
  MessageBlock message;
};

struct RankBlock {
  alignas(kLine) std::atomic<std::uint64_t> status;
  std::atomic<std::int64_t>
      alive_ns;  // CLOCK_MONOTONIC of the last progress known: its own, or of those it waits for
  std::atomic<std::int32_t> waits_for;      // a rank, or -1
  std::atomic<std::uint64_t> program_hash;  // valid once announced
  std::atomic<std::uint32_t> announced;
  std::atomic<std::uint64_t> mail_bytes;
  alignas(kLine) std::atomic<std::uint32_t> bell;  // a futex: rung when something was published for a sleeper
  std::atomic<std::uint32_t> sleeping;
};

struct ArenaPlace {
  std::int64_t offset, bytes;
};

/// Where everything lies, in bytes from the start; written once by the creator.
struct Places {
  std::uint64_t magic;
  std::uint32_t version;
  std::int32_t ranks, channels;
  std::uint32_t crowded;  // more ranks than cores: waiting for a peer by spinning keeps it from working
  std::int64_t total_bytes, mailbox_bytes, briefing_bytes;
  std::int64_t rank_blocks, endpoints, mailboxes, arenas, records, briefing;
};

/// What a rank tells while it runs; a reader that was overtaken sees it by `published`.
struct Record {
  std::atomic<std::uint64_t> words[8];
};

struct Header {
  Places places;
  alignas(kLine) std::atomic<std::uint64_t> dead;       // 0: all alive; see pool.cpp
  alignas(kLine) std::atomic<std::uint64_t> step_gate;  // (highest step begun + 1) << 1 | a stop is wanted
  alignas(kLine) std::atomic<std::uint64_t> published;  // records so far
  std::atomic<std::uint64_t> decisions[2];              // by question; number + 1; 0: none yet
};

}  // namespace ds::executor::shared
