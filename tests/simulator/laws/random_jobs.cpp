// The shapes of random jobs: small enough for hundreds a second, odd enough to reach every rule of the model.
#include "tests/simulator/laws/random_jobs.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <span>
#include <vector>

#include "simulator/base/error.h"
#include "simulator/base/hash.h"
#include "simulator/workload/hf_families.h"

namespace ds::laws {
namespace {

using support::Draw;

struct Ranks {
  std::int64_t nodes{1}, per_node{1}, tp{1}, pp{1}, cp{1}, dp{1};
};

std::int64_t divisor(Draw& draw, std::int64_t number, std::int64_t most) {
  std::vector<std::int64_t> all;
  for (std::int64_t d = 1; d <= std::min(number, most); ++d)
    if (number % d == 0) all.push_back(d);
  return all[static_cast<std::size_t>(draw.from(0, std::ssize(all) - 1))];
}

/// Not only powers of two: groups of three on nodes of four are legal.
Ranks random_ranks(Draw& draw, bool cpu) {
  Ranks r;
  r.per_node =
      cpu ? draw.one_of<std::int64_t>({1, 2, 4, 6, 8}) : draw.one_of<std::int64_t>({1, 2, 4, 4, 6, 8, 8});
  r.nodes = cpu ? 1 : draw.from(1, 4);
  const std::int64_t all = r.nodes * r.per_node;
  r.tp = divisor(draw, all, 8);
  r.pp = divisor(draw, all / r.tp, 8);
  if (!cpu && draw.coin()) r.cp = divisor(draw, all / r.tp / r.pp, 4);
  r.dp = all / r.tp / r.pp / r.cp;
  return r;
}

std::string random_fabric(Draw& draw) {
  if (draw.coin()) return {};
  if (draw.coin()) return R"(, "fabric": "ib-ndr-fat-tree")";
  return fmt::format(
      R"(, "fabric": {{"kind": "rail-optimised", "bytes_per_s": {}, "oversubscription": {}, "latency_s": {}}})",
      draw.coin() ? 2.5e10 : 0.0, draw.one_of({1.0, 1.5, 3.5}), draw.coin() ? 2e-6 : 0.0);
}

std::string random_intra(Draw& draw, std::int64_t gpus) {
  if (gpus == 1) return R"({"kind": "none"})";
  if (gpus % 2 == 0 && draw.from(0, 2) == 0)
    return fmt::format(
        R"({{"kind": "pcie", "bytes_per_s": 3.15e10, "sockets": 2, "socket_bytes_per_s": {}}})",
        draw.one_of({5e9, 1.56e10, 4e10}));
  return fmt::format(R"({{"kind": "{}", "bytes_per_s": {}, "latency_s": {}, "in_switch_reduction": {}}})",
                     draw.one_of({"nvswitch", "nvswitch", "pcie", "nvlink-mesh", "xgmi-mesh"}),
                     draw.one_of({1.6e10, 1.5e11, 4.5e11}), draw.coin() ? 1e-6 : 0.0, draw.coin());
}

std::string random_node(Draw& draw, std::int64_t gpus) {
  const std::int64_t cards = std::max<std::int64_t>(1, gpus / draw.one_of<std::int64_t>({1, 2, 8}));
  return fmt::format(
      R"({{"gpu": "{}", "gpus_per_node": {}, "intra": {}, "nics": {{"count": {}, "bytes_per_s": {}}}}})",
      draw.one_of(
          {"a100-sxm4-80g", "a100-pcie-80g", "h100-sxm5-80g", "b200-sxm", "l40s", "v100-sxm2-32g", "mi300x"}),
      gpus, random_intra(draw, gpus), cards, draw.one_of({3e9, 1.25e10, 5e10, 2e11}));
}

std::string random_model(Draw& draw, std::int64_t tp, std::int64_t layers) {
  // As many heads of keys and values as ranks, a few more, or fewer.
  const std::int64_t kv_heads = draw.from(0, 3) == 0 ? divisor(draw, tp, tp) : tp * draw.from(1, 2);
  const std::int64_t heads = std::max(tp, kv_heads) * draw.from(1, 3);
  const std::int64_t head_dim = draw.one_of<std::int64_t>({16, 64, 80, 128});
  const bool llama = draw.coin();
  return fmt::format(
      R"({{"family": "{}", "layers": {}, "hidden": {}, "heads": {}, "kv_heads": {}, "head_dim": {}, "ffn_hidden": {}, "vocab": {}, "tied_embeddings": {}}})",
      llama ? "llama" : "gpt", layers, 8 * draw.one_of<std::int64_t>({2, 20, 64, 128, 320}), heads, kv_heads,
      head_dim, tp * draw.one_of<std::int64_t>({24, 256, 1000}), draw.one_of({256, 1000, 32000}),
      draw.coin());
}

std::int64_t random_micro_batches(Draw& draw, std::string_view schedule, std::int64_t pp) {
  if (schedule == "interleaved") return pp * draw.from(1, 3);
  if (schedule == "dualpipe") return 2 * (pp + draw.from(0, 3));
  return draw.from(1, 12);
}

}  // namespace

std::string random_job(Draw& draw) {
  const bool cpu = draw.from(0, 4) == 0;
  const Ranks r = random_ranks(draw, cpu);
  const std::string schedule =
      r.pp == 1 ? draw.one_of({"1f1b", "gpipe"})
      : cpu     ? draw.one_of({"1f1b", "gpipe", "interleaved"})
                : draw.one_of({"1f1b", "1f1b", "gpipe", "interleaved", "zb-h1", "zb-v", "dualpipe"});
  const std::int64_t vpp = schedule == "interleaved" ? draw.from(2, 3) : 1;
  const std::int64_t layers =
      r.pp * (schedule == "zb-v" ? 2 : vpp) * draw.from(1, 3) + (draw.coin() ? draw.from(0, r.pp) : 0);
  const std::int64_t micro_batch = draw.one_of<std::int64_t>({1, 1, 2, 4});
  const std::int64_t batch = r.dp * micro_batch * random_micro_batches(draw, schedule, r.pp);
  const std::string cluster =
      cpu ? fmt::format(R"({{"node": "{}/tests/golden/profile.json", "nodes": 1}})", DS_SOURCE_DIR)
          : fmt::format(R"({{"node": {}, "nodes": {}{}}})", random_node(draw, r.per_node), r.nodes,
                        random_fabric(draw));
  std::string plan = fmt::format(
      R"("tp": {}, "pp": {}, "cp": {}, "cp_kind": "{}", "dp": {}, "vpp": {}, "micro_batch": {}, "schedule": "{}", "sequence_parallel": {}, "zero": {}, "recompute": {}, "attention": "{}")",
      r.tp, r.pp, r.cp, draw.one_of({"ring", "all_gather", "all_to_all"}), r.dp, vpp, micro_batch, schedule,
      r.tp > 1 && draw.coin(), draw.from(0, cpu || schedule == "dualpipe" ? 1 : 3),
      draw.one_of({R"("none")", R"("none")", R"("full")", R"("selective")", "1"}),
      r.cp > 1 ? "flash" : draw.one_of({"flash", "unfused"}));
  if (!cpu)
    plan += fmt::format(R"(, "precision": "{}", "dropout": {}, "fusion": {})",
                        draw.one_of({"bf16", "fp16", "fp16", "fp32"}), draw.coin() ? 0.1 : 0.0, draw.coin());
  if (draw.coin())
    plan += fmt::format(R"(, "overlap": {{"grad_reduce": {}, "param_gather": {}, "p2p": {}, "tp_comm": {}}})",
                        draw.coin(), draw.coin(), draw.coin(), !cpu && draw.coin());
  const std::string software =
      cpu ? "ds-exec"
          : draw.one_of({"megatron-te", "megatron-lm-2021", "megatron-lm-2022", "torchtitan", "hai-llm"});
  return fmt::format(
      R"({{"model": {}, "cluster": {}, "software": "{}", "plan": {{{}}},
 "train": {{"sequence_length": {}, "global_batch": {}}}}})",
      random_model(draw, r.tp, layers), cluster, software, plan,
      r.tp * r.cp * draw.one_of<std::int64_t>({16, 64, 128, 512}), batch);
}

