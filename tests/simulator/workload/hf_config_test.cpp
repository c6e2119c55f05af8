#include "simulator/workload/hf_config.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/simulator/workload/jobs.h"

namespace ds::workload {
namespace {

namespace fs = std::filesystem;

class HfConfig : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "ds-config-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { fs::remove_all(folder_); }

  Model read(std::string_view text) const {
    std::ofstream(folder_ / "config.json") << text;
    return read_hf_config(folder_ / "config.json");
  }

  fs::path folder_;
};

TEST_F(HfConfig, Gpt2HasNullsAndTiedEmbeddings) {
  const Model m = read(R"({"model_type": "gpt2", "n_layer": 12, "n_embd": 768, "n_head": 12, "n_inner": null,
                           "n_positions": 1024, "vocab_size": 50257, "torch_dtype": "float32"})");
  EXPECT_EQ(m.ffn_hidden, 3072);
  EXPECT_TRUE(m.tied_embeddings);
  EXPECT_EQ(parameters(m, 1024), 124'439'808);  // as published
}

TEST_F(HfConfig, LlamaHasGroupedHeads) {
  const Model m =
      read(R"({"model_type": "llama", "num_hidden_layers": 32, "hidden_size": 4096, "vocab_size": 128256,
                           "num_attention_heads": 32, "num_key_value_heads": 8, "intermediate_size": 14336})");
  EXPECT_EQ(m.kv_heads, 8);
  EXPECT_FALSE(m.tied_embeddings);
  EXPECT_EQ(parameters(m, 8192), 8'030'261'248);  // as published
}

TEST_F(HfConfig, MistralAndMixtralDifferInTheirExperts) {
  const std::string shape = R"("num_hidden_layers": 32, "hidden_size": 4096, "vocab_size": 32000,
      "num_attention_heads": 32, "num_key_value_heads": 8, "intermediate_size": 14336, "sliding_window": null})";
  EXPECT_EQ(parameters(read(R"({"model_type": "mistral", )" + shape), 4096), 7'241'732'096);
  const Model m =
      read(R"({"model_type": "mixtral", "num_local_experts": 8, "num_experts_per_tok": 2, )" + shape);
  EXPECT_EQ(m.moe->expert_ffn, 14336);
  EXPECT_EQ(parameters(m, 4096), 46'702'792'704);
}

TEST_F(HfConfig, QwenMoeMasksItsDenseLayers) {
  const Model m =
      read(R"({"model_type": "qwen3_moe", "num_hidden_layers": 6, "hidden_size": 2048, "vocab_size": 100,
      "num_attention_heads": 32, "num_key_value_heads": 4, "head_dim": 128, "intermediate_size": 6144,
      "num_experts": 128, "num_experts_per_tok": 8, "moe_intermediate_size": 768, "decoder_sparse_step": 2,
      "mlp_only_layers": [1]})");
  EXPECT_EQ(m.head_dim, 128);
  // Experts sit where (layer + 1) is a multiple of 2: layers 1, 3 and 5, of which 1 is listed as dense.
  EXPECT_EQ(m.moe->dense_layers, (std::vector<bool>{true, true, true, false, true, false}));
}

TEST_F(HfConfig, DeepSeekHasLatentAttentionAndLeadingDenseLayers) {
  const Model m = read(R"({"model_type": "deepseek_v3", "num_hidden_layers": 61, "hidden_size": 7168,
      "vocab_size": 129280, "num_attention_heads": 128, "num_key_value_heads": 128, "intermediate_size": 18432,
      "moe_intermediate_size": 2048, "n_routed_experts": 256, "n_shared_experts": 1, "num_experts_per_tok": 8,
      "first_k_dense_replace": 3, "moe_layer_freq": 1, "q_lora_rank": 1536, "kv_lora_rank": 512,
      "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128, "num_nextn_predict_layers": 1})");
  EXPECT_EQ(m.mtp_layers, 1);
  EXPECT_TRUE(m.moe->dense_layers[2]);
  EXPECT_FALSE(m.moe->dense_layers[3]);
  Model main = m;
  main.mtp_layers = 0;
  EXPECT_NEAR(static_cast<double>(parameters(main, 4096)), 671e9, 0.1e9);  // arXiv 2412.19437, section 4.2
}

TEST_F(HfConfig, MultimodalFilesKeepTheLanguageModelInside) {
  const Model m =
      read(R"({"model_type": "llava", "text_config": {"model_type": "gpt_neox", "num_hidden_layers": 2,
      "hidden_size": 64, "num_attention_heads": 4, "intermediate_size": 256, "vocab_size": 100}})");
  EXPECT_EQ(m.layers, 2);
  EXPECT_EQ(m.position, Position::rope);
}

TEST_F(HfConfig, AJobNamesItByAPathRelativeToItself) {
  std::ofstream(folder_ / "config.json")
      << R"({"model_type": "gpt2", "n_layer": 8, "n_embd": 640, "n_head": 40,
      "vocab_size": 1000})";
  const std::string_view overrides[] = {"model=config.json"};
  std::ofstream(folder_ / "job.json") << kSmallJob;
  EXPECT_EQ(read_job(folder_ / "job.json", overrides).model.heads, 40);
}

TEST_F(HfConfig, ErrorsNameTheFileAndTheJobsKey) {
  std::ofstream(folder_ / "config.json") << R"({"model_type": "lama"})";
  std::ofstream(folder_ / "job.json") << kSmallJob;
  const std::string_view overrides[] = {"model=./config.json"};
  try {
    read_job(folder_ / "job.json", overrides);
    FAIL();
  } catch (const InputError& error) {
    EXPECT_EQ(error.path(), "model");
    EXPECT_NE(std::string(error.what()).find("model_type: is \"lama\""), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("did you mean llama?"), std::string::npos);
  }
}

}  // namespace
}  // namespace ds::workload
