#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <deque>
#include <optional>

#include "executor/arena.h"
#include "executor/calibrate/calibrate.h"
#include "simulator/base/error.h"
#include "simulator/base/statistics.h"

namespace ds::executor {
namespace {

using ops::Role;

// Copies are taken in turn from regions of this size, so that one that is used again has left the last-level cache of
// the machines that we know.
constexpr std::int64_t kColdBytes = 96LL << 20;
constexpr std::int64_t kLine = 64;
// A short operator is repeated until the clock's own cost (a system call) no longer shows.
constexpr double kShortestMeasurement = 1e-3;

/// Small positive numbers: fit for second moments and standard deviations, far from overflow and from denormals.
void fill(const Arena& arena) {
  auto* values = reinterpret_cast<float*>(arena.base());
  for (std::int64_t i = 0; i < arena.size().value / 4; ++i)
    values[i] = 0.01F + 1e-4F * static_cast<float>((i * 7919) % 101);
}

/// Memory whose parts are handed out in turn.
class Region {
 public:
  /// `reach`: the largest part that is asked for.
  explicit Region(std::int64_t reach) : arena_(Bytes{kColdBytes + round_up(reach, kLine)}) { fill(arena_); }
  void* next(std::int64_t bytes) {
    if (at_ >= kColdBytes) at_ = 0;
    void* p = arena_.base() + at_;
    at_ += round_up(bytes, kLine);
    ensure(at_ <= arena_.size().value, "a region holds the largest operand");
    return p;
  }

 private:
  Arena arena_;
  std::int64_t at_{0};
};

/// What comes from memory in a step. Each kind has a region of its own: a gradient that is written must not become a
/// second moment, which is never negative.
enum class Cold { weight, gradient, first_moment, second_moment };
constexpr std::size_t kColdKinds = 4;

std::optional<Cold> cold_kind(const ops::Operand& operand) {
  if (operand.role == Role::weight) return Cold::weight;
  if (operand.role == Role::gradient) return Cold::gradient;
  if (operand.role != Role::state) return std::nullopt;
  return operand.name == "first_moment" ? Cold::first_moment : Cold::second_moment;
}

/// Memory that stands in for a step's arena. Activations lie in a region that is used again and again and that is filled
/// anew for every operator; weights, gradients and states are taken in turn from large ones.
class Pool {
 public:
  explicit Pool(const std::vector<ops::Op>& list) : warm_(warm_bytes(list)), fresh_(warm_bytes(list)) {
    fill(fresh_);
    for (std::size_t k = 0; k < kColdKinds; ++k) cold_.emplace_back(largest(list, static_cast<Cold>(k)));
  }

  void begin_operator() { warm_at_ = 0; }
  void* warm(std::int64_t bytes) {
    const std::int64_t at = warm_at_;
    warm_at_ += round_up(bytes, kLine);
    ensure(warm_at_ <= warm_.size().value, "the warm region holds every operand");
    std::memcpy(warm_.base() + at, fresh_.base() + at, static_cast<std::size_t>(bytes));
    return warm_.base() + at;
  }
  void* cold(Cold kind, std::int64_t bytes) { return cold_[static_cast<std::size_t>(kind)].next(bytes); }

 private:
  static Bytes warm_bytes(const std::vector<ops::Op>& list) {
    std::int64_t most = kLine;
    for (const ops::Op& op : list) {
      std::int64_t sum = 0;
      for (const ops::Operand& operand : ops::operands(op))
        if (!cold_kind(operand)) sum += round_up(operand.bytes().value, kLine);
      most = std::max(most, sum);
    }
    return {most};
  }
  static std::int64_t largest(const std::vector<ops::Op>& list, Cold kind) {
    std::int64_t most = 0;
    for (const ops::Op& op : list)
      for (const ops::Operand& operand : ops::operands(op))
        if (cold_kind(operand) == kind) most = std::max(most, operand.bytes().value);
    return most;
  }
  Arena warm_, fresh_;
  std::deque<Region> cold_;
  std::int64_t warm_at_{0};
};

/// One operator with its operands bound, fresh cold copies at every call.
class Bench {
 public:
  Bench(const ops::Op& op, Pool& pool)
      : op_(op), operands_(ops::operands(op)), run_(kernels::find(op, kernels::Library::simd)), pool_(pool) {}

