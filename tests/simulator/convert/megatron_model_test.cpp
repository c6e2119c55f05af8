// What Megatron-LM makes of a model where its flags leave something out.
#include <gmock/gmock.h>

#include "tests/simulator/convert/launches.h"

namespace ds::convert {
namespace {

using testing::HasSubstr;

const std::string kExperts =
    "--num-experts 8 --expert-model-parallel-size 8 --moe-token-dispatcher-type alltoall "
    "--disable-bias-linear ";

TEST(MegatronModel, ExpertsAreAsWideAsTheMlpWhereNothingIsSaid) {
  const workload::Model plain = megatron_job(kExperts).model;
  EXPECT_EQ(plain.moe->expert_ffn, 4096);  // four times 1024
  EXPECT_EQ(plain.ffn_hidden, 4096);
  EXPECT_EQ(megatron_job(kExperts + "--swiglu").model.moe->expert_ffn, 2688);
  EXPECT_EQ(megatron_job(kExperts + "--ffn-hidden-size 512").model.moe->expert_ffn, 512);
  EXPECT_EQ(megatron_job(kExperts + "--ffn-hidden-size 512 --moe-ffn-hidden-size 256").model.moe->expert_ffn,
            256);
}

/// Of the two gates only --swiglu takes a third of the width away.
TEST(MegatronModel, AGateOfGeluKeepsTheWidth) {
  const workload::Model model = megatron_job("--quick-geglu").model;
  EXPECT_TRUE(model.gated_mlp);
  EXPECT_EQ(model.ffn_hidden, 4096);
}

TEST(MegatronModel, LatentAttentionHasABiasBehindItselfAlone) {
  const std::string latent =
      "--multi-latent-attention --kv-lora-rank 128 --position-embedding-type rope --max-position-embeddings "
      "2048 ";
  const workload::Model model = megatron_job(latent).model;
  EXPECT_FALSE(model.qkv_bias);
  EXPECT_TRUE(model.projection_bias && model.mlp_bias);
  EXPECT_FALSE(megatron_job(latent + "--add-qkv-bias").model.qkv_bias);
  EXPECT_TRUE(megatron_job("--disable-bias-linear --add-qkv-bias").model.qkv_bias);
}

}  // namespace
}  // namespace ds::convert
