// Which operators have kernels, and which are refused before they touch memory.
#include <gtest/gtest.h>

#include <set>
#include <stdexcept>
#include <string>

#include "kernels/kernels.h"
#include "simulator/ops/fields.h"
#include "tests/kernels/grid.h"

namespace ds::kernels::test {
namespace {

constexpr ops::Pass kPasses[] = {ops::Pass::forward, ops::Pass::input_gradient, ops::Pass::weight_gradient,
                                 ops::Pass::update};

bool has_kernels(const ops::What& what) {
  return std::visit(
      []<class What>(const What&) {
        constexpr bool kCollective = std::is_same_v<What, ops::Regroup>;
        constexpr bool kSimulatedOnly =
            std::is_same_v<What, ops::Dropout> || std::is_same_v<What, ops::Cast> ||
            std::is_same_v<What, ops::Quantise> || std::is_same_v<What, ops::Narrow>;
        return !kCollective && !kSimulatedOnly;
      },
      what);
}

std::string refusal(const ops::Op& op) {
  try {
    find(op, Library::simd);
  } catch (const std::logic_error& error) {
    return error.what();
  }
  return "";
}

TEST(Catalogue, HasAKernelForEveryPassOfEveryOperatorThatIsComputed) {
  for (const ops::What& what : ops::catalogue())
    for (const ops::Pass pass : kPasses) {
      if (!has_kernels(what) || !ops::has_pass(what, pass)) continue;
      for (const Library library : {Library::reference, Library::simd})
        for (const DataType type : {DataType::fp32, DataType::fp64})
          EXPECT_NE(find({what, pass, type}, library), nullptr) << ops::kind_name(what);
    }
}

TEST(Catalogue, IsTestedWhole) {
  std::set<std::size_t> tested;
  for (const ops::Op& op : every_operator()) tested.insert(op.what.index());
  for (const ops::What& what : ops::catalogue())
    EXPECT_EQ(tested.contains(what.index()), has_kernels(what)) << ops::kind_name(what);
}

TEST(Catalogue, RefusesWhatIsNoWorkOfAKernelAndSaysWhy) {
  using enum ops::Pass;
  const auto expect = [](const ops::What& what, ops::Pass pass, DataType type, const char* why) {
    EXPECT_NE(refusal({what, pass, type}).find(why), std::string::npos)
        << ops::kind_name(what) << ": " << refusal({what, pass, type});
  };
  expect(ops::Regroup{ops::Regrouping::gather, 4, 4, 2}, forward, DataType::fp32, "lowered to collectives");
  expect(ops::Dropout{4, 4}, forward, DataType::fp32, "simulated only");
  expect(ops::Cast{4, DataType::fp32}, update, DataType::fp32, "simulated only");
  expect(ops::ContextAttention{.batch = 1, .keys = ops::Keys::ring}, forward, DataType::fp32,
         "lowered to its parts");
  expect(ops::Narrow{4, 4}, forward, DataType::fp32, "simulated only");
  expect(ops::Quantise{4, 4}, forward, DataType::fp32, "simulated only");
  expect(ops::Dispatch{.tokens = 3, .width = 4, .top_k = 1, .experts = 2}, forward, DataType::fp32,
         "as many rows");
  expect(ops::GroupedLinear{5, 2, 4, 4}, forward, DataType::fp32, "as many rows");
  expect(ops::Embedding{4, 4, 4, 4, true, 2}, forward, DataType::fp32, "sum of an embedding's shards");
  expect(ops::AdamW{.elements = 4, .copies_down = true}, update, DataType::fp32, "its own working copy");
  expect(ops::Gelu{4, 4}, forward, DataType::bf16, "fp32 or fp64");
}

}  // namespace
}  // namespace ds::kernels::test
