// The loop of a supervisor: waits on its ranks' descriptors, and ends all of them when one fails or is too late.
#include "executor/supervisor/supervisor.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>

#include "executor/clock.h"
#include "executor/cores.h"
#include "executor/supervisor/process.h"
#include "simulator/base/error.h"

namespace ds::executor {
namespace {

// A signal interrupts the wait; the look at the stop token every so often covers those that come just before it.
constexpr int kLookMs = 50;

/// A rank is one core with one thread; a BLAS reads these before main.
void set(std::vector<std::string>& environment, const std::string& name, const std::string& value) {
  std::erase_if(environment, [&](const std::string& entry) { return entry.starts_with(name + "="); });
  environment.push_back(name + "=" + value);
}

class Ranks {
 public:
  Ranks(Pool& pool, const Launch& launch) : pool_(pool), launch_(launch), watch_(pool, launch.standstill) {
    std::vector<int> cores;
    if (launch.pin) cores = allowed_cores();
    const bool enough = std::ssize(cores) >= pool.ranks();
    for (std::int32_t r = 0; r < pool.ranks(); ++r) {
      ProcessPlan plan{.program = "/proc/self/exe",
                       .arguments = launch.arguments,
                       .environment = launch.environment,
                       .inherited = pool.descriptor()};
      if (enough) plan.core = cores[static_cast<std::size_t>(r)];
      set(plan.environment, "OPENBLAS_NUM_THREADS", "1");
      set(plan.environment, "OMP_NUM_THREADS", "1");
      set(plan.environment, kRankVariable, std::to_string(r));
      set(plan.environment, kPoolVariable, std::to_string(pool.descriptor()));
      running_.push_back({.rank = r, .process = Process(plan)});
    }
  }

  Outcome run() {
    Outcome outcome;
    while (!running_.empty()) {
      if (!outcome.stopped && launch_.stop != nullptr && launch_.stop->stop_requested()) {
        pool_.request_stop();
        outcome.stopped = true;
        stop_ends_ns_ = after(launch_.stop_grace);
      }
      wait_for_ends();
      reap_ended(outcome);
      if (!outcome.failure) look_for_standstill(outcome);
      if (outcome.failure && monotonic_ns() > grace_ends_ns_) running_.clear();  // kills and reaps
      if (!running_.empty() && monotonic_ns() > stop_ends_ns_) {
        outcome.cut = true;
        running_.clear();
      }
      if (launch_.on_look) launch_.on_look();
    }
    for (std::int32_t r = 0; r < pool_.ranks(); ++r) {
      const std::span<const std::byte> result = pool_.delivered(r);
      outcome.results.emplace_back(result.begin(), result.end());
    }
    return outcome;
  }

 private:
  struct Running {
    std::int32_t rank{};
    Process process;
    bool ended{};
  };

  static std::int64_t after(Seconds grace) {
    return monotonic_ns() + static_cast<std::int64_t>(grace.value * 1e9);
  }

  void look_for_standstill(Outcome& outcome) {
    watch_.begin_look();
    for (const Running& running : running_) watch_.look(running.rank, running.process.id());
    const std::optional<Standstill> found = watch_.found();
    if (!found) return;
    const Death death{.rank = found->rank};
    pool_.declare_dead(death);
    outcome.failure = RankFailure{.death = death, .status = pool_.status(found->rank), .standstill = found};
    running_.clear();  // nobody has anything to add
  }

  void wait_for_ends() {
    std::vector<pollfd> ends;
    for (const Running& running : running_)
      ends.push_back({.fd = running.process.descriptor(), .events = POLLIN, .revents = 0});
    if (::poll(ends.data(), ends.size(), kLookMs) < 0 && errno != EINTR)
      throw MachineError(fmt::format("the ranks cannot be watched: poll: {}", std::strerror(errno)));
    for (std::size_t i = 0; i < ends.size(); ++i) running_[i].ended = ends[i].revents != 0;
  }

  void reap_ended(Outcome& outcome) {
    for (Running& running : running_) {
      if (!running.ended) continue;
      const int status = running.process.reap();
      if (status == 0 || outcome.failure) continue;
      Death death{.rank = running.rank};
      if (WIFSIGNALED(status))
        death.signal = WTERMSIG(status);
      else
        death.status = WEXITSTATUS(status);
      pool_.declare_dead(death);
      outcome.failure = RankFailure{.death = death, .status = pool_.status(running.rank), .standstill = {}};
      grace_ends_ns_ = after(launch_.grace);
    }
    std::erase_if(running_, [](const Running& running) { return running.ended; });
  }

  Pool& pool_;
  const Launch& launch_;
  std::vector<Running> running_;
  StandstillWatch watch_;
  std::int64_t grace_ends_ns_{std::numeric_limits<std::int64_t>::max()};
  std::int64_t stop_ends_ns_{std::numeric_limits<std::int64_t>::max()};
};

}  // namespace

std::string tell(const RankFailure& failure) {
  return fmt::format("{} {}", failure.standstill ? tell(*failure.standstill) : tell(failure.death),
                     tell(failure.status));
}

Outcome supervise(Pool& pool, const Launch& launch) { return Ranks(pool, launch).run(); }

}  // namespace ds::executor
