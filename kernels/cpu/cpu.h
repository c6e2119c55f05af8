#pragma once
// The libraries of kernels, for one thread. The fast sources are built once for each instruction set, in a namespace of its
// own; kernels/find.cpp takes the best that the processor has. Results are equal from run to run on equal processors;
// another instruction set may differ in the last bits, as BLAS does.

#include <cstddef>
#include <span>

#include "kernels/kernels.h"

namespace ds::kernels::cpu {

/// By pass; null where there is none: the operator has no such pass, or the reference serves, there is nothing to gain.
struct PassKernels {
  Run forward{}, input_gradient{}, weight_gradient{}, update{};
};
/// All kernels of an operator in one library.
struct OperatorKernels {
  std::string_view kind;  // as ops::kind_name
  PassKernels passes;
};
/// Those of a file.
struct KernelList {
  const OperatorKernels* first;
  std::size_t count;
};
using Kernels = std::span<const KernelList* const>;

namespace reference {
extern const Kernels kKernels;  // plain loops
}
namespace baseline {
extern const Kernels kKernels;
}
namespace avx2 {
extern const Kernels kKernels;  // AVX2 and FMA; on x86-64 only
}

/// The kernel in one set, or nullptr where the reference serves every set: for tests and benchmarks that must
/// reach the set that this processor would not choose. In kernels/find.cpp.
Run find_in(const Kernels& kernels, const ops::Op& op);

}  // namespace ds::kernels::cpu
