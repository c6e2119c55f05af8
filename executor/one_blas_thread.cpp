#include "executor/one_blas_thread.h"

#include <unistd.h>

#include <cstdlib>
#include <string_view>

namespace ds::executor {

void start_with_one_blas_thread(char** argv) {
  const char* threads = std::getenv("OPENBLAS_NUM_THREADS");
  if (threads != nullptr && std::string_view(threads) == "1") return;
  ::setenv("OPENBLAS_NUM_THREADS", "1", 1);
  ::setenv("OMP_NUM_THREADS", "1", 1);
  ::execv("/proc/self/exe", argv);  // where it fails we go on with the threads that there are
}

}  // namespace ds::executor
