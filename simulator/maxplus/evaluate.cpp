// Evaluates a tape: values first, then stretch by stretch.
#include "simulator/maxplus/evaluate.h"

#include <algorithm>

#include "simulator/maxplus/skipper.h"

namespace ds::maxplus {
namespace {

template <class V>
[[gnu::always_inline]] inline std::int64_t evaluate(const Tape& tape, V* values, V* times, V* shapes,
                                                    Skip skip) {
  V* next = values + 1 + tape.weights();
  for (const Tape::ValuePair& pair : tape.longest) {
    V at = values[pair.a];
    raise(at, values[pair.b]);
    *next++ = at;
  }
  for (const Tape::ValuePair& pair : tape.sums) *next++ = values[pair.a] + values[pair.b];
  for (const Tape::ValuePair& pair : tape.late) {
    V at = values[pair.a];
    raise(at, values[pair.b]);
    *next++ = at;
  }
  std::int64_t evaluated = 0;
  for (const Tape::Stretch& stretch : tape.stretches) {
    std::int32_t periods = stretch.times;
    if (skip == Skip::yes && stretch.times > stretch.memory + 2) {
      periods = Skipper<V>(tape, stretch, values, times, shapes).go();
    } else {
      for (std::int32_t p = 0; p < stretch.times; ++p)
        period<V>(tape, stretch, values,
                  times + stretch.first + static_cast<std::ptrdiff_t>(p) * stretch.length);
    }
    evaluated += std::int64_t{periods} * stretch.length;
  }
  return evaluated;
}

std::int64_t evaluate_one(const Tape& tape, double* values, double* times, double* shapes, Skip skip) {
  return evaluate<double>(tape, values, times, shapes, skip);
}

#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
__attribute__((target_clones("avx512f", "avx2", "default")))
#endif
std::int64_t
evaluate_eight(const Tape& tape, Vector* values, Vector* times, Vector* shapes, Skip skip) {
  return evaluate<Vector>(tape, values, times, shapes, skip);
}

void subtract(double& from, double what) { from -= what; }
void subtract(PlanVector& from, const PlanVector& what) {
  for (std::size_t plan = 0; plan < kPlans; ++plan) from[plan] -= what[plan];
}

}  // namespace

template <class Number>
std::span<Number> Evaluation<Number>::weights(const Tape& tape) {
  values_.assign(static_cast<std::size_t>(tape.values), Number{});
  return std::span(values_).subspan(1, tape.weights());
}

template <class Number>
Number Evaluation<Number>::step(const Tape& tape, Skip skip) {
  const auto entries = static_cast<std::size_t>(tape.entries);
  if (times_.size() < entries) times_.resize(entries);
  std::int32_t periods = 0;
  for (const Tape::Stretch& stretch : tape.stretches) periods = std::max(periods, stretch.times);
  if (std::ssize(shapes_) < kSamples * periods) shapes_.resize(static_cast<std::size_t>(kSamples * periods));
  if constexpr (sizeof(Number) == sizeof(double))
    evaluated_ = evaluate_one(tape, values_.data(), times_.data(), shapes_.data(), skip);
  else
    evaluated_ = evaluate_eight(tape, reinterpret_cast<Vector*>(values_.data()),
                                reinterpret_cast<Vector*>(times_.data()),
                                reinterpret_cast<Vector*>(shapes_.data()), skip);
  Number step = times_[static_cast<std::size_t>(tape.end)];
  if (tape.begin != kNone) subtract(step, times_[static_cast<std::size_t>(tape.begin)]);
  return step;
}

template class Evaluation<double>;
template class Evaluation<PlanVector>;

}  // namespace ds::maxplus
