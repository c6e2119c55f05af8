// How much a test does where a sanitizer slows everything down: there faults of memory are looked for, and Release, which
// runs beside it, goes through all the cases.
#pragma once

#include <algorithm>

namespace ds::support {

/// Whether this build is slowed down and blown up by a sanitizer; limits of time and memory say nothing then. Tests of whole
/// programs are not watched themselves, and are told DS_SANITIZED.
constexpr bool sanitized() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(DS_SANITIZED)
  return true;
#else
  return false;
#endif
}

/// Of that many random cases those that are tried: under sanitizers one of eight, but one at least.
template <class Count>
constexpr Count fewer(Count cases) {
  return sanitized() ? std::max<Count>(cases / 8, 1) : cases;
}

/// Of cases in loops within loops those that are tried: under sanitizers every seventh, so that a loop of any other number
/// of values comes to all of them.
class Sample {
 public:
  bool takes() { return !sanitized() || next_++ % 7 == 0; }

 private:
  int next_{};
};

}  // namespace ds::support
