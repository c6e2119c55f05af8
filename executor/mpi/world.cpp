// The calls of MPI, all of them; in a build without MPI, their absence.
#include "executor/mpi/world.h"

#include <fmt/format.h>
#include <mpi.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "executor/clock.h"
#include "executor/mpi/peer_watch.h"
#include "simulator/base/error.h"

namespace ds::executor {
namespace {

/// One message, in its parts.
struct OpenRequest {
  std::vector<MPI_Request> parts;
  std::vector<int> expected;  // bytes of each part; empty of a send
  std::size_t ended{0};       // parts that have
  std::int32_t peer{};
};

}  // namespace

struct World::State {
  explicit State(Bytes part) : largest_part(part.value) {}

  MPI_Comm messages{MPI_COMM_NULL}, words{MPI_COMM_NULL};
  std::int64_t largest_part;
  int rank{0}, ranks{0};
  bool one_host{false};
  std::vector<OpenRequest> open;  // by request
  std::vector<std::uint32_t> free;
  std::uint64_t said{};  // these two outlive a wait that is given up
  std::vector<std::uint64_t> heard;
  std::optional<PeerWatch> peers;

  /// Every call of ours goes through here.
  void check(int code, const char* call) const {
    if (code == MPI_SUCCESS) return;
    char text[MPI_MAX_ERROR_STRING] = "";
    int length = 0;
    MPI_Error_string(code, text, &length);
    throw MachineError(fmt::format("rank {}: {}: {}", rank, call, text));
  }

