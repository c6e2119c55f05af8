#pragma once
// A rank is one core with one thread, OpenBLAS included, and kernels that use what the core has.

#include <optional>
#include <string_view>

namespace ds::executor {

/// The first call of `main`. OpenBLAS starts its threads and chooses its kernels before main and reads its environment only
/// then, so the program begins again with an environment that asks for one thread, and for better kernels where
/// `better_kernels` knows some; where it has that already, this does nothing.
void start_with_one_blas_thread(char** argv);

/// Vector instructions of a processor.
struct Vectors {
  bool avx2{}, avx512{};  // with fused multiply-add; with the extensions of Skylake-X
};

/// OpenBLAS chooses kernels by the processor's model number, and for one younger than itself it takes those for SSE3: a
/// fifth of the speed on an Emerald Rapids (0.3.21). `chosen`: their name. What to ask for instead as OPENBLAS_CORETYPE.
std::optional<std::string_view> better_kernels(std::string_view chosen, Vectors vectors);

}  // namespace ds::executor
