#pragma once
// How a kernel takes its operands: one after the other, in the order of ops::operands(op).
//
//   template <class T>
//   void forward(const ops::RmsNorm& n, Arguments a, Queue& queue) {
//     const T* x = a.in<T>();
//     const T* gain = a.in<T>();
//     T* y = a.out<T>();
//     ...
//   }
//   {ops::RmsNorm::kName, {.forward = by_type<ops::RmsNorm, forward<float>, forward<double>>}}
//
// Everything else here is always inlined: files with instruction-set flags of their own include it, and a shared
// copy of an inline function, compiled with their flags, must not reach a processor without those
// instructions.

#include <cstdint>

#include "kernels/kernels.h"

namespace ds::kernels {

struct Arguments {
  const ops::Op* op{};
  void* const* next{};

  template <class T>
  [[gnu::always_inline]] const T* in() {
    return static_cast<const T*>(*next++);
  }
  template <class T>
  [[gnu::always_inline]] T* out() {
    return static_cast<T*>(*next++);
  }
};

template <class What>
using Typed = void (*)(const What& what, Arguments arguments, Queue& queue);

/// Calls the kernel of the operator's type; simulated types (fp16, ...) have no kernels, find() has seen to
/// that. Kernels are their file's own, so each instance of this is too.
template <class What, Typed<What> kFp32, Typed<What> kFp64>
void by_type(const ops::Op& op, Addresses operands, Queue& queue) {
  const What& what = *std::get_if<What>(&op.what);  // get_if: std::get would bring a throwing function along
  (op.type == DataType::fp32 ? kFp32 : kFp64)(what, Arguments{&op, operands.data()}, queue);
}

/// How many of the `count` elements from `first` on lie in front of `end`: the real columns of a shard, its decayed
/// weights.
[[gnu::always_inline]] inline std::int64_t in_front_of(std::int64_t end, std::int64_t first,
                                                       std::int64_t count) {
  const std::int64_t n = end - first;
  return n < 0 ? 0 : n < count ? n : count;
}

inline constexpr double kNormEpsilon = 1e-5;                  // of both norms
inline constexpr double kGeluScale = 0.79788456080286535588;  // sqrt(2 / pi)
inline constexpr double kGeluCube = 0.044715;
/// Head dimensions up to this have attention kernels: their tiles live on the stack.
inline constexpr std::int64_t kMaxHeadDim = 512;

}  // namespace ds::kernels
