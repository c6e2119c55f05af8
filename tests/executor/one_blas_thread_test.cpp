#include "executor/one_blas_thread.h"

#include <gtest/gtest.h>

namespace ds::executor {
namespace {

TEST(BetterKernels, AreAskedForWhereOpenBlasTakesThoseOfAnOldProcessorOnANewOne) {
  EXPECT_EQ(better_kernels("Prescott", {.avx2 = true, .avx512 = true}), "SkylakeX");
  EXPECT_EQ(better_kernels("Prescott", {.avx2 = true}), "Haswell");
  EXPECT_EQ(better_kernels("Nehalem", {.avx2 = true}), "Haswell");
}

TEST(BetterKernels, AreNotAskedForWhereItsChoiceIsGoodOrTheProcessorIsOld) {
  EXPECT_EQ(better_kernels("Prescott", {}), std::nullopt);
  EXPECT_EQ(better_kernels("Zen", {.avx2 = true, .avx512 = true}), std::nullopt);
  EXPECT_EQ(better_kernels("Cooperlake", {.avx2 = true, .avx512 = true}), std::nullopt);
  EXPECT_EQ(better_kernels("", {.avx2 = true}), std::nullopt);
}

}  // namespace
}  // namespace ds::executor
