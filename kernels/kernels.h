#pragma once
// Kernels of every operator. A kernel takes its operands as addresses, in the order of ops::operands(op).
//
//   const Run run = find(op, Library::simd);
//   run(op, addresses, queue);
//
// Two libraries: `reference` is plain loops that a reader can check against the formula; `simd` is what trains.
// Both take fp32 and fp64 (op.type). A kernel allocates nothing and is a pure function of its operands: equal input,
// equal bits. Outputs must not overlap inputs, except operands of access `add`.

#include <span>

#include "simulator/ops/ops.h"

namespace ds::kernels {

/// Where kernels are issued. On CPUs a kernel has ended when the call returns; `poll`, when set, is called now and then
/// between tiles so that communication can progress while a rank computes.
struct Queue {
  void (*poll)(void* context){nullptr};
  void* context{nullptr};
  void poll_now() const {
    if (poll != nullptr) poll(context);
  }
};

enum class Library { reference, simd };

using Addresses = std::span<void* const>;
using Run = void (*)(const ops::Op& op, Addresses operands, Queue& queue);

/// The kernel of that operator, pass and type in that library. Fails (ensure) when there is none: a regrouping is
/// lowered to collectives, dropout is simulated only. A sharded operator is run as ops::at() gives it.
Run find(const ops::Op& op, Library library);

/// Instruction set that `simd` chose on this processor ("avx2+fma" or "baseline"), for profiles and --version.
const char* instruction_set();

}  // namespace ds::kernels