  /// Seconds of one call, over `repeats` calls.
  double time(int repeats) {
    bind_warm();
    const Seconds begin = read_clock(CLOCK_THREAD_CPUTIME_ID);
    for (int i = 0; i < repeats; ++i) {
      bind_cold();
      run_(op_, {addresses_.data(), static_cast<std::size_t>(operands_.size())}, queue_);
    }
    return (read_clock(CLOCK_THREAD_CPUTIME_ID) - begin).value / repeats;
  }

 private:
  void bind_warm() {
    pool_.begin_operator();
    for (int i = 0; i < operands_.size(); ++i) {
      const ops::Operand& operand = operands_[i];
      if (cold_kind(operand)) continue;
      void*& address = addresses_[static_cast<std::size_t>(i)];
      address = pool_.warm(operand.bytes().value);
      if (operand.role == Role::tokens)
        write_ids(static_cast<std::int32_t*>(address), operand.shape.elements());
      if (operand.name == "scalars") write_scalars(static_cast<double*>(address));
      if (operand.name == "control")
        static_cast<double*>(address)[0] = 1e-6, static_cast<double*>(address)[1] = 10;
    }
  }
  void bind_cold() {
    for (int i = 0; i < operands_.size(); ++i)
      if (const auto kind = cold_kind(operands_[i]))
        addresses_[static_cast<std::size_t>(i)] = pool_.cold(*kind, operands_[i].bytes().value);
  }
  /// Bytes of text hit few rows, many times each.
  static void write_ids(std::int32_t* ids, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) ids[i] = static_cast<std::int32_t>((i * i) % 61);
  }
  static void write_scalars(double* scalars) {
    scalars[0] = 1, scalars[1] = 1, scalars[2] = 1, scalars[3] = 1;
  }

  ops::Op op_;
  ops::Operands operands_;
  kernels::Run run_;
  Pool& pool_;
  kernels::Queue queue_;
  std::array<void*, ops::kMaxOperands> addresses_{};
};

OperatorTime summarise(const ops::Op& op, const std::vector<double>& seconds) {
  const double centre = median(seconds);
  std::vector<double> deviations;
  for (double s : seconds) deviations.push_back(std::abs(s - centre));
  return {op, centre, 1.4826 * median(deviations) / centre};
}

}  // namespace

std::vector<OperatorTime> measure_operators(const std::vector<ops::Op>& list,
                                            const CalibrationOptions& options) {
  Pool pool(list);
  std::vector<Bench> benches;
  for (const ops::Op& op : list) benches.emplace_back(op, pool);

  std::vector<int> repeats(list.size(), 1);
  std::vector<std::vector<double>> seconds(list.size());
  // Round 0 warms up and finds out how often a short operator has to be repeated.
  for (int round = 0; round <= options.rounds; ++round)
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (options.stop != nullptr && options.stop->stop_requested()) return {};
      const double took = benches[i].time(repeats[i]);
      if (round == 0)
        repeats[i] = std::clamp(static_cast<int>(kShortestMeasurement / took), 1, 1000);
      else
        seconds[i].push_back(took);
      if (options.progress) {
        const double done =
            static_cast<double>(round) + static_cast<double>(i + 1) / static_cast<double>(list.size());
        options.progress(done / (options.rounds + 1),
                         fmt::format("round {} of {}: {}", round, options.rounds, ops::class_name(list[i])));
      }
    }
  std::vector<OperatorTime> result;
  for (std::size_t i = 0; i < list.size(); ++i) result.push_back(summarise(list[i], seconds[i]));
  return result;
}

}  // namespace ds::executor
