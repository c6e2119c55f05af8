#pragma once
// Goes through the code of one period of a tape, for one plan or for eight. Private to evaluate.cpp; inlined into functions
// that are compiled for several processors.

#include <cstddef>
#include <cstdint>

#include "simulator/maxplus/evaluate.h"

namespace ds::maxplus {

using Vector = PlanVector::Vector;

[[gnu::always_inline]] inline void raise(double& to, const double& at_least) {
  to = to > at_least ? to : at_least;
}
[[gnu::always_inline]] inline void raise(Vector& to, const Vector& at_least) {
  to = to > at_least ? to : at_least;
}
[[gnu::always_inline]] inline void lower(double& to, const double& at_most) {
  to = to < at_most ? to : at_most;
}
[[gnu::always_inline]] inline void lower(Vector& to, const Vector& at_most) {
  to = to < at_most ? to : at_most;
}
[[gnu::always_inline]] inline double& of(double& number, std::size_t) { return number; }
[[gnu::always_inline]] inline double of(const double& number, std::size_t) { return number; }
[[gnu::always_inline]] inline double& of(Vector& number, std::size_t plan) {
  return reinterpret_cast<double*>(&number)[plan];
}
[[gnu::always_inline]] inline double of(const Vector& number, std::size_t plan) { return number[plan]; }

/// Runs of entries with the same number of waits, known to the compiler where it is small.
template <class V, int kWaits, bool kFromBegin>
[[gnu::always_inline]] inline const std::int32_t* run(const Tape::EntryRun& entries, const std::int32_t* code,
                                                      const V* values, V* times) {
  const int waits = kWaits >= 0 ? kWaits : entries.waits;
  for (std::int32_t i = 0; i < entries.entries; ++i, ++times) {
    V at = kFromBegin ? values[*code] : times[-code[0]] + values[code[1]];
    code += kFromBegin ? 1 : 2;
    for (int w = kFromBegin ? 0 : 1; w < waits; ++w, code += 2) raise(at, times[-code[0]] + values[code[1]]);
    *times = at;
  }
  return code;
}

template <class V>
[[gnu::always_inline]] inline void period(const Tape& tape, const Tape::Stretch& stretch, const V* values,
                                          V* times) {
  const std::int32_t* code = tape.code.data() + stretch.code;
  const Tape::EntryRun* one = tape.runs.data() + stretch.first_run;
  for (const Tape::EntryRun* const end = one + stretch.runs; one != end; ++one) {
    if (one->from_begin) {
      code = run<V, -1, true>(*one, code, values, times);
    } else {
      switch (one->waits) {
        case 1: code = run<V, 1, false>(*one, code, values, times); break;
        case 2: code = run<V, 2, false>(*one, code, values, times); break;
        case 3: code = run<V, 3, false>(*one, code, values, times); break;
        case 4: code = run<V, 4, false>(*one, code, values, times); break;
        default: code = run<V, -1, false>(*one, code, values, times); break;
      }
    }
    times += one->entries;
  }
}

}  // namespace ds::maxplus
