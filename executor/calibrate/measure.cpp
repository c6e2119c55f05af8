// Times an operator with its operands laid where a training step would have left them.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "executor/arena.h"
#include "executor/available_memory.h"
#include "executor/calibrate/calibrate.h"
#include "executor/calibrate/last_touch.h"
#include "executor/calibrate/robust.h"
#include "simulator/base/error.h"
#include "simulator/base/random.h"

namespace ds::executor {
namespace {

using ops::Role;

// Copies of what was touched long ago are taken in turn from this much memory, so that one that is used again has left
// the last-level cache of the machines that we know.
constexpr std::int64_t kLongAgo = 96LL << 20;
// And of what was touched lately: more than the cache of one core, less than that of all.
constexpr std::int64_t kLately = 8LL << 20;
constexpr std::int64_t kLine = 64;
// A short operator is repeated until its time is that of many calls.
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
  Region(std::int64_t size, std::int64_t reach) : size_(size), arena_(Bytes{size + round_up(reach, kLine)}) {
    fill(arena_);
  }
  void* next(std::int64_t bytes) {
    if (at_ >= size_) at_ = 0;
    void* p = arena_.base() + at_;
    at_ += round_up(bytes, kLine);
    ensure(at_ <= arena_.size().value, "a region holds the largest operand");
    return p;
  }

 private:
  std::int64_t size_;
  Arena arena_;
  std::int64_t at_{0};
};

/// The regions. What is written and what is read are apart, so that no value grows from call to call: a gradient that is
/// written must not become a second moment, which is never negative.
enum class StandIn : std::uint8_t {
  reread,
  scratch,
  saved,
  result,
  weight,
  gradient,
  first_moment,
  second_moment
};
constexpr std::size_t kPlaces = 8;

std::int64_t size_of(StandIn place) {
  return place == StandIn::reread || place == StandIn::scratch ? kLately : kLongAgo;
}

/// Nothing for what is written just before the call.
std::optional<StandIn> place_of(const ops::Op& op, const ops::Operand& operand) {
  const bool writes = operand.access == ops::Access::write;
  switch (last_touch(op, operand)) {
    case LastTouch::just_now: return std::nullopt;
    case LastTouch::lately: return writes ? StandIn::scratch : StandIn::reread;
    case LastTouch::long_ago: break;
  }
  if (operand.role == Role::weight) return StandIn::weight;
  if (operand.role == Role::gradient) return StandIn::gradient;
  if (operand.role == Role::state)
    return operand.name == "first_moment" ? StandIn::first_moment : StandIn::second_moment;
  return writes ? StandIn::result : StandIn::saved;
}

/// Memory that stands in for a step's arena.
class Pool {
 public:
  explicit Pool(const std::vector<ops::Op>& list)
      : just_now_(just_now_bytes(list)), source_(just_now_bytes(list)) {
    fill(source_);
    for (std::size_t p = 0; p < kPlaces; ++p)
      if (const std::int64_t reach = largest(list, static_cast<StandIn>(p)); reach > 0)
        regions_[p].emplace(size_of(static_cast<StandIn>(p)), reach);
  }

  void begin_operator() { at_ = 0; }
  /// Written here and now, as the operator before does it.
  void* just_written(std::int64_t bytes) {
    const std::int64_t at = at_;
    at_ += round_up(bytes, kLine);
    ensure(at_ <= just_now_.size().value, "all operands that were just written fit");
    std::memcpy(just_now_.base() + at, source_.base() + at, static_cast<std::size_t>(bytes));
    return just_now_.base() + at;
  }
  void* next(StandIn place, std::int64_t bytes) {
    return regions_[static_cast<std::size_t>(place)]->next(bytes);
  }

 private:
  static Bytes just_now_bytes(const std::vector<ops::Op>& list) {
    std::int64_t most = kLine;
    for (const ops::Op& op : list) {
      std::int64_t sum = 0;
      for (const ops::Operand& operand : ops::operands(op))
        if (!place_of(op, operand)) sum += round_up(operand.bytes().value, kLine);
      most = std::max(most, sum);
    }
    return {most};
  }
  static std::int64_t largest(const std::vector<ops::Op>& list, StandIn place) {
    std::int64_t most = 0;
    for (const ops::Op& op : list)
      for (const ops::Operand& operand : ops::operands(op))
        if (place_of(op, operand) == place) most = std::max(most, operand.bytes().value);
    return most;
  }
  Arena just_now_, source_;
  std::array<std::optional<Region>, kPlaces> regions_;
  std::int64_t at_{0};
};

/// One operator with its operands bound anew at every call.
class Bench {
 public:
  Bench(const ops::Op& op, Pool& pool)
      : op_(op), operands_(ops::operands(op)), run_(kernels::find(op, kernels::Library::simd)), pool_(pool) {
    for (const ops::Operand& operand : operands_) places_.push_back(place_of(op, operand));
  }

  /// Seconds of one call, over `repeats` calls. Both clocks are read after each, as the interpreter does: the system call
  /// is part of every instruction of a step.
  double time(int repeats) {
    Seconds sum{};
    for (int i = 0; i < repeats; ++i) {
      bind();
      const Instant begin = now();
      run_(op_, {addresses_.data(), static_cast<std::size_t>(operands_.size())}, queue_);
      sum += (now() - begin).cpu;
    }
    return sum.value / repeats;
  }

 private:
  /// Regions first, so that what was just written is touched last.
  void bind() {
    for (std::size_t i = 0; i < places_.size(); ++i)
      if (places_[i]) addresses_[i] = pool_.next(*places_[i], operands_[static_cast<int>(i)].bytes().value);
    pool_.begin_operator();
    for (std::size_t i = 0; i < places_.size(); ++i)
      if (!places_[i]) addresses_[i] = write(operands_[static_cast<int>(i)]);
  }
  void* write(const ops::Operand& operand) {
    void* address = pool_.just_written(operand.bytes().value);
    if (operand.role == Role::tokens)
      write_ids(static_cast<std::int32_t*>(address), operand.shape.elements());
    if (operand.name == "scalars") std::ranges::fill_n(static_cast<double*>(address), 4, 1.0);
    if (operand.name == "control")
      static_cast<double*>(address)[0] = 1e-6, static_cast<double*>(address)[1] = 10;
    return address;
  }
  /// Bytes of text hit few rows, many times each, in an order that no branch predictor learns: other ones every time.
  void write_ids(std::int32_t* ids, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) ids[i] = static_cast<std::int32_t>(letters_.below(61, drawn_++));
  }

  ops::Op op_;
  ops::Operands operands_;
  std::vector<std::optional<StandIn>> places_;  // by operand
  kernels::Run run_;
  Pool& pool_;
  RandomStream letters_{1, 0};
  std::uint64_t drawn_{0};
  kernels::Queue queue_;
  std::array<void*, ops::kMaxOperands> addresses_{};
};

}  // namespace

std::vector<OperatorTime> measure_operators(const std::vector<ops::Op>& list,
                                            const CalibrationOptions& options) {
  Pool pool(list);
  std::vector<Bench> benches;
  for (const ops::Op& op : list) benches.emplace_back(op, pool);
  check_room_for_blas();

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
  for (std::size_t i = 0; i < list.size(); ++i) {
    const Robust time = robust(seconds[i]);
    result.push_back({list[i], time.centre, time.sigma});
  }
  return result;
}

}  // namespace ds::executor
