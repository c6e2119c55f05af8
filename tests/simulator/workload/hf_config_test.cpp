#include "simulator/workload/hf_config.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "simulator/workload/reader.h"
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
    std::vector<Assumption> assumptions;
    return read_hf_config(folder_ / "config.json", Defaults(assumptions));
  }

  std::string refusal(const std::string& text) const {
    try {
      read(text);
    } catch (const InputError& error) {
      return error.what();
    }
    return "read";
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

TEST_F(HfConfig, Glm4MoeHasASharedExpertAndBiasesOfQueriesAlone) {
  const Model m =
      read(R"({"model_type": "glm4_moe", "num_hidden_layers": 3, "hidden_size": 64, "vocab_size": 100,
      "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "intermediate_size": 96,
      "moe_intermediate_size": 24, "n_routed_experts": 8, "n_shared_experts": 1, "num_experts_per_tok": 2,
      "first_k_dense_replace": 1, "attention_bias": true, "use_qk_norm": true, "n_group": 1})");
  EXPECT_EQ(m.moe->dense_layers, (std::vector<bool>{true, false, false}));
  EXPECT_EQ(m.moe->shared_experts, 1);
  EXPECT_TRUE(m.qkv_bias);
  EXPECT_FALSE(m.projection_bias);
  EXPECT_EQ(m.qk_norm, QkNorm::shared);
  EXPECT_EQ(m.rotary_dim, 8);
}

TEST_F(HfConfig, DeepSeekHasLatentAttentionAndLeadingDenseLayers) {
  const Model m = read(R"({"model_type": "deepseek_v3", "num_hidden_layers": 61, "hidden_size": 7168,
      "vocab_size": 129280, "num_attention_heads": 128, "num_key_value_heads": 128, "intermediate_size": 18432,
      "moe_intermediate_size": 2048, "n_routed_experts": 256, "n_shared_experts": 1, "num_experts_per_tok": 8,
      "n_group": 8, "topk_group": 4, "first_k_dense_replace": 3, "moe_layer_freq": 1, "q_lora_rank": 1536, "kv_lora_rank": 512,
      "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128, "num_nextn_predict_layers": 1})");
  EXPECT_EQ(m.mtp_layers, 1);
  EXPECT_EQ(m.moe->groups, 8);
  EXPECT_EQ(m.moe->groups_per_token, 4);
  EXPECT_TRUE(m.moe->dense_layers[2]);
  EXPECT_FALSE(m.moe->dense_layers[3]);
  Model main = m;
  main.mtp_layers = 0;
  EXPECT_NEAR(static_cast<double>(parameters(main, 4096)), 671e9, 0.1e9);  // arXiv 2412.19437, section 4.2
}

constexpr std::string_view kSmallLlama =
    R"("num_hidden_layers": 8, "hidden_size": 64, "num_attention_heads": 4, "num_key_value_heads": 2,
       "intermediate_size": 96, "vocab_size": 100)";
std::string small(std::string_view type, std::string_view more = "") {
  return fmt::format(R"({{"model_type": "{}", {}{}{}}})", type, kSmallLlama, more.empty() ? "" : ", ", more);
}
std::string mask(const std::vector<bool>& layers) {
  std::string text;
  for (const bool one : layers) text += one ? '1' : '0';
  return text;
}

constexpr std::string_view kWindow = R"("sliding_window": 16)";

