// Configs of published models: as many parameters as they have, and no key that nobody reads.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>

#include "simulator/workload/hf_config.h"
#include "simulator/workload/hf_families.h"
#include "simulator/workload/reader.h"
#include "tests/simulator/workload/jobs.h"

namespace ds::workload {
namespace {

namespace fs = std::filesystem;

struct Read {
  Model model;
  std::vector<Assumption> assumptions;
};

Read read_text(const std::string& config) {
  const fs::path file = fs::temp_directory_path() / fmt::format("ds-published-{}.json", ::getpid());
  std::ofstream(file) << config;
  Read read;
  read.model = read_hf_config(file, Defaults(read.assumptions));
  fs::remove(file);
  return read;
}

const Document& published() {
  static const Document document =
      read_document(fs::path(DS_SOURCE_DIR) / "tests/simulator/workload/published_models.json");
  return document;
}

std::string type_of(const Cursor& config) { return config.member("model_type").text(); }

TEST(PublishedModels, HaveTheirParametersToTheWeight) {
  std::size_t dense = 0, compared = 0;
  for (const Cursor& one : published().root().member("models").list()) {
    const Model model = read_text(one.member("config").dump()).model;
    EXPECT_EQ(parameters(model, 512), one.member("parameters").count()) << one.member("model").text();
    dense += model.moe ? 0 : 1;
    ++compared;
  }
  EXPECT_GE(dense, 80U);
  EXPECT_GE(compared, dense + 5);
}

/// bert-base-uncased with its masked-language head, without the pooler.
TEST(PublishedModels, OfBertAllButThePoolerCount) {
  const Model bert =
      read_text(
          R"({"model_type": "bert", "num_hidden_layers": 12, "hidden_size": 768, "num_attention_heads": 12,
                                   "intermediate_size": 3072, "vocab_size": 30522, "max_position_embeddings": 512})")
          .model;
  EXPECT_EQ(parameters(bert, 512), 109'514'298);
}

TEST(PublishedModels, StandForTheFamiliesOfTheTable) {
  std::set<std::string, std::less<>> met;
  for (const Cursor& one : published().root().member("models").list())
    met.insert(type_of(one.member("config")));
  const std::set<std::string_view> without{"arcee", "bert",    "codegen",     "glm4_moe",   "nemotron",
                                           "olmo3", "kimi_k2", "deepseek_v2", "deepseek_v3"};
  for (const HfFamily& family : hf_families())
    EXPECT_EQ(met.contains(family.type), !without.contains(family.type)) << family.type;
}

/// Each key of each config, with a letter less, more, other or swapped, or with its words turned round.
TEST(PublishedModels, AMisspeltKeyIsRefusedOrSaid) {
  const auto written_wrongly = [](const std::string& key) {
    const std::size_t at = key.size() / 2;
    std::vector<std::string> all{key.substr(0, at) + key.substr(at + 1), key + "s",
                                 key.substr(0, at) + "q" + key.substr(at + 1)};
    if (key[at - 1] != key[at])
      all.push_back(key.substr(0, at - 1) + key[at] + key[at - 1] + key.substr(at + 1));
    if (const std::size_t low = key.find('_', 1); low != std::string::npos)
      all.push_back(key.substr(low + 1) + "_" + key.substr(0, low));
    return all;
  };
  int refused = 0, said = 0;
  std::set<std::string, std::less<>> done;
  for (const Cursor& one : published().root().member("models").list()) {
    const Cursor config = one.member("config");
    if (!done.insert(type_of(config)).second) continue;
    const std::string text = config.dump();
    for (const auto& [key, value] : config.members()) {
      if (value.is_null() || key.size() < 4 || key.find("drop") != std::string::npos) continue;
      for (const std::string& wrong : written_wrongly(key)) {
        if (config.find(wrong)) continue;
        std::string changed = text;
        changed.replace(changed.find(fmt::format("\"{}\"", key)), key.size() + 2,
                        fmt::format("\"{}\"", wrong));
        try {
          const Read got = read_text(changed);
          const bool told = std::ranges::any_of(got.assumptions, [&](const Assumption& assumption) {
            return assumption.value.find(wrong) != std::string::npos;
          });
          const bool same = parameters(got.model, 512) == one.member("parameters").count();
          EXPECT_TRUE(told || same) << type_of(config) << " " << wrong;
          ++said;
        } catch (const InputError& error) {
          EXPECT_NE(std::string(error.what()).find(wrong), std::string::npos)
              << error.what() << " for " << wrong;
          ++refused;
        }
      }
    }
  }
  EXPECT_GT(refused, 1000);
  EXPECT_GT(said, 50);
}

TEST(PublishedModels, OnlyWhatIsNotModelledIsSaid) {
  const std::set<std::string, std::less<>> scaled{"gemma", "gemma2", "gemma3_text", "granite"};
  for (const Cursor& one : published().root().member("models").list()) {
    const Cursor config = one.member("config");
    std::string said;
    for (const Assumption& assumption : read_text(config.dump()).assumptions) said += assumption.value + ";";
    std::string expected;
    if (config.find("attn_pdrop")) expected += "without attn_pdrop;";
    if (scaled.contains(type_of(config))) expected += type_of(config) + ";";
    EXPECT_EQ(said, expected) << one.member("model").text();
  }
}

TEST(PublishedModels, AKeyThatNobodyKnowsIsSaidInEveryFamily) {
  std::set<std::string> met;
  for (const Cursor& one : published().root().member("models").list()) {
    const Cursor config = one.member("config");
    if (!met.insert(type_of(config)).second) continue;
    std::string text = config.dump();
    text.insert(text.size() - 1, R"(, "hidden_dropout": 0.0, "resid_dropout": 0.1, "mystery_width": 7)");
    const std::vector<Assumption> said = read_text(text).assumptions;
    const auto has = [&](std::string_view key) {
      return std::ranges::any_of(said,
                                 [&](const Assumption& a) { return a.value.find(key) != std::string::npos; });
    };
    EXPECT_TRUE(has("mystery_width")) << type_of(config);
    EXPECT_TRUE(has("resid_dropout")) << type_of(config);
    EXPECT_FALSE(has("hidden_dropout")) << type_of(config);
  }
}

}  // namespace
}  // namespace ds::workload