  MPI_Comm like_world() const {
    MPI_Comm copy = MPI_COMM_NULL;
    check(MPI_Comm_dup(MPI_COMM_WORLD, &copy), "MPI_Comm_dup");
    check(MPI_Comm_set_errhandler(copy, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
    return copy;
  }

  bool all_on_one_host() const {
    MPI_Comm host = MPI_COMM_NULL;
    int here = 0;
    check(MPI_Comm_split_type(words, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &host), "MPI_Comm_split_type");
    check(MPI_Comm_size(host, &here), "MPI_Comm_size");
    check(MPI_Comm_free(&host), "MPI_Comm_free");
    return here == ranks;
  }

  /// All ranks call it.
  void meet_peers() {
    const std::uint64_t mine = process_space();
    const auto wait = [] { ::sched_yield(); };
    const std::vector<std::uint64_t> spaces = all_words(mine, wait);
    const std::vector<std::uint64_t> numbers = all_words(static_cast<std::uint64_t>(::getpid()), wait);
    std::vector<pid_t> processes;
    for (std::size_t r = 0; r < numbers.size(); ++r)
      processes.push_back(spaces[r] == mine ? static_cast<pid_t>(numbers[r]) : 0);
    peers.emplace(rank, std::move(processes));
  }

  std::uint32_t take_slot() {
    if (free.empty()) {
      open.emplace_back();
      return static_cast<std::uint32_t>(open.size() - 1);
    }
    const std::uint32_t slot = free.back();
    free.pop_back();
    return slot;
  }

  /// `post(first, count, request)` begins one part. An empty message is one empty part.
  template <class Post>
  Request begin(std::int32_t peer, std::size_t bytes, Post&& post) {
    const std::uint32_t slot = take_slot();
    OpenRequest& message = open[slot];
    message.parts.clear(), message.expected.clear();
    message.ended = 0, message.peer = peer;
    std::int64_t first = 0;
    const auto all = static_cast<std::int64_t>(bytes);
    do {
      const std::int64_t count = std::min(all - first, largest_part);
      post(message, first, static_cast<int>(count), &message.parts.emplace_back(MPI_REQUEST_NULL));
      first += count;
    } while (first < all);
    return Request{slot};
  }

  /// Waits with `pause` between two looks.
  template <class Pause>
  std::vector<std::uint64_t> all_words(std::uint64_t mine, Pause&& pause) {
    said = mine;
    heard.resize(static_cast<std::size_t>(ranks));
    MPI_Request request = MPI_REQUEST_NULL;
    check(MPI_Iallgather(&said, 1, MPI_UINT64_T, heard.data(), 1, MPI_UINT64_T, words, &request),
          "MPI_Iallgather");
    for (int done = 0; done == 0;) {
      check(MPI_Test(&request, &done, MPI_STATUS_IGNORE), "MPI_Test");
      if (done == 0) pause();
    }
    // The analyzer takes MPI_Wait for the only end of a request.
    return heard;  // NOLINT(clang-analyzer-optin.mpi.MPI-Checker)
  }
};

bool World::built_in() { return true; }

World::World(Bytes largest_part) : state_(std::make_unique<State>(largest_part)) {
  int level = 0;
  state_->check(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &level), "MPI_Init_thread");
  state_->check(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  state_->check(MPI_Comm_rank(MPI_COMM_WORLD, &state_->rank), "MPI_Comm_rank");
  state_->check(MPI_Comm_size(MPI_COMM_WORLD, &state_->ranks), "MPI_Comm_size");
  state_->messages = state_->like_world();
  state_->words = state_->like_world();
  state_->one_host = state_->all_on_one_host();
  state_->meet_peers();
}

World::~World() = default;

std::int32_t World::rank() const { return state_->rank; }
std::int32_t World::ranks() const { return state_->ranks; }
bool World::one_host() const { return state_->one_host; }

World::Request World::send(std::int32_t to, std::int32_t tag, std::span<const std::byte> message) {
  return state_->begin(
      to, message.size(), [&](OpenRequest& /*open*/, std::int64_t first, int count, MPI_Request* request) {
        state_->check(MPI_Isend(message.data() + first, count, MPI_BYTE, to, tag, state_->messages, request),
                      "MPI_Isend");
      });
}

World::Request World::receive(std::int32_t from, std::int32_t tag, std::span<std::byte> message) {
  return state_->begin(
      from, message.size(), [&](OpenRequest& open, std::int64_t first, int count, MPI_Request* request) {
        open.expected.push_back(count);
        state_->check(
            MPI_Irecv(message.data() + first, count, MPI_BYTE, from, tag, state_->messages, request),
            "MPI_Irecv");
      });
}

bool World::ended(Request request) {
  const auto slot = static_cast<std::uint32_t>(request);
  OpenRequest& message = state_->open[slot];
  for (; message.ended < message.parts.size(); ++message.ended) {
    int done = 0;
    MPI_Status status;
    state_->check(MPI_Test(&message.parts[message.ended], &done, &status), "MPI_Test");
    if (done == 0) return false;
    if (message.expected.empty()) continue;
    int came = 0;
    state_->check(MPI_Get_count(&status, MPI_BYTE, &came), "MPI_Get_count");
    const int expected = message.expected[message.ended];
    if (came != expected)
      throw MachineError(
          fmt::format("rank {} has {} bytes from rank {} where it expects {}: they run "
                      "different programs",
                      state_->rank, came, message.peer, expected));
  }
  state_->free.push_back(slot);
  return true;
}

std::vector<std::uint64_t> World::words(std::uint64_t mine, Seconds deadline) {
  const std::int64_t begin = monotonic_ns();
  return state_->all_words(mine, [&] {
    if (1e-9 * static_cast<double>(monotonic_ns() - begin) > deadline.value)
      throw MachineError(fmt::format("rank {} has waited for the others for {:.1f} s in vain", state_->rank,
                                     deadline.value));
    look_at_peers();
    ::sched_yield();
  });
}

std::vector<std::uint64_t> World::words_of_late(std::uint64_t mine) {
  return state_->all_words(mine, [&] {
    look_at_peers();
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  });
}

void World::look_at_peers() { state_->peers->look(); }

void World::end_all(int status) {
  MPI_Abort(MPI_COMM_WORLD, status);
  std::_Exit(status);
}

void World::leave() {
  words_of_late(0);  // MPI_Finalize would wait with all its might
  state_->check(MPI_Comm_free(&state_->messages), "MPI_Comm_free");
  state_->check(MPI_Comm_free(&state_->words), "MPI_Comm_free");
  state_->check(MPI_Finalize(), "MPI_Finalize");
}

}  // namespace ds::executor