TEST_F(HfConfig, WindowsStandWhereTheFamilyHasThem) {
  const std::string window(kWindow), on = window + R"(, "use_sliding_window": true, "max_window_layers": 3)";
  const std::string types =
      window + R"(, "layer_types": ["full_attention", "sliding_attention", "sliding_attention",
          "sliding_attention", "full_attention", "sliding_attention", "sliding_attention", "sliding_attention"])";
  struct Case {
    std::string_view type;
    std::string more;
    std::int64_t window;
    std::string_view full;  // layers that see all
  };
  const Case cases[] = {{"mistral", window, 16, ""},  // all layers have it
                        {"mistral", R"("sliding_window": null)", 0, ""},
                        {"mistral", types, 16, "10001000"},
                        {"gemma2", window, 16, "01010101"},
                        {"gemma2", types, 16, "10001000"},
                        {"gemma3_text", window, 16, "00000100"},
                        {"gemma3_text", window + R"(, "sliding_window_pattern": 2)", 16, "01010101"},
                        {"gemma3_text", types, 16, "10001000"},
                        {"olmo3", window, 16, "00010001"},
                        {"cohere2", window, 16, "00010001"},
                        {"qwen2", window, 0, ""},  // switched off, unless the file says otherwise
                        {"qwen2", on, 16, "11100000"}};
  for (const Case& one : cases) {
    const Model m = read(small(one.type, one.more));
    EXPECT_EQ(m.window, one.window) << one.type;
    EXPECT_EQ(mask(m.full_layers), one.full) << one.type;
  }
}

TEST_F(HfConfig, GptNeoHasAWindowInItsLocalLayers) {
  const Model neo = read(R"({"model_type": "gpt_neo", "num_layers": 4, "hidden_size": 8, "num_heads": 2,
      "vocab_size": 10, "max_position_embeddings": 64, "attention_types": [[["global", "local"], 2]]})");
  EXPECT_EQ(neo.window, 256);
  EXPECT_EQ(mask(neo.full_layers), "1010");
}

TEST_F(HfConfig, SomeLayersDoNotRotate) {
  EXPECT_EQ(mask(read(small("cohere2", kWindow)).unrotated_layers), "00010001");
  EXPECT_EQ(mask(read(small("smollm3")).unrotated_layers), "00010001");
}

TEST_F(HfConfig, FamiliesDifferAsTheirCodeDoes) {
  const Model phi = read(small("phi"));
  EXPECT_TRUE(phi.head_bias && phi.qkv_bias && phi.projection_bias && phi.mlp_bias);
  EXPECT_EQ(phi.residual, Residual::parallel);
  EXPECT_EQ(phi.rotary_dim, 8);  // half of 16
  const Model glm = read(small("glm4", R"("head_dim": 16, "attention_bias": true)"));
  EXPECT_TRUE(glm.qkv_bias);
  EXPECT_FALSE(glm.projection_bias);
  EXPECT_EQ(glm.norm_place, NormPlace::around);
  EXPECT_EQ(read(small("olmo2")).qk_norm, QkNorm::whole);
  EXPECT_EQ(read(small("olmo2")).norm_place, NormPlace::behind);
  EXPECT_EQ(read(small("olmo")).norm, Norm::layer_bare);
  EXPECT_EQ(read(small("cohere", R"("use_qk_norm": true)")).qk_norm, QkNorm::per_head);
  EXPECT_TRUE(read(small("llama", R"("attention_bias": true)")).projection_bias);
  EXPECT_TRUE(read(small("gemma2")).logit_cap);
  EXPECT_FALSE(read(small("gemma3_text")).logit_cap);
  EXPECT_EQ(read(small("phi3", R"("rope_parameters": {"partial_rotary_factor": 0.75})")).rotary_dim, 12);
  const Model opt = read(R"({"model_type": "opt", "num_hidden_layers": 2, "hidden_size": 64, "ffn_dim": 128,
      "num_attention_heads": 4, "vocab_size": 50, "max_position_embeddings": 32, "word_embed_proj_dim": 16,
      "do_layer_norm_before": false})");
  EXPECT_EQ(opt.positions, 34);
  EXPECT_EQ(opt.embedding_width, 16);
  EXPECT_EQ(opt.norm_place, NormPlace::after);
  EXPECT_FALSE(opt.final_norm);
}

