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

TEST(Sharing, FindsNamesByWhatTheyHaveInCommonWithTheWord) {
  constexpr std::string_view kNames[] = {"dgx-h100", "hgx-h100-8", "h200-8x-cx7",
                                         "dgx-b200", "llama3-8b",  "llama3-70b"};
  EXPECT_EQ(sharing("H100", kNames).words, (std::vector<std::string_view>{"dgx-h100", "hgx-h100-8"}));
  EXPECT_EQ(sharing("dgx-h200", kNames).words, (std::vector<std::string_view>{"h200-8x-cx7"}));
  EXPECT_EQ(sharing("llama-70b", kNames).words, (std::vector<std::string_view>{"llama3-70b"}));
  EXPECT_TRUE(sharing("mistral", kNames).words.empty());
  EXPECT_TRUE(sharing("", kNames).words.empty());
}

TEST(Listed, ReadsAsASentence) { EXPECT_EQ(listed(kKeys), "tp, precision, micro_batch and recompute"); }

}  // namespace
}  // namespace ds
