#include <gtest/gtest.h>

#include <map>

#include "simulator/workload/reader.h"
#include "tests/simulator/workload/jobs.h"

namespace ds::workload {
namespace {

Model preset_model(const std::string& name) {
  const Document document = preset_document(PresetKind::model, name, parse_document("\"\"", "").root());
  std::vector<Assumption> assumptions;
  return read_model_object(document.root().member("model"), Defaults(assumptions));
}

TEST(Presets, EachOneLoadsAndNamesItsSource) {
  const std::vector<Preset> presets = list_presets();
  std::map<PresetKind, int> seen;
  for (const Preset& preset : presets) {
    SCOPED_TRACE(preset.name);
    ++seen[preset.kind];
    EXPECT_FALSE(preset.source.empty());
    const std::string model = "model=" + preset.name;
    const std::string node = "cluster.node=" + preset.name;
    const std::string fabric = "cluster.fabric=" + preset.name;
    const std::string software = "software=" + preset.name;
    const std::string gpu =
        R"(cluster.node={"gpus_per_node": 8, "intra": {"kind": "pcie", "bytes_per_s": 1e9}, "gpu": ")" +
        preset.name + "\"}";
    const std::vector<std::string_view> one_node = {"cluster.nodes=1", "plan={}"};
    std::vector<std::string_view> overrides = one_node;
    overrides.emplace_back("train.global_batch=576");  // 64 x 9: divisible by every node's GPUs
    switch (preset.kind) {
      case PresetKind::model: overrides.push_back(model); break;
      case PresetKind::cluster: overrides.push_back(node); break;
      case PresetKind::fabric: overrides.push_back(fabric); break;
      case PresetKind::software: overrides.push_back(software); break;
      case PresetKind::gpu: overrides.push_back(gpu); break;
    }
    EXPECT_EQ(refusal(overrides), "");
  }
  EXPECT_GE(seen[PresetKind::model], 13);
  EXPECT_GE(seen[PresetKind::gpu], 20);
  EXPECT_GE(seen[PresetKind::cluster], 20);
  EXPECT_EQ(seen[PresetKind::software], 12);
}

TEST(Presets, ModelsHaveThePublishedNumberOfParameters) {
  // Counted by the authors' own code: sizes of the published checkpoints on huggingface.co, to the weight.
  EXPECT_EQ(parameters(preset_model("gpt2-124m"), 1024), 124'439'808);
  EXPECT_EQ(parameters(preset_model("gpt2-1.5b"), 1024), 1'557'611'200);
  EXPECT_EQ(parameters(preset_model("llama2-7b"), 4096), 6'738'415'616);
  EXPECT_EQ(parameters(preset_model("llama2-13b"), 4096), 13'015'864'320);
  EXPECT_EQ(parameters(preset_model("llama2-70b"), 4096), 68'976'648'192);
  EXPECT_EQ(parameters(preset_model("llama3-8b"), 8192), 8'030'261'248);
  EXPECT_EQ(parameters(preset_model("llama3-70b"), 8192), 70'553'706'496);
  EXPECT_EQ(parameters(preset_model("llama3-405b"), 8192), 405'853'388'800);
  EXPECT_EQ(parameters(preset_model("mixtral-8x7b"), 4096), 46'702'792'704);
  EXPECT_NEAR(static_cast<double>(active_parameters(preset_model("mixtral-8x7b"), 4096)), 12.9e9, 0.05e9);
  EXPECT_NEAR(static_cast<double>(parameters(preset_model("gpt3-175b"), 2048)), 175e9, 1e9);
  EXPECT_NEAR(static_cast<double>(parameters(preset_model("megatron-1t"), 2048)), 1008e9, 1e9);
  EXPECT_NEAR(static_cast<double>(active_parameters(preset_model("deepseek-v3"), 4096)), 37e9, 2.5e9);
}

TEST(Presets, TheDirectoryMayBeChosen) {
  ASSERT_EQ(::setenv("DS_PROFILES", "/nonexistent", 1), 0);
  EXPECT_THROW(profiles_directory(), InputError);
  ::unsetenv("DS_PROFILES");
}

}  // namespace
}  // namespace ds::workload
