// Lays out, makes and maps the shared memory.
#include "executor/pool/pool.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <memory>
#include <utility>

#include "executor/clock.h"
#include "executor/cores.h"
#include "executor/pool/shared.h"
#include "simulator/base/error.h"
#include "simulator/base/short_memory.h"

namespace ds::executor {
namespace {

std::int64_t page_bytes() { return ::sysconf(_SC_PAGESIZE); }

[[noreturn]] void fail(const char* what) {
  if (errno == ENOMEM)
    throw MachineError(
        fmt::format("not enough memory: the ranks' shared memory cannot be mapped{}", address_space_note()));
  throw MachineError(fmt::format("the ranks' shared memory: {}: {}", what, std::strerror(errno)));
}

[[noreturn]] void refuse(int descriptor) {
  throw InputError(
      {}, fmt::format("the inherited descriptor {} is no pool of shared memory of this version", descriptor),
      "only ds-exec itself hands one on, to the ranks that it starts");
}

/// Where everything lies: header, arrays, mailboxes, then arenas with a page before, between and behind them.
shared::Places place(const PoolShape& shape, std::vector<shared::ArenaPlace>& arenas) {
  const std::int64_t page = page_bytes(), ranks = std::ssize(shape.arenas);
  shared::Places header{};
  header.magic = shared::kMagic, header.version = shared::kVersion;
  header.ranks = static_cast<std::int32_t>(ranks), header.channels = shape.channels;
  header.crowded = ranks > std::ssize(allowed_cores()) ? 1 : 0;
  header.mailbox_bytes = round_up(shape.mailbox.value, page);
  std::int64_t end = sizeof(shared::Header);
  const auto take = [&](std::int64_t bytes, std::int64_t alignment) {
    const std::int64_t begin = round_up(end, alignment);
    end = begin + bytes;
    return begin;
  };
  header.rank_blocks = take(ranks * static_cast<std::int64_t>(sizeof(shared::RankBlock)), shared::kLine);
  header.endpoints =
      take(ranks * shape.channels * static_cast<std::int64_t>(sizeof(shared::Endpoint)), shared::kLine);
  header.arenas = take(ranks * static_cast<std::int64_t>(sizeof(shared::ArenaPlace)), shared::kLine);
  header.records = take(static_cast<std::int64_t>(shared::kRecords * sizeof(shared::Record)), shared::kLine);
  header.briefing_bytes = std::ssize(shape.briefing);
  header.briefing = take(header.briefing_bytes, shared::kLine);
  header.mailboxes = take(ranks * header.mailbox_bytes, page);
  take(page, page);  // before the first arena
  for (const Bytes arena : shape.arenas) {
    const std::int64_t usable = round_up(std::max<std::int64_t>(arena.value, 1), page);
    const std::int64_t begin = take(usable + page, page);
    const std::int64_t slack = (usable - arena.value) / static_cast<std::int64_t>(shared::kLine) *
                               static_cast<std::int64_t>(shared::kLine);
    arenas.push_back({.offset = begin + slack, .bytes = arena.value});
  }
  header.total_bytes = end;
  return header;
}

}  // namespace

Pool Pool::create(const PoolShape& shape) {
  ensure(!shape.arenas.empty() && shape.channels >= 0, "a pool is for at least one rank");
  std::vector<shared::ArenaPlace> arenas;
  const shared::Places header = place(shape, arenas);
  const int descriptor = ::memfd_create("ds-pool", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (descriptor < 0) fail("memfd_create");
  // Owns the descriptor from here on.
  if (::ftruncate(descriptor, header.total_bytes) != 0 ||
      ::fcntl(descriptor, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    const int error = errno;
    ::close(descriptor);
    errno = error;
    fail("its size cannot be set");
  }
  Pool pool(descriptor, static_cast<std::size_t>(header.total_bytes));
  // The file is zero, which is where all counters begin.
  pool.header().places = header;
  std::ranges::copy(arenas, pool.at<shared::ArenaPlace>(header.arenas));
  std::ranges::copy(shape.briefing, pool.at<std::byte>(header.briefing));
  for (std::int32_t r = 0; r < header.ranks; ++r) {
    pool.block(r).alive_ns.store(monotonic_ns());
    pool.block(r).waits_for.store(-1);
  }
  pool.guard_arenas();
  return pool;
}

Pool Pool::open(int descriptor) {
  struct stat file{};
  if (::fstat(descriptor, &file) != 0 || file.st_size < static_cast<off_t>(sizeof(shared::Header)))
    refuse(descriptor);
  Pool pool(descriptor, static_cast<std::size_t>(file.st_size));
  const shared::Places& header = pool.places();
  if (header.magic != shared::kMagic || header.version != shared::kVersion ||
      header.total_bytes != file.st_size)
    refuse(descriptor);
  ::fcntl(descriptor, F_SETFD, FD_CLOEXEC);
  pool.guard_arenas();
  return pool;
}

Pool::Pool(int descriptor, std::size_t bytes) : descriptor_(descriptor), bytes_(bytes) {
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, descriptor, 0);
  if (memory == MAP_FAILED) {
    const int error = errno;
    ::close(descriptor);
    errno = error;
    fail("mmap");
  }
  base_ = static_cast<std::byte*>(memory);
}

Pool::Pool(Pool&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      base_(std::exchange(other.base_, nullptr)),
      bytes_(other.bytes_) {}

Pool::~Pool() {
  if (base_ == nullptr) return;
  ::munmap(base_, bytes_);
  ::close(descriptor_);
}

void Pool::guard_arenas() const {
  const std::int64_t page = page_bytes();
  const auto forbid = [&](std::int64_t offset) {
    if (::mprotect(base_ + offset, static_cast<std::size_t>(page), PROT_NONE) != 0)
      fail("a guard page cannot be set");
  };
  for (std::int32_t r = 0; r < ranks(); ++r) {
    const shared::ArenaPlace& arena = at<shared::ArenaPlace>(places().arenas)[r];
    if (r == 0) forbid(arena.offset / page * page - page);
    forbid(round_up(arena.offset + arena.bytes, page));  // arenas end flush
  }
}

shared::Header& Pool::header() const { return *at<shared::Header>(0); }
const shared::Places& Pool::places() const { return header().places; }
std::int32_t Pool::ranks() const { return places().ranks; }
std::int32_t Pool::channels() const { return places().channels; }
bool Pool::crowded() const { return places().crowded != 0; }

shared::RankBlock& Pool::block(std::int32_t rank) const {
  ensure(rank >= 0 && rank < ranks(), "a rank of the pool");
  return at<shared::RankBlock>(places().rank_blocks)[rank];
}

shared::Endpoint& Pool::endpoint(std::int32_t channel, std::int32_t rank) const {
  ensure(channel >= 0 && channel < channels() && rank >= 0 && rank < ranks(),
         "a channel and a rank of the pool");
  return at<shared::Endpoint>(places().endpoints)[static_cast<std::ptrdiff_t>(channel) * ranks() + rank];
}

std::span<const std::byte> Pool::briefing() const {
  return {at<std::byte>(places().briefing), static_cast<std::size_t>(places().briefing_bytes)};
}

std::span<std::byte> Pool::arena(std::int32_t rank) const {
  ensure(rank >= 0 && rank < ranks(), "a rank of the pool");
  const shared::ArenaPlace& arena = at<shared::ArenaPlace>(places().arenas)[rank];
  return {base_ + arena.offset, static_cast<std::size_t>(arena.bytes)};
}

void Pool::touch(std::int32_t rank) const {
  const std::span<std::byte> memory = arena(rank);
  const auto page = static_cast<std::size_t>(page_bytes());
  for (std::size_t at = 0; at < memory.size(); at += page) memory[at] = std::byte{0};
  if (!memory.empty()) memory.back() = std::byte{0};
}

// The word of a death: bit 63 says that there is one, then 15 bits of signal, 16 of status, 32 of rank.
void Pool::declare_dead(const Death& death) {
  std::uint64_t none = 0;
  const std::uint64_t word =
      std::uint64_t{1} << 63 | (static_cast<std::uint64_t>(death.signal) & 0x7fff) << 48 |
      (static_cast<std::uint64_t>(death.status) & 0xffff) << 32 | static_cast<std::uint32_t>(death.rank);
  header().dead.compare_exchange_strong(none, word);
  for (std::int32_t r = 0; r < ranks(); ++r) ring(r);
}

std::optional<Death> Pool::death() const {
  const std::uint64_t word = header().dead.load(std::memory_order_acquire);
  if (word == 0) return std::nullopt;
  return Death{.rank = static_cast<std::int32_t>(word & 0xffffffff),
               .signal = static_cast<std::int32_t>(word >> 48 & 0x7fff),
               .status = static_cast<std::int32_t>(word >> 32 & 0xffff)};
}

void Pool::set_status(std::int32_t rank, const RankStatus& status) const {
  block(rank).status.store(pack(status), std::memory_order_relaxed);
  block(rank).alive_ns.store(monotonic_ns(), std::memory_order_relaxed);
}

RankStatus Pool::status(std::int32_t rank) const {
  return unpack(block(rank).status.load(std::memory_order_relaxed));
}

void Pool::request_stop() { header().step_gate.fetch_or(1); }

// One word holds both the highest step begun and the wish to stop, so that no rank can begin a step that another one has
// already decided not to.
bool Pool::may_begin(std::int64_t step) {
  const auto wanted = static_cast<std::uint64_t>(step + 1) << 1;  // 0 is: none begun
  std::uint64_t gate = header().step_gate.load();
  while (wanted > (gate & ~std::uint64_t{1})) {
    if ((gate & 1) != 0) return false;
    if (header().step_gate.compare_exchange_weak(gate, wanted)) return true;
  }
  return true;
}

void Pool::publish(const Record& record) {
  const std::uint64_t number = header().published.load(std::memory_order_relaxed);
  shared::Record& place = at<shared::Record>(places().records)[number % shared::kRecords];
  for (std::size_t w = 0; w < record.size(); ++w) place.words[w].store(record[w], std::memory_order_relaxed);
  header().published.store(number + 1, std::memory_order_release);
}

std::vector<Pool::Record> Pool::published(std::uint64_t& seen) const {
  const std::uint64_t end = header().published.load(std::memory_order_acquire);
  // The one being written now may take the place of the oldest.
  const auto oldest = [](std::uint64_t count) {
    return count < shared::kRecords ? 0 : count - shared::kRecords + 1;
  };
  const std::uint64_t begin = std::max(seen, oldest(end));
  std::vector<Record> records;
  for (std::uint64_t n = begin; n < end; ++n) {
    const shared::Record& place = at<shared::Record>(places().records)[n % shared::kRecords];
    Record& record = records.emplace_back();
    for (std::size_t w = 0; w < record.size(); ++w)
      record[w] = place.words[w].load(std::memory_order_relaxed);
  }
  std::atomic_thread_fence(std::memory_order_acquire);
  // Those that the writer reached meanwhile may be torn.
  const std::uint64_t whole = oldest(header().published.load(std::memory_order_relaxed));
  if (whole > begin)
    records.erase(records.begin(),
                  records.begin() + static_cast<std::ptrdiff_t>(std::min(whole, end) - begin));
  seen = end;
  return records;
}

void Pool::decide(std::int64_t number, Question question) {
  std::uint64_t none = 0;
  header().decisions[static_cast<std::size_t>(question)].compare_exchange_strong(
      none, static_cast<std::uint64_t>(number) + 1);
  for (std::int32_t r = 0; r < ranks(); ++r) ring(r);
}

std::optional<std::int64_t> Pool::decision(Question question) const {
  const std::uint64_t word = header().decisions[static_cast<std::size_t>(question)].load();
  if (word == 0) return std::nullopt;
  return static_cast<std::int64_t>(word - 1);
}

void Pool::deliver(std::int32_t rank, std::span<const std::byte> result) {
  if (static_cast<std::int64_t>(result.size()) > places().mailbox_bytes)
    throw MachineError(fmt::format("rank {}'s result of {} bytes is larger than its mailbox of {}", rank,
                                   result.size(), places().mailbox_bytes));
  std::ranges::copy(result, at<std::byte>(places().mailboxes + rank * places().mailbox_bytes));
  block(rank).mail_bytes.store(result.size(), std::memory_order_release);
}

std::span<const std::byte> Pool::delivered(std::int32_t rank) const {
  const std::uint64_t bytes = block(rank).mail_bytes.load(std::memory_order_acquire);
  return {at<std::byte>(places().mailboxes + rank * places().mailbox_bytes), static_cast<std::size_t>(bytes)};
}

void Pool::ring(std::int32_t rank) const {
  shared::RankBlock& sleeper = block(rank);
  if (sleeper.sleeping.load() == 0) return;
  sleeper.bell.fetch_add(1);
  ::syscall(SYS_futex, &sleeper.bell, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

}  // namespace ds::executor
