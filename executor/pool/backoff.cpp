// From spinning to sleeping, pause by pause.
#include "executor/pool/backoff.h"

#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <ctime>

#include "executor/pool/shared.h"
#include "simulator/base/steady_clock.h"

namespace ds::executor {
namespace {

// A sleep costs 50 to 90 us, a yield less than one. Where ranks share cores the peer may need this very core.
constexpr std::int32_t kSpins = 2000, kSpinsWhenCrowded = 20, kYields = 400;

// A yield that takes this long has given the core to somebody else for a slice of theirs, 3 to 4 ms under Linux. Four hundred of
// them in a row are a second and more; who sleeps is let in soon after it is woken.
constexpr Seconds kLongYield{50e-6};

void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

}  // namespace

void Backoff::pause() {
  const std::int32_t spins = pool_.crowded() ? kSpinsWhenCrowded : kSpins;
  ++looks_;
  if (looks_ <= spins) {
    relax();
    return;
  }
  if (looks_ <= spins + kYields) {
    const Seconds before = steady_now();
    ::sched_yield();
    if (steady_now() - before > kLongYield) looks_ = spins + kYields;
    return;
  }
  shared::RankBlock& own = pool_.block(rank_);
  if (!announced_) {
    // Say so first, then look once more: who publishes from here on rings.
    bell_ = own.bell.load();
    own.sleeping.store(1);
    announced_ = true;
    return;
  }
  const timespec longest{.tv_sec = 0, .tv_nsec = 10'000'000};
  ::syscall(SYS_futex, &own.bell, FUTEX_WAIT, bell_, &longest, nullptr, 0);
  bell_ = own.bell.load();
}

void Backoff::reset() {
  looks_ = 0;
  if (announced_) pool_.block(rank_).sleeping.store(0);
  announced_ = false;
}

}  // namespace ds::executor
