// Megatron-LM's YAML.
#include "simulator/convert/yaml.h"

#include <gmock/gmock.h>

#include "tests/simulator/convert/launches.h"

namespace ds::convert {
namespace {

using testing::HasSubstr;

std::string flags_text(const std::string& text) {
  std::string all;
  for (const Flag& flag : read_yaml(text).flags) {
    all += "[" + flag.name;
    for (const Word& word : flag.values) all += " " + word.text + (word.known() ? "" : "?");
    all += "]";
  }
  return all;
}
std::string refusal(const std::string& text) {
  return refusal_of([&] { read_yaml(text); });
}

TEST(Yaml, NamesAreFlags) {
  EXPECT_EQ(flags_text("num_layers: 12 # layers\nswiglu: true\nbf16: false\nseed: null\n"),
            "[--num-layers 12][--swiglu]");
  EXPECT_EQ(flags_text("language_model:\n  num_layers: 24\n  recompute_modules: [core_attn, mlp]\nlr: 0.1\n"),
            "[--num-layers 24][--recompute-modules core_attn mlp][--lr 0.1]");
  EXPECT_EQ(flags_text("ENV:\n  X: 1\nMODEL_ARGS:\n  --split: \"949,50,1\"\n  --save: ${PATH}/x\nMETRICS:\n  "
                       "- \"lm loss\"\n"),
            "[--split 949,50,1][--save ${PATH}/x?]");
  EXPECT_EQ(flags_text("moe_layer_freq: ([0]*1+[1]*15)\nno_rope_freq: [0]*3+[1]\n"),
            "[--moe-layer-freq ([0]*1+[1]*15)][--no-rope-freq [0]*3+[1]]");
}

TEST(Yaml, ListsMayBeApartByBlanksAndInQuotes) {
  EXPECT_EQ(flags_text("--recompute-modules: [mlp moe_act]\n"), "[--recompute-modules mlp moe_act]");
  EXPECT_EQ(flags_text("--recompute-modules: \"[mlp  moe_act]\"\n"), "[--recompute-modules mlp moe_act]");
  EXPECT_EQ(flags_text("--names: [ \"two words\", one ]\n"), "[--names two words one]");
  EXPECT_EQ(flags_text("--moe-layer-freq: \"[0]*3+[1]\"\n"), "[--moe-layer-freq [0]*3+[1]]");
}

TEST(Yaml, BlocksOfTextAndOtherSectionsArePassedOver) {
  const YamlLaunch launch = read_yaml(
      "HOSTS: &all\n  - {a: 1}\nSETUP: |\n  set -e\n\n  rm -rf \"$X\n# note\nMODEL_ARGS:\n"
      "  --swiglu: true\nMETRICS:\n- \"a: b\"\nMODEL_ARGS_2:\n  --num-layers: 3\n");
  EXPECT_EQ(launch.texts, (std::vector<std::string>{"HOSTS", "SETUP", "METRICS", "MODEL_ARGS_2"}));
  ASSERT_EQ(launch.flags.size(), 1U);
  EXPECT_EQ(launch.flags[0].name, "--swiglu");
  EXPECT_EQ(launch.flags[0].line, 9);
  // Without such a section a block alone is.
  const YamlLaunch plain = read_yaml("num_layers: 2\nnote: >-\n  a b\n  - c\nhidden_size: 64\n");
  EXPECT_EQ(plain.texts, (std::vector<std::string>{"note"}));
  EXPECT_EQ(plain.flags.size(), 2U);
}

TEST(Yaml, AValueMayStandOnTheNextLine) {
  EXPECT_EQ(flags_text("MODEL_ARGS:\n  --seed:\n    7\n  --swiglu:\n    true\n"), "[--seed 7][--swiglu]");
  EXPECT_THAT(refusal("a:\n  b:\n    c: 1"), HasSubstr("line 3: is indented otherwise"));
}

TEST(Yaml, FieldsOfClassesBecomeTheFlagsThatSetThem) {
  EXPECT_EQ(flags_text("add_bias_linear: False\nnum_moe_experts: 8\ngated_linear_unit: "
                       "True\nshare_embeddings_and_output_weights: true\n"),
            "[--disable-bias-linear][--num-experts 8][--swiglu]");
}

TEST(Yaml, IsToldFromAScript) {
  EXPECT_TRUE(is_yaml("# x\nnum_layers: 12", "standard input"));
  EXPECT_TRUE(is_yaml("", "model.yaml"));
  EXPECT_FALSE(is_yaml("torchrun x: y", ""));
  EXPECT_FALSE(is_yaml("--num-layers 12", ""));
}

TEST(Yaml, MoreOfItIsRefusedWithItsLine) {
  EXPECT_THAT(refusal("a: &x 1"), HasSubstr("line 1: has \"&x 1\", which is more of YAML than is read"));
  EXPECT_THAT(refusal("a: 1\nb: {c: 1}"), HasSubstr("line 2"));
  EXPECT_THAT(refusal("a:\n  b: 1\n    c: 1"), HasSubstr("line 3: is indented otherwise"));
  EXPECT_THAT(refusal("a:\n\tb: 1"), HasSubstr("line 2: has a tab"));
  EXPECT_THAT(refusal("a: \"b"), HasSubstr("line 1: opens a quote"));
  EXPECT_THAT(refusal("a: [1, 2"), HasSubstr("line 1: opens a list"));
  EXPECT_THAT(refusal("  a: 1"), HasSubstr("is indented without a section"));
  EXPECT_THAT(refusal("null: 1"), HasSubstr("line 1: has a value without a name"));
  EXPECT_THAT(refusal("word"), HasSubstr("is not NAME: VALUE"));
}

}  // namespace
}  // namespace ds::convert
