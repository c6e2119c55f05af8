#include "executor/ranks/briefing.h"

#include <gtest/gtest.h>

#include "simulator/base/error.h"

namespace ds::executor {
namespace {

TEST(Briefing, ComesBackAsItWas) {
  const Briefing briefing{.files = {{"job.json", "{}"}, {"-", std::string("a\0b", 3)}, {"empty", ""}},
                          .text_hash = 0xfedcba9876543210};
  EXPECT_EQ(decode_briefing(encode(briefing)), briefing);
  EXPECT_EQ(decode_briefing(encode(Briefing{})), Briefing{});
}

TEST(Briefing, ThatIsNotWholeIsRefused) {
  std::vector<std::byte> bytes = encode(Briefing{.files = {{"job.json", "{}"}}, .text_hash = 7});
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_THROW(decode_briefing(std::span(bytes).first(size)), MachineError) << size;
  bytes.emplace_back();
  EXPECT_THROW(decode_briefing(bytes), MachineError);
}

}  // namespace
}  // namespace ds::executor
