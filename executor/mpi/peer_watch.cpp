// Looks into /proc for stopped peers, some times a second.
#include "executor/mpi/peer_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <utility>

#include "executor/clock.h"
#include "executor/supervisor/standstill.h"
#include "simulator/base/error.h"
#include "simulator/base/hash.h"

namespace ds::executor {
namespace {

constexpr std::int64_t kBetweenLooksNs = 200'000'000, kMostNs = 500'000'000;

}  // namespace

std::uint64_t process_space() {
  std::string boot;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> boot;
  std::error_code ignored;
  return hash_of(boot + std::filesystem::read_symlink("/proc/self/ns/pid", ignored).string());
}

PeerWatch::PeerWatch(std::int32_t me, std::vector<pid_t> processes, Seconds limit)
    : me_(me), processes_(std::move(processes)), stopped_(processes_.size()), limit_(limit) {}

void PeerWatch::look() {
  const std::int64_t now = monotonic_ns();
  if (now - last_ns_ < kBetweenLooksNs) return;
  const Seconds passed{1e-9 * static_cast<double>(std::min(now - std::exchange(last_ns_, now), kMostNs))};
  for (std::size_t r = 0; r < processes_.size(); ++r) {
    if (processes_[r] == 0 || !is_stopped(processes_[r])) {
      stopped_[r] = {};
      continue;
    }
    stopped_[r] += passed;
    if (stopped_[r] > limit_)
      throw MachineError(fmt::format(
          "{}; rank {} waited for it",
          tell(Standstill{
              .kind = Standstill::Kind::stopped, .rank = static_cast<std::int32_t>(r), .lasts = stopped_[r]}),
          me_));
  }
}

}  // namespace ds::executor
