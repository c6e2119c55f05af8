// The fast kernels, of every instruction set built here, against the plain reference.
#include <gtest/gtest.h>

#include <cmath>

#include "kernels/cpu/cpu.h"
#include "tests/kernels/grid.h"
#include "tests/kernels/play.h"

namespace ds::kernels::test {
namespace {

// fp64: both sum in double, in another order; 1e-12 leaves room for a few thousand roundings.
// fp32: the reference sums in double, the fast kernels in float: some 20 epsilon of 6e-8 over rows of
// hundreds.
constexpr double kDouble = 1e-12, kFloat = 1e-5;

void expect_equal_results(const ops::Op& op, Run kernel, double tolerance) {
  SCOPED_TRACE(describe(op));
  Play expected(op), actual(op);
  expected.run(Library::reference);
  actual.run(kernel);
  for (const std::string& name : expected.result_names())
    expect_near(actual.read(name), expected.read(name), tolerance, name);
}

TEST(FastKernels, AgreeWithTheReferenceInDouble) {
  for (const ops::Op& op : every_operator()) expect_equal_results(op, find(op, Library::simd), kDouble);
}

TEST(FastKernels, AgreeWithTheReferenceInFloat) {
  for (const ops::Op& op : every_operator()) {
    const ops::Op single = with(op, DataType::fp32);
    expect_equal_results(single, find(single, Library::simd), kFloat);
  }
}

TEST(FastKernels, OfTheBaselineAgreeWithTheReference) {
  for (const ops::Op& op : every_operator())
    for (const DataType type : {DataType::fp64, DataType::fp32}) {
      const ops::Op typed = with(op, type);
      const kernels::Run kernel = cpu::find_in(cpu::baseline::kKernels, typed);
      if (kernel != nullptr) expect_equal_results(typed, kernel, type == DataType::fp64 ? kDouble : kFloat);
    }
}

TEST(FastKernels, InFloatAreCloseToThemselvesInDouble) {
  for (const ops::Op& op : every_operator()) {
    if (ops::is_attention(op.what) && op.pass != ops::Pass::forward) continue;  // from other lse
    SCOPED_TRACE(describe(op));
    Play twice(op), single(with(op, DataType::fp32));
    twice.run(Library::simd);
    single.run(Library::simd);
    for (const std::string& name : twice.result_names())
      expect_near(single.read(name), twice.read(name), 2e-5, name);
  }
}

TEST(FlashAttention, EqualsUnfusedAttention) {
  for (const ops::Op& op : every_operator()) {
    const auto* attention = std::get_if<ops::Attention>(&op.what);
    if (attention == nullptr || !attention->flash) continue;
    SCOPED_TRACE(describe(op));
    ops::Op plain = op;
    std::get<ops::Attention>(plain.what).flash = false;
    Play flash(op), unfused(plain);
    flash.run(Library::simd);
    unfused.run(Library::simd);
    const std::string result = op.pass == ops::Pass::forward ? "o" : "dqkv";
    expect_near(flash.read(result), unfused.read(result), kDouble, result);
  }
}

TEST(FlashAttention, StandsLargeScores) {
  // q k^T reaches +-1e6, far beyond where exp overflows; the softmax is then 0 or 1 nearly everywhere.
  const ops::Op op{ops::Attention{.batch = 1, .sequence = 130, .heads = 1, .kv_heads = 1, .head_dim = 16},
                   ops::Pass::forward, DataType::fp32};
  Play expected(op), actual(op);
  Values qkv = expected.read("qkv");
  for (double& x : qkv) x *= 500;
  expected.write("qkv", qkv);
  actual.write("qkv", qkv);
  expected.run(Library::reference);
  actual.run(Library::simd);
  expect_near(actual.read("lse"), expected.read("lse"), 1e-6, "lse");
  for (const double x : actual.read("o")) EXPECT_TRUE(std::abs(x) < 1e4);
}

}  // namespace
}  // namespace ds::kernels::test
