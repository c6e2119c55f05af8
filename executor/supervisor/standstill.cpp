// Adds up how long ranks have been stopped or silent.
#include "executor/supervisor/standstill.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "executor/clock.h"
#include "executor/pool/shared.h"

namespace ds::executor {
namespace {

// Between two looks there are some 50 ms. More than this, and it was the supervisor that was kept from looking.
constexpr Seconds kLongestLook{0.5};
// Shorter silence is not looked into.
constexpr Seconds kNoteworthy{1};

}  // namespace

// The state is the field after the name, which may hold any character (proc_pid_stat(5)).
bool is_stopped(pid_t process) {
  std::ifstream file(fmt::format("/proc/{}/stat", process));
  const std::string text(std::istreambuf_iterator<char>(file), {});
  const std::size_t name_end = text.rfind(')');
  return name_end != std::string::npos && text.size() > name_end + 2 && text[name_end + 2] == 'T';
}

std::string tell(const Standstill& standstill) {
  if (standstill.kind == Standstill::Kind::stopped)
    return fmt::format("rank {} was stopped (SIGSTOP) and did not go on for {:.0f} s", standstill.rank,
                       standstill.lasts.value);
  return fmt::format("rank {} has not moved for {:.0f} s", standstill.rank, standstill.lasts.value);
}

void StandstillWatch::begin_look() {
  const std::int64_t now = monotonic_ns();
  if (last_ns_ != 0) passed_ = std::min(Seconds{1e-9 * static_cast<double>(now - last_ns_)}, kLongestLook);
  last_ns_ = now;
}

void StandstillWatch::look(std::int32_t rank, pid_t process) {
  Seen& seen = seen_[rank];
  const std::int64_t alive = pool_.block(rank).alive_ns.load(std::memory_order_relaxed);
  if (alive != seen.alive_ns) {
    seen = {.alive_ns = alive, .stopped = {}, .silent = {}};
    return;
  }
  seen.silent += passed_;
  if (seen.silent < kNoteworthy) return;
  seen.stopped = is_stopped(process) ? seen.stopped + passed_ : Seconds{};
}

std::optional<Standstill> StandstillWatch::found() const {
  std::optional<Standstill> worst;
  std::int64_t last_sign = 0;
  for (const auto& [rank, seen] : seen_) {
    if (seen.stopped > limits_.stopped)
      return Standstill{.kind = Standstill::Kind::stopped, .rank = rank, .lasts = seen.stopped};
    const bool starts = pool_.status(rank).phase == RankPhase::starting;
    if (seen.silent <= (starts ? limits_.silent_at_start : limits_.silent)) continue;
    if (worst && seen.alive_ns >= last_sign) continue;
    worst = Standstill{.kind = Standstill::Kind::silent, .rank = rank, .lasts = seen.silent};
    last_sign = seen.alive_ns;
  }
  return worst;
}

}  // namespace ds::executor
