// Equal input, equal bits; accumulating is adding what writing would have written.
#include <gtest/gtest.h>

#include "tests/kernels/grid.h"
#include "tests/kernels/play.h"

namespace ds::kernels::test {
namespace {

TEST(FastKernels, GiveEqualBitsFromRunToRunAndWhereverTheirBuffersLie) {
  for (const ops::Op& op : every_operator())
    for (const DataType type : {DataType::fp64, DataType::fp32}) {
      SCOPED_TRACE(describe(with(op, type)));
      Play first(with(op, type), 1);
      first.run(Library::simd);
      for (const std::int64_t offset : {0, 64, 192}) {
        Play again(with(op, type), 1, offset);
        again.run(Library::simd);
        EXPECT_EQ(again.results(), first.results());
      }
    }
}

/// Whether a finished sum is added in one rounding: BLAS cuts matrix products of more tokens into pieces and adds each of
/// them (docs/kernels.md).
bool adds_once(const ops::Op& op) {
  constexpr std::int64_t kTokens = 128;
  const auto* product = std::get_if<ops::Linear>(&op.what);
  return product == nullptr || product->tokens <= kTokens;
}

/// What stood there and what writing gives, added in the type of the gradient: one rounding.
Values added(const Values& before, const Values& written, DataType type) {
  Values sum = before;
  for (std::size_t i = 0; i < sum.size(); ++i)
    sum[i] = type == DataType::fp32
                 ? static_cast<double>(static_cast<float>(sum[i]) + static_cast<float>(written[i]))
                 : sum[i] + written[i];
  return sum;
}

void expect_adding_what_is_written(ops::Op op, Library library) {
  op.accumulate = false;
  SCOPED_TRACE(describe(op));
  Play writes(op);
  op.accumulate = true;
  Play adds(op);
  writes.run(library);
  std::vector<Values> expected;
  for (const std::string& name : adds.result_names())
    expected.push_back(added(adds.read(name), writes.read(name), op.type));
  adds.run(library);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const std::string name = adds.result_names()[i];
    if (adds_once(op))
      EXPECT_EQ(adds.read(name), expected[i]) << name;
    else
      expect_near(adds.read(name), expected[i], op.type == DataType::fp32 ? 1e-6 : 1e-14, name);
  }
}

TEST(FastKernels, AddWhatTheyWouldHaveWritten) {
  for (const ops::Op& op : every_operator()) {
    if (op.pass != ops::Pass::weight_gradient) continue;
    for (const Library library : {Library::reference, Library::simd})
      for (const DataType type : {DataType::fp64, DataType::fp32}) {
        ops::Op typed = op;
        typed.type = type;
        expect_adding_what_is_written(typed, library);
      }
  }
}

TEST(FastKernels, PollBetweenTiles) {
  const ops::Op op{ops::Attention{.batch = 1, .sequence = 130, .heads = 2, .kv_heads = 1, .head_dim = 8},
                   ops::Pass::forward, DataType::fp32};
  int polls = 0;
  Queue queue{[](void* count) { ++*static_cast<int*>(count); }, &polls};
  constexpr std::size_t kTokens = 130;
  std::vector<float> qkv(kTokens * 32, 1.0F), o(kTokens * 16), lse(kTokens * 2);
  const std::vector<void*> addresses{qkv.data(), o.data(), lse.data()};
  find(op, Library::simd)(op, addresses, queue);
  EXPECT_GE(polls, 2);
}

}  // namespace
}  // namespace ds::kernels::test
