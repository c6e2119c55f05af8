// Sets the environment that a BLAS reads when it is loaded, and starts this program anew with it.
#include "executor/one_blas_thread.h"

#include <dlfcn.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string>

namespace ds::executor {
namespace {

/// Kernels that OpenBLAS says it has chosen; "" of another BLAS.
std::string_view chosen_kernels() {
  using Name = const char* (*)();
  const auto name = reinterpret_cast<Name>(::dlsym(RTLD_DEFAULT, "openblas_get_corename"));
  return name != nullptr ? name() : "";
}

Vectors vectors_here() {
#if defined(__x86_64__)
  return {.avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"),
          .avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                    __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
                    __builtin_cpu_supports("avx512cd")};
#else
  return {};
#endif
}

bool is_set(const char* variable, std::string_view value) {
  const char* found = std::getenv(variable);
  return found != nullptr && found == value;
}

}  // namespace

std::optional<std::string_view> better_kernels(std::string_view chosen, Vectors vectors) {
  // Those without AVX2 among what OpenBLAS has for x86-64.
  constexpr std::array<std::string_view, 14> kOld{
      "Prescott",     "Core2",     "Penryn", "Dunnington", "Nehalem",   "Atom",        "Opteron",
      "Opteron_SSE3", "Barcelona", "Bobcat", "Nano",       "Bulldozer", "Sandybridge", "Athlon"};
  if (std::ranges::find(kOld, chosen) == kOld.end()) return std::nullopt;
  if (vectors.avx512) return "SkylakeX";
  if (vectors.avx2) return "Haswell";
  return std::nullopt;
}

void start_with_one_blas_thread(char** argv) {
  std::optional<std::string_view> kernels;
  if (std::getenv("OPENBLAS_CORETYPE") == nullptr) kernels = better_kernels(chosen_kernels(), vectors_here());
  if (is_set("OPENBLAS_NUM_THREADS", "1") && !kernels) return;
  ::setenv("OPENBLAS_NUM_THREADS", "1", 1);
  ::setenv("OMP_NUM_THREADS", "1", 1);
  if (kernels) ::setenv("OPENBLAS_CORETYPE", std::string(*kernels).c_str(), 1);
  ::execv("/proc/self/exe", argv);  // where it fails we go on with the threads that there are
}

}  // namespace ds::executor
