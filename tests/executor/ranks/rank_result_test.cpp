#include "executor/ranks/rank_result.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "simulator/base/error.h"

namespace ds::executor {
namespace {

/// No field has its start value, and no two are equal.
RankResult full_result() {
  const StepRecord record{.step = 3,
                          .loss = 2.5,
                          .grad_norm = 0.75,
                          .learning_rate = 1e-3,
                          .loss_scale = 4,
                          .wall = {0.125},
                          .cpu = {0.0625},
                          .tokens_per_s = 1000};
  const program::Row row{.rank = 1,
                         .step = 3,
                         .call = 7,
                         .instruction = 9,
                         .body = program::TemplateId{2},
                         .micro = 5,
                         .start = {0.01},
                         .end = {0.02}};
  program::Row later = row;
  later.end = {0.03};
  const MeasuredStep step{.step = 3,
                          .begin = {{1234.5}, {0.5}},
                          .wall = {.rows = {row, later}, .length = {0.04}},
                          .cpu = {.rows = {row}, .length = {0.05}}};
  return {.result = {.steps = {record, record},
                     .held_back_before = 5.5,
                     .held_back_after = 1.5,
                     .arena = {4096},
                     .resident = {9000},
                     .measured = {step},
                     .stopped = true},
          .error = RankError{.status = 1, .message = "step 4: no number"}};
}

bool same_rows(const program::Timeline& a, const program::Timeline& b) {
  return a.length == b.length &&
         std::ranges::equal(a.rows, b.rows, [](const program::Row& x, const program::Row& y) {
           return x.rank == y.rank && x.step == y.step && x.call == y.call &&
                  x.instruction == y.instruction && x.body == y.body && x.micro == y.micro &&
                  x.start == y.start && x.end == y.end;
         });
}

TEST(RankResult, ArrivesAsItWasSent) {
  const RankResult sent = full_result(), got = decode(encode(sent));
  ASSERT_EQ(got.result.steps.size(), 2U);
  const StepRecord &a = sent.result.steps[1], &b = got.result.steps[1];
  EXPECT_TRUE(a.step == b.step && a.loss == b.loss && a.grad_norm == b.grad_norm &&
              a.learning_rate == b.learning_rate && a.loss_scale == b.loss_scale && a.wall == b.wall &&
              a.cpu == b.cpu && a.tokens_per_s == b.tokens_per_s);
  EXPECT_EQ(got.result.held_back_before, 5.5);
  EXPECT_EQ(got.result.held_back_after, 1.5);
  EXPECT_EQ(got.result.arena, Bytes{4096});
  EXPECT_EQ(got.result.resident, Bytes{9000});
  EXPECT_TRUE(got.result.stopped);
  ASSERT_EQ(got.result.measured.size(), 1U);
  const MeasuredStep &before = sent.result.measured[0], &after = got.result.measured[0];
  EXPECT_TRUE(after.step == 3 && after.begin.wall == before.begin.wall &&
              after.begin.cpu == before.begin.cpu);
  EXPECT_TRUE(same_rows(before.wall, after.wall));
  EXPECT_TRUE(same_rows(before.cpu, after.cpu));
  EXPECT_EQ(got.error, sent.error);
}

TEST(RankResult, OfARunThatMeasuredNothingArrivesToo) {
  const RankResult got = decode(encode({.result = {.arena = {64}}, .error = {}}));
  EXPECT_EQ(got.result.arena, Bytes{64});
  EXPECT_TRUE(got.result.steps.empty() && got.result.measured.empty() && !got.result.stopped);
  EXPECT_FALSE(got.error);
}

TEST(RankResult, CutOffAnywhereIsRefused) {
  const std::vector<std::byte> whole = encode(full_result());
  for (std::size_t bytes = 0; bytes < whole.size(); ++bytes)
    EXPECT_THROW(decode(std::span(whole).first(bytes)), MachineError) << bytes;
  std::vector<std::byte> longer = whole;
  longer.push_back(std::byte{0});
  EXPECT_THROW(decode(longer), MachineError);
}

TEST(RankResult, OfAnotherVersionIsRefused) {
  std::vector<std::byte> bytes = encode(full_result());
  bytes[0] ^= std::byte{1};
  EXPECT_THROW(decode(bytes), MachineError);
}

}  // namespace
}  // namespace ds::executor
