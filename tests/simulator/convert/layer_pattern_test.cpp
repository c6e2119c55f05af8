// Patterns of layers, as Megatron-LM writes them.
#include "simulator/convert/layer_pattern.h"

#include "tests/simulator/convert/launches.h"

namespace ds::convert {
namespace {

Flag flag(const std::string& value) {
  return {.name = "--pattern", .line = 1, .values = {{.text = value, .line = 1, .unknown = {}}}};
}
std::string pattern(const std::string& value, std::int64_t layers, bool first_of_each = true) {
  std::string text;
  for (const bool one : layer_pattern(flag(value), layers, first_of_each)) text += one ? '1' : '0';
  return text;
}
std::vector<std::int64_t> layout(const std::string& value) { return pipeline_layout(flag(value)).layers; }
std::string layout_refusal(const std::string& value) {
  return refusal_of([&] { pipeline_layout(flag(value)); });
}
std::string pattern_refusal(const std::string& value, std::int64_t layers) {
  return refusal_of([&] { layer_pattern(flag(value), layers, true); });
}

TEST(LayerPattern, ANumberIsEveryNth) {
  EXPECT_EQ(pattern("1", 4), "1111");
  EXPECT_EQ(pattern("2", 5), "10101");
  EXPECT_EQ(pattern("3", 6, false), "001001");
}

TEST(LayerPattern, AListIsAsPythonReadsIt) {
  EXPECT_EQ(pattern("[0]*3+[1]*2", 5), "00011");
  EXPECT_EQ(pattern("([1]+[0]*2)*2", 6), "100100");
  EXPECT_EQ(pattern("[1, 0,1]", 3), "101");
}

TEST(LayerPattern, AWrongListIsRefused) {
  EXPECT_NE(
      pattern_refusal("[0]*3", 4).find("has 3 layers, must have one for each of --num-layers, which is 4"),
      std::string::npos);
  EXPECT_NE(pattern_refusal("[0]*3+", 3).find("must be a number or a list"), std::string::npos);
  EXPECT_NE(pattern_refusal("import os", 3).find("must be a number or a list"), std::string::npos);
  EXPECT_NE(pattern_refusal("0", 3).find("must be at least 1"), std::string::npos);
  EXPECT_NE(pattern_refusal("(([1]*1000)*1000)*1000*1000", 3).find("more layers than any model has"),
            std::string::npos);
  EXPECT_NE(pattern_refusal(std::string(100, '(') + "[1]" + std::string(100, ')'), 1).find("must be"),
            std::string::npos);
}

// The layouts of Megatron-LM's own page on them (docs/user-guide/features/pipeline_parallel_layout.md).
TEST(PipelineLayout, IsUnrolled) {
  EXPECT_EQ(layout("E||t|L"), (std::vector<std::int64_t>{0, 0, 1, 0}));
  std::vector<std::int64_t> expected(31, 2);
  expected[0] = 3, expected[30] = 0;
  expected.push_back(0);
  EXPECT_EQ(layout("Et*3|(tt|)*29,m|L"), expected);
  EXPECT_FALSE(pipeline_layout(flag("Et*3|(tt|)*29,m|L")).predicted_with_loss);
  EXPECT_TRUE(pipeline_layout(flag("Et|t|mL")).predicted_with_loss);
  EXPECT_EQ(pipeline_layout(flag("Et|t|m*2,L")).predicted, 2);
  EXPECT_EQ(layout("E(t*2|)*2,tL"), (std::vector<std::int64_t>{2, 2, 1}));
}

TEST(PipelineLayout, AWrongOneIsRefused) {
  EXPECT_NE(layout_refusal("tE|L").find("must begin with the embedding"), std::string::npos);
  EXPECT_NE(layout_refusal("Et|t").find("must end with the loss"), std::string::npos);
  EXPECT_NE(layout_refusal("Et|x|L").find("has \"x\", which is not a layer"), std::string::npos);
  EXPECT_NE(layout_refusal("E(t|L").find("opens a ( that nothing closes"), std::string::npos);
  EXPECT_NE(layout_refusal("E(t*9999|)*9999L").find("more layers than any model has"), std::string::npos);
  EXPECT_NE(layout_refusal("Et*99999999999999999999L").find("repeats more often"), std::string::npos);
}

}  // namespace
}  // namespace ds::convert
