#include "tuner/estimate/peak_schedule.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace ds::tuner {
namespace {

using workload::Schedule;

bool same_moments(const StageShape& a, const StageShape& b) {
  return a.groups == b.groups && std::ranges::is_permutation(a.moments, b.moments);
}

std::string text_of(const Shape& key) {
  return fmt::format("schedule {}, {} stages of {} chunks, {} micro-batches", static_cast<int>(key.schedule),
                     key.stages, key.chunks, key.micro_batches);
}

/// Steps long enough to be shortened.
std::vector<Shape> long_steps() {
  std::vector<Shape> keys;
  for (const std::int32_t stages : {1, 2, 3, 4, 7, 8})
    for (const std::int32_t rounds : {4, 5, 7, 12}) {
      for (const std::int32_t chunks : {1, 2, 3, 4})
        if (stages > 1 || chunks == 1)
          keys.push_back({Schedule::interleaved, stages, chunks, rounds * stages});
      keys.push_back({Schedule::one_f_one_b, stages, 1, rounds * stages + 1});
    }
  return keys;
}

TEST(PeakSchedule, IsShortenedWithoutLosingAMoment) {
  constexpr std::int64_t kLayers = 30;
  for (const Shape& key : long_steps()) {
    SCOPED_TRACE(text_of(key));
    const std::vector<StageShape> whole = stage_shapes(key, kLayers);
    EXPECT_TRUE(std::ranges::equal(whole, stage_shapes(shortened(key), kLayers), same_moments));
  }
}

// Stage s of 1f1b, S stages: S - 1 - s micro-batches ahead. Of four equal stages in the middle or not, each shape is listed
// once, so there are three: first, middle, last.
TEST(PeakSchedule, KnowsHowManyMicroBatchesAreUnderWay) {
  const std::vector<StageShape> shapes = stage_shapes({Schedule::one_f_one_b, 4, 1, 20}, 8);
  ASSERT_EQ(shapes.size(), 3U);
  const auto most_beside_a_backward = [](const StageShape& shape) {
    std::int32_t most = 0;
    for (const Moment& moment : shape.moments)
      if (moment.pass == Moment::Pass::backward) most = std::max(most, moment.in_flight[0]);
    return most;
  };
  EXPECT_EQ(most_beside_a_backward(shapes[0]), 3);
  EXPECT_EQ(most_beside_a_backward(shapes[1]), 2);  // stage 1, which needs more than stage 2
  EXPECT_EQ(most_beside_a_backward(shapes[2]), 0);
}

}  // namespace
}  // namespace ds::tuner