TEST_F(HfConfig, MistakesAreNamedWithTheirKey) {
  EXPECT_NE(refusal(R"({"model_type": "llama", "hidden_size": 64})").find("num_hidden_layers: is missing"),
            std::string::npos)
      << refusal(R"({"model_type": "llama", "hidden_size": 64})");
  EXPECT_NE(
      refusal(small("gemma2", R"("layer_types": ["full_attention"])")).find("layer_types: has 1 layers"),
      std::string::npos);
  EXPECT_NE(refusal(small("mistral", R"("layer_types": ["chunked_attention"])")).find("layer_types"),
            std::string::npos);
  // Another model, and no slip of the finger.
  for (const char* type : {"gemma4", "qwen2_vl", "phi5", "mamba", "olmo4"}) {
    const std::string said = refusal(small(type));
    EXPECT_NE(said.find("not supported yet"), std::string::npos) << said;
    EXPECT_EQ(said.find("did you mean"), std::string::npos) << said;
  }
  EXPECT_NE(refusal(small("mistal")).find("did you mean mistral?"), std::string::npos);
  EXPECT_NE(refusal(small("qwen3_next")).find("linear attention (gated delta nets)"), std::string::npos);
  EXPECT_NE(refusal(small("jamba")).find("state-space layers"), std::string::npos);
}

TEST_F(HfConfig, KeysThatAreMisspeltAreRefusedWithTheOneThatIsRead) {
  struct Case {
    std::string_view wrong, right;
  };
  constexpr Case kCases[] = {{"num_hidden_layer", "num_hidden_layers"},
                             {"hiden_size", "hidden_size"},
                             {"hidden_sizes", "hidden_size"},
                             {"hidden_siez", "hidden_size"},
                             {"hidden-size", "hidden_size"},
                             {"hiddenSize", "hidden_size"},
                             {"HIDDEN_SIZE", "hidden_size"},
                             {"size_hidden", "hidden_size"},
                             {"num_key_value_head", "num_key_value_heads"},
                             {"key_value_num_heads", "num_key_value_heads"},
                             {"num_kv_heads", "num_key_value_heads"},
                             {"num_query_groups", "num_key_value_heads"},
                             {"num_heads", "num_attention_heads"},
                             {"ffn_hidden", "intermediate_size"},
                             {"vocab_sise", "vocab_size"}};
  const std::string whole = small("llama");
  for (const Case& one : kCases) {
    std::string text = whole;
    const std::string key = fmt::format("\"{}\"", one.right);
    text.replace(text.find(key), key.size(), fmt::format("\"{}\"", one.wrong));
    EXPECT_NE(refusal(text).find(fmt::format("{}: unknown key; did you mean {}?", one.wrong, one.right)),
              std::string::npos)
        << refusal(text);
  }
  EXPECT_EQ(read(small("llama", R"("hidden_sizes": 3)")).hidden,
            64);  // beside the right one it is something else
  EXPECT_NE(
      refusal(small("llama", R"("head_dims": 32)")).find("head_dims: unknown key; did you mean head_dim?"),
      std::string::npos);
  EXPECT_NE(refusal(small("llama", R"("attention_biass": true)")).find("did you mean attention_bias?"),
            std::string::npos);
  EXPECT_NE(
      refusal(small("phi3", R"("rope_parameters": {"partial_rotary_factr": 0.75})"))
          .find("rope_parameters.partial_rotary_factr: unknown key; did you mean partial_rotary_factor?"),
      std::string::npos);
  EXPECT_NE(refusal(small("phi3", R"("rope_parameters": 3)")).find("rope_parameters: is 3"),
            std::string::npos);
  EXPECT_NE(refusal(R"({"text_confg": {"model_type": "llama"}})").find("did you mean text_config?"),
            std::string::npos);
  const std::string mpt =
      R"({"model_type": "mpt", "n_layers": 2, "d_model": 64, "n_heads": 4, "vocab_size": 50, "attn_config": )";
  EXPECT_NE(refusal(mpt + R"({"kv_n_head": 2}})")
                .find("attn_config.kv_n_head: unknown key; did you mean kv_n_heads?"),
            std::string::npos);
  EXPECT_NE(refusal(mpt + R"({"attn_type": "multiquery"}})").find("attn_config.attn_type: is \"multiquery\""),
            std::string::npos);
}

TEST_F(HfConfig, TwoNamesOfOneSizeMustNotContradict) {
  EXPECT_NE(refusal(small("llama", R"("n_layer": 9)"))
                .find("n_layer: is 9, and under another name 8; leave one out"),
            std::string::npos);
  EXPECT_EQ(read(small("llama", R"("n_layer": 8)")).layers, 8);
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
