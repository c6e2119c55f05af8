#include <gtest/gtest.h>

#include "simulator/memory/lifetimes.h"
#include "simulator/memory/memory.h"
#include "simulator/program/walk.h"
#include "tests/support/jobs.h"

namespace ds::memory {
namespace {

struct Block {
  std::int64_t begin, end;
};

std::vector<Block> blocks_of(const program::Program& program, const Lifetimes& lives, const Layout& layout) {
  std::vector<Block> blocks;
  const program::RankClass& ranks = program.classes[0];
  for (const Instance& instance : lives.instances) {
    const bool block = program.buffer(instance.buffer).life == program::Life::step;
    const std::int32_t slots = block ? 1 : program::slots_of(ranks, instance.buffer);
    const std::int64_t at =
        layout
            .offsets[program::index(instance.buffer) - static_cast<std::size_t>(ranks.buffers.first)]
                    [static_cast<std::size_t>(instance.copy * slots + instance.slot)]
            .value;
    blocks.push_back({at, at + instance.bytes});
  }
  return blocks;
}

bool meet(const std::vector<Interval>& a, const std::vector<Interval>& b) {
  for (const Interval& x : a)
    for (const Interval& y : b)
      if (x.begin <= y.end && y.begin <= x.end) return true;
  return false;
}

/// The law, asked pair by pair and not by the bit matrix that the layout uses.
void expect_no_sharing(const program::Program& program) {
  const Lifetimes lives = lifetimes(program, 0);
  const std::vector<Block> blocks = blocks_of(program, lives, layout(program, 0));
  for (std::size_t a = 0; a < blocks.size(); ++a)
    for (std::size_t b = 0; b < a; ++b)
      if (blocks[a].begin < blocks[b].end && blocks[b].begin < blocks[a].end) {
        ASSERT_FALSE(meet(lives.alive[a], lives.alive[b]))
            << program.buffer(lives.instances[a].buffer).name << " and "
            << program.buffer(lives.instances[b].buffer).name;
      }
}

TEST(Layout, NoTwoBuffersThatLiveTogetherShareAByte) {
  for (const support::Small& small : support::small_variants()) {
    SCOPED_TRACE(support::describe(small));
    expect_no_sharing(program::lower(support::small_job(small)));
  }
}

/// Too many instances to ask pair by pair in the layout itself, which then places them in the order of their birth.
TEST(Layout, NoTwoBuffersShareAByteInALargeProgramEither) {
  const program::Program program = program::lower(
      support::small_job({.layers = 400, .micro_batches = 4, .schedule = workload::Schedule::gpipe}));
  ASSERT_GT(lifetimes(program, 0).instances.size(), 10'000U);
  expect_no_sharing(program);
}

TEST(Layout, PartsAddUpToTheArenaAndNothingReachesBeyondIt) {
  for (const support::Small& small : support::small_variants()) {
    SCOPED_TRACE(support::describe(small));
    const program::Program program = program::lower(support::small_job(small));
    const Layout result = layout(program, 0);
    EXPECT_EQ(result.parts.total(), result.arena);
    EXPECT_GE(result.arena, result.live_peak);
    EXPECT_GE(result.parts.other.value, 0);
    for (const Block& block : blocks_of(program, lifetimes(program, 0), result)) {
      EXPECT_GE(block.begin, 0);
      EXPECT_EQ(block.begin % kAlignment, 0);
      EXPECT_LE(block.end, result.arena.value);
    }
  }
}

TEST(Layout, RecomputeSavesActivations) {
  support::Small small{.layers = 6, .hidden = 32, .ffn = 128, .sequence = 64};
  const auto plain = layout(program::lower(support::small_job(small)), 0);
  small.full_recompute = true;
  const auto full = layout(program::lower(support::small_job(small)), 0);
  EXPECT_LT(full.arena, plain.arena);
  EXPECT_LT(full.parts.activations, plain.parts.activations);
}

TEST(Layout, SelectiveRecomputeSavesTheProbabilitiesOfUnfusedAttention) {
  support::Small small{.layers = 6, .hidden = 32, .ffn = 128, .sequence = 64, .flash = false};
  const auto plain = layout(program::lower(support::small_job(small)), 0);
  small.selective_recompute = true;
  const auto selective = layout(program::lower(support::small_job(small)), 0);
  // fp64 probabilities of two heads, two sequences of 64. The peak is in the head, where those of all six layers lived.
  EXPECT_EQ((plain.parts.activations - selective.parts.activations).value, 6 * 2 * 2 * 64 * 64 * 8);
}

TEST(Layout, GpipeKeepsEveryMicroBatchAndOneForwardOneBackwardOne) {
  support::Small small{.sequence = 64, .micro_batches = 4};
  const auto alternating = layout(program::lower(support::small_job(small)), 0);
  small.schedule = workload::Schedule::gpipe;
  const auto all_forward_first = layout(program::lower(support::small_job(small)), 0);
  EXPECT_GT(all_forward_first.live_peak.value, 2 * alternating.live_peak.value);
}

TEST(Layout, IsTightOnAModelOfRealShape) {
  const support::Small small{.layers = 4,
                             .hidden = 256,
                             .heads = 4,
                             .kv_heads = 4,
                             .ffn = 1024,
                             .vocab = 256,
                             .sequence = 128,
                             .micro_batch = 4,
                             .precision = workload::Precision::fp32};
  const Layout result = layout(program::lower(support::small_job(small)), 0);
  EXPECT_LT(static_cast<double>(result.arena.value), 1.05 * static_cast<double>(result.live_peak.value));
}

}  // namespace
}  // namespace ds::memory
