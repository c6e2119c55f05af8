#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>

#include "executor/arena.h"
#include "executor/calibrate/calibrate.h"
#include "simulator/base/error.h"

namespace ds::executor {
namespace {

using ops::Role;

// Larger than the last-level cache of the machines that we know, so that a copy used again has left it.
constexpr std::int64_t kColdBytes = 192LL << 20;
constexpr std::int64_t kLine = 64;
// A short operator is repeated until the clock's own cost (a system call) no longer shows.
constexpr double kShortestMeasurement = 1e-3;

/// Memory that stands in for a step's arena. Activations lie in a region that is used again and again; weights,
/// gradients and states are taken in turn from a large one.
class Pool {
 public:
  explicit Pool(std::int64_t warm_bytes)
      : warm_(Bytes{warm_bytes}), cold_(Bytes{kColdBytes + largest_cold()}) {
    fill(warm_);
    fill(cold_);
  }

  void begin_operator() { warm_at_ = 0; }
  void* warm(std::int64_t bytes) {
    void* p = warm_.base() + warm_at_;
    warm_at_ += round_up(bytes, kLine);
    ensure(warm_at_ <= warm_.size().value, "the warm region holds every operand");
    return p;
  }
  void* cold(std::int64_t bytes) {
    if (cold_at_ >= kColdBytes) cold_at_ = 0;
    void* p = cold_.base() + cold_at_;
    cold_at_ += round_up(bytes, kLine);
    ensure(cold_at_ <= cold_.size().value, "the cold region holds every operand");
    return p;
  }

  /// Bytes by which operands may reach beyond the region that is taken in turn.
  static constexpr std::int64_t largest_cold() { return 4 * (64LL << 20) + (160LL << 20); }

 private:
  /// Small positive numbers: fit for second moments and standard deviations, far from overflow and from denormals.
  static void fill(const Arena& arena) {
    auto* values = reinterpret_cast<float*>(arena.base());
    for (std::int64_t i = 0; i < arena.size().value / 4; ++i)
      values[i] = 0.01F + 1e-4F * static_cast<float>((i * 7919) % 101);
  }
  Arena warm_, cold_;
  std::int64_t warm_at_{0}, cold_at_{0};
};

bool stays_in_memory(Role role) { return role == Role::weight || role == Role::gradient || role == Role::state; }

std::int64_t warm_bytes(const ops::Op& op) {
  std::int64_t sum = 0;
  for (const ops::Operand& operand : ops::operands(op))
    if (!stays_in_memory(operand.role)) sum += round_up(operand.bytes().value, kLine);
  return sum;
}

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
      if (stays_in_memory(operand.role)) continue;
      void*& address = addresses_[static_cast<std::size_t>(i)];
      address = pool_.warm(operand.bytes().value);
      if (operand.role == Role::tokens) write_ids(static_cast<std::int32_t*>(address), operand.shape.elements());
      if (operand.name == "scalars") write_scalars(static_cast<double*>(address));
      if (operand.name == "control") static_cast<double*>(address)[0] = 1e-6, static_cast<double*>(address)[1] = 10;
    }
  }
  void bind_cold() {
    for (int i = 0; i < operands_.size(); ++i)
      if (stays_in_memory(operands_[i].role))
        addresses_[static_cast<std::size_t>(i)] = pool_.cold(operands_[i].bytes().value);
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

double median(std::vector<double> values) {
  auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

OperatorTime summarise(const ops::Op& op, const std::vector<double>& seconds) {
  const double centre = median(seconds);
  std::vector<double> deviations;
  for (double s : seconds) deviations.push_back(std::abs(s - centre));
  return {op, centre, 1.4826 * median(deviations) / centre};
}

}  // namespace

std::vector<OperatorTime> measure_operators(const std::vector<ops::Op>& list, const CalibrationOptions& options) {
  std::int64_t warm = kLine;
  for (const ops::Op& op : list) warm = std::max(warm, warm_bytes(op));
  Pool pool(warm);
  std::vector<Bench> benches;
  for (const ops::Op& op : list) benches.emplace_back(op, pool);

  std::vector<int> repeats(list.size(), 1);
  std::vector<std::vector<double>> seconds(list.size());
  // Round 0 warms up and finds out how often a short operator has to be repeated.
  for (int round = 0; round <= options.rounds; ++round)
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (options.stop != nullptr && options.stop->stop_requested()) return {};
      const double took = benches[i].time(repeats[i]);
      if (round == 0) repeats[i] = std::clamp(static_cast<int>(kShortestMeasurement / took), 1, 1000);
      else seconds[i].push_back(took);
      if (options.progress) {
        const double done = static_cast<double>(round) + static_cast<double>(i + 1) / static_cast<double>(list.size());
        options.progress(done / (options.rounds + 1),
                         fmt::format("round {} of {}: {}", round, options.rounds, ops::class_name(list[i])));
      }
    }
  std::vector<OperatorTime> result;
  for (std::size_t i = 0; i < list.size(); ++i) result.push_back(summarise(list[i], seconds[i]));
  return result;
}

}  // namespace ds::executor
