#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "executor/ranks/ranks.h"
#include "simulator/program/walk.h"
#include "tests/support/jobs.h"

namespace ds::executor {
namespace {

using testing::EndsWith;

std::string told(const program::Program& program, const RankStatus& status) {
  return tell(program, {.death = {.rank = 1, .signal = 9}, .status = status});
}

/// The second stage of two: every forward begins with a receive.
TEST(Failure, NamesTheInstructionThatTheRankWasAt) {
  const workload::Job job = support::small_job({.layers = 2, .pp = 2});
  const program::Program program = program::lower(job);
  const program::RankClass& stage = program.classes[1];
  const program::Call& call = stage.phases[0].calls[1];
  const program::Template& body = program.body(call);
  ASSERT_GT(program::length_of(body), 3);
  EXPECT_THAT(
      told(program, {.phase = RankPhase::training, .step = 7, .call = 1, .instruction = 3}),
      EndsWith("in step 7, call 1, instruction 3 (" +
               program::class_name(program, program.instruction(program::issued_at(body, 3).id)) + ")"));
  EXPECT_THAT(told(program, {.phase = RankPhase::judging, .step = 7}), EndsWith("(pp receive)"));
  EXPECT_THAT(told(program, {.phase = RankPhase::starting}), EndsWith("while starting"));
  // A packed word that wrapped may name what is not there.
  EXPECT_THAT(told(program, {.phase = RankPhase::training, .call = 60'000}), EndsWith("instruction 0"));
}

}  // namespace
}  // namespace ds::executor
