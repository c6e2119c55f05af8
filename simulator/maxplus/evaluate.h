#pragma once
// Evaluates a tape: one set of weights in doubles, or eight at a time.

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "simulator/maxplus/tape.h"

namespace ds::maxplus {

/// Plans that are evaluated at a time.
inline constexpr std::size_t kPlans = 8;

/// A number of each plan.
struct alignas(64) PlanVector {
  /// All of them at once; the standard knows no such type yet.
  using Vector __attribute__((vector_size(kPlans * sizeof(double)), may_alias)) = double;

  std::array<double, kPlans> of{};
  double& operator[](std::size_t plan) { return of[plan]; }
  double operator[](std::size_t plan) const { return of[plan]; }
};

/// Whether periods of a steady state are skipped. `no` leaves the times of all entries.
enum class Skip : std::uint8_t { no, yes };

/// Number is double or PlanVector. Keeps its memory from one evaluation to the next; one for each thread.
///
///   std::span<double> weights = evaluation.weights(tape);  // to be filled, class by class: tape.first_weight
///   double seconds = evaluation.step(tape);
///
/// A plan among eight gets the bits that it gets alone.
template <class Number>
class Evaluation {
 public:
  /// Where the weights of the next evaluation go, in seconds and not negative. Filled with zeros.
  std::span<Number> weights(const Tape& tape);
  /// Seconds from one step to the next.
  Number step(const Tape& tape, Skip skip = Skip::yes);

  /// Of the last evaluation with Skip::no: when each entry ended, in seconds from the step's begin; without a cut, from the
  /// begin of the first of three steps.
  std::span<const Number> times() const { return times_; }
  /// Entries that the last evaluation went through.
  std::int64_t evaluated() const { return evaluated_; }

 private:
  std::vector<Number> values_, times_, shapes_;
  std::int64_t evaluated_{0};
};

extern template class Evaluation<double>;
extern template class Evaluation<PlanVector>;

}  // namespace ds::maxplus