std::string with_config(Draw& draw, const std::string& job) {
  const std::span<const workload::HfFamily> families = workload::hf_families();
  const auto which = static_cast<std::size_t>(draw.from(0, std::ssize(families) - 1));
  const std::int64_t kv_heads = draw.one_of<std::int64_t>({2, 4, 8}), heads = kv_heads * draw.from(1, 2);
  const std::int64_t layers = draw.from(4, 12), width = draw.one_of<std::int64_t>({16, 64}),
                     hidden = heads * width;
  // Sizes under all the names that families have for them.
  nlohmann::json config{{"model_type", families[which].type},
                        {"vocab_size", draw.one_of({256, 1000, 32000})}};
  const auto set = [&](std::initializer_list<const char*> names, std::int64_t value) {
    for (const char* name : names) config[name] = value;
  };
  set({"num_hidden_layers", "num_layers", "n_layer", "n_layers"}, layers);
  set({"hidden_size", "n_embd", "n_embed", "d_model"}, hidden);
  set({"num_attention_heads", "num_heads", "n_head", "n_heads"}, heads);
  set({"num_key_value_heads", "num_kv_heads"}, kv_heads);
  set({"intermediate_size", "n_inner", "ffn_dim", "ffn_hidden_size"}, 8 * draw.one_of({24, 240}));
  set({"n_positions", "max_position_embeddings", "max_seq_len"}, 1 << 16);
  set({"head_dim"}, width);
  if (draw.coin()) set({"sliding_window", "window_size"}, 40);
  set({"num_local_experts", "num_experts", "n_routed_experts"}, 12);
  set({"num_experts_per_tok"}, draw.from(1, 4));
  set({"moe_intermediate_size"}, 8 * draw.from(1, 6));
  set({"n_shared_experts"}, draw.from(0, 2));
  set({"kv_lora_rank", "q_lora_rank"}, 48);
  set({"qk_nope_head_dim", "v_head_dim"}, 16);
  set({"qk_rope_head_dim"}, 8);
  if (draw.from(0, 3) == 0) set({"num_nextn_predict_layers"}, 1);
  static const auto folder = std::filesystem::temp_directory_path() / fmt::format("ds-laws-{}", ::getpid());
  std::filesystem::create_directories(folder);
  const std::filesystem::path file =
      folder / fmt::format("{}-{:016x}.json", families[which].type, hash_of(config.dump()));
  if (!std::filesystem::exists(file)) std::ofstream(file) << config.dump();
  nlohmann::ordered_json changed = nlohmann::ordered_json::parse(job);
  changed["model"] = file.string();
  return changed.dump();
}

std::optional<workload::Job> read(const std::string& text, const std::vector<std::string>& keys) {
  try {
    const std::vector<std::string_view> overrides(keys.begin(), keys.end());
    workload::Job job = workload::read_job_text(text, "job.json", overrides);
    workload::check_supported(job);
    return job;
  } catch (const InputError&) {
    return std::nullopt;
  }
}

const cost::Profile& profile() {
  static const cost::Profile measured =
      cost::read_profile(std::string(DS_SOURCE_DIR) + "/tests/golden/profile.json");
  return measured;
}

}  // namespace ds::laws
