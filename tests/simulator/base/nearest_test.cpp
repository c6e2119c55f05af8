#include "simulator/base/nearest.h"

#include <gtest/gtest.h>

namespace ds {
namespace {

constexpr std::string_view kKeys[] = {"tp", "precision", "micro_batch", "recompute"};

TEST(Nearest, FindsTheWordThatWasMeant) {
  EXPECT_EQ(nearest("percision", kKeys), "precision");  // two neighbours swapped
  EXPECT_EQ(nearest("microbatch", kKeys), "micro_batch");
  EXPECT_EQ(nearest("TP", kKeys), "tp");
}

TEST(Nearest, IsSilentWhenNothingIsNear) {
  EXPECT_EQ(nearest("tensor_parallel", kKeys), "");
  EXPECT_EQ(nearest(std::string(100'000, 'p'), kKeys), "");
}

TEST(Listed, ReadsAsASentence) { EXPECT_EQ(listed(kKeys), "tp, precision, micro_batch and recompute"); }

}  // namespace
}  // namespace ds
