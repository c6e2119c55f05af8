// A complete job as JSON again, key by key as the readers have them.

#include "simulator/workload/write_job.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <concepts>
#include <vector>

#include "simulator/workload/plan_keys.h"
#include "simulator/workload/reader.h"
#include "simulator/workload/spellings.h"

namespace ds::workload {
namespace {

/// A JSON object, member by member.
class Object {
 public:
  Object& json(std::string_view key, std::string_view value) {
    text_ += fmt::format("{}{}: {}", text_.empty() ? "" : ", ", json_text(key), value);
    return *this;
  }
  Object& add(std::string_view key, std::string_view value) { return json(key, json_text(value)); }
  template <std::same_as<bool> Flag>
  Object& add(std::string_view key, Flag value) {
    return json(key, value ? "true" : "false");
  }
  Object& add(std::string_view key, std::int64_t value) { return json(key, fmt::format("{}", value)); }
  Object& add(std::string_view key, double value) { return json(key, fmt::format("{}", value)); }
  /// Where there is one.
  template <class Value>
  Object& add(std::string_view key, const std::optional<Value>& value) {
    return value ? add(key, *value) : *this;
  }
  /// Where somebody says it: 0 is nobody's word.
  Object& said(std::string_view key, double value) { return value != 0 ? add(key, value) : *this; }
  Object& said(std::string_view key, std::string_view value) {
    return value.empty() ? *this : add(key, value);
  }
  std::string text() const { return fmt::format("{{{}}}", text_); }

 private:
  std::string text_;
};

std::string mask_text(const std::vector<bool>& mask) {
  std::vector<std::string_view> layers;
  for (const bool is : mask) layers.emplace_back(is ? "true" : "false");
  return fmt::format("[{}]", fmt::join(layers, ", "));
}

std::string moe_text(const Moe& moe) {
  return Object()
      .add("experts", moe.experts)
      .add("top_k", moe.top_k)
      .add("expert_ffn", moe.expert_ffn)
      .add("shared_experts", moe.shared_experts)
      .add("groups", moe.groups)
      .add("groups_per_token", moe.groups_per_token)
      .json("dense_layers", mask_text(moe.dense_layers))
      .add("capacity_factor", moe.capacity_factor)
      .add("skew", moe.skew)
      .add("router_bias", moe.router_bias)
      .add("shared_gate", moe.shared_gate)
      .text();
}

std::string mla_text(const Mla& mla) {
  Object object;
  if (mla.q_lora_rank > 0) object.add("q_lora_rank", mla.q_lora_rank);
  return object.add("kv_lora_rank", mla.kv_lora_rank)
      .add("qk_nope_head_dim", mla.qk_nope_head_dim)
      .add("qk_rope_head_dim", mla.qk_rope_head_dim)
      .add("v_head_dim", mla.v_head_dim)
      .text();
}

std::string model_text(const Model& m) {
  Object object;
  object.add("family", name_in(kFamilies, m.family))
      .add("layers", m.layers)
      .add("hidden", m.hidden)
      .add("heads", m.heads)
      .add("kv_heads", m.kv_heads)
      .add("head_dim", m.head_dim)
      .add("ffn_hidden", m.ffn_hidden)
      .add("vocab", m.vocab)
      .add("gated_mlp", m.gated_mlp)
      .add("tied_embeddings", m.tied_embeddings)
      .add("position", name_in(kPositions, m.position))
      .add("norm", name_in(kNorms, m.norm))
      .add("norm_place", name_in(kNormPlaces, m.norm_place))
      .add("residual", name_in(kResiduals, m.residual))
      .add("qk_norm", name_in(kQkNorms, m.qk_norm))
      .add("qkv_bias", m.qkv_bias)
      .add("projection_bias", m.projection_bias)
      .add("mlp_bias", m.mlp_bias)
      .add("head_bias", m.head_bias)
      .add("embedding_norm", m.embedding_norm)
      .add("final_norm", m.final_norm)
      .add("logit_cap", m.logit_cap)
      .add("attention_sinks", m.attention_sinks)
      .add("mtp_layers", m.mtp_layers);
  const auto unless_none = [&](const char* key, std::int64_t value) {
    if (value > 0) object.add(key, value);
  };
  unless_none("positions", m.positions);
  unless_none("token_types", m.token_types);
  unless_none("rotary_dim", m.rotary_dim);
  unless_none("embedding_width", m.embedding_width);
  unless_none("window", m.window);
  if (!m.full_layers.empty()) object.json("full_layers", mask_text(m.full_layers));
  if (!m.unrotated_layers.empty()) object.json("unrotated_layers", mask_text(m.unrotated_layers));
  if (m.moe) object.json("moe", moe_text(*m.moe));
  if (m.mla) object.json("mla", mla_text(*m.mla));
  return object.text();
}

std::string gpu_text(const Gpu& gpu) {
  const Object flops = Object()
                           .said("fp32", gpu.fp32_flops_per_s)
                           .said("tf32", gpu.tf32_flops_per_s)
                           .said("fp16", gpu.fp16_flops_per_s)
                           .said("bf16", gpu.bf16_flops_per_s)
                           .said("fp8", gpu.fp8_flops_per_s);
  return Object()
      .add("name", gpu.name)
      .said("arch", gpu.arch)
      .json("dense_flops_per_s", flops.text())
      .add("memory_bytes", gpu.memory_bytes)
      .add("memory_bytes_per_s", gpu.memory_bytes_per_s)
      .said("sm_count", gpu.sm_count)
      .said("boost_hz", gpu.boost_hz)
      .said("l2_bytes", gpu.l2_bytes)
      .said("pcie_bytes_per_s", gpu.pcie_bytes_per_s)
      .said("tdp_w", gpu.tdp_w)
      .text();
}

std::string intra_text(const Intra& intra) {
  Object object;
  object.add("kind", name_in(kIntraKinds, intra.kind));
  if (intra.kind != IntraKind::none) object.add("bytes_per_s", intra.bytes_per_s);
  object.said("latency_s", intra.latency_s)
      .add("in_switch_reduction", intra.in_switch_reduction)
      .add("sockets", intra.sockets);
  if (intra.sockets > 1) object.add("socket_bytes_per_s", intra.socket_bytes_per_s);
  return object.text();
}

std::string nics_text(const Nics& nics) {
  Object object;
  object.add("count", nics.count);
  if (nics.count > 0) object.add("bytes_per_s", nics.bytes_per_s);
  return object.said("reached_bytes_per_s", nics.reached_bytes_per_s).said("kind", nics.kind).text();
}

std::string node_text(const Node& node) {
  if (node.cpu) return json_text(node.name);  // localhost, or the path of a profile
  const Object host = Object()
                          .said("memory_bytes", node.host_memory_bytes)
                          .said("memory_bytes_per_s", node.host_memory_bytes_per_s)
                          .said("link_bytes_per_s", node.host_link_bytes_per_s)
                          .said("launch_slowdown", node.launch_slowdown == 1 ? 0 : node.launch_slowdown);
  return Object()
      .add("name", node.name)
      .json("gpu", gpu_text(node.accelerator))
      .add("gpus_per_node", node.gpus_per_node)
      .add("usable_memory_bytes", node.memory_bytes_per_gpu)
      .json("intra", intra_text(node.intra))
      .json("nics", nics_text(node.nics))
      .json("host", host.text())
      .said("max_node_w", node.max_node_w)
      .text();
}

std::string cluster_text(const Cluster& cluster) {
  Object object;
  if (cluster.groups.size() == 1) {
    object.json("node", node_text(cluster.groups[0].node)).add("nodes", cluster.groups[0].nodes);
  } else {
    std::vector<std::string> groups;
    for (const NodeGroup& group : cluster.groups)
      groups.push_back(Object().json("node", node_text(group.node)).add("nodes", group.nodes).text());
    object.json("groups", fmt::format("[{}]", fmt::join(groups, ", ")));
  }
  object.add("ranks", cluster.asked_ranks);
  if (const Fabric& fabric = cluster.network; !cluster.fabric.empty())
    object.json("fabric", Object()
                              .add("name", fabric.name)
                              .add("kind", fabric.kind)
                              .said("bytes_per_s", fabric.bytes_per_s)
                              .add("oversubscription", fabric.oversubscription)
                              .said("latency_s", fabric.latency_s)
                              .text());
  return object.text();
}

std::string train_text(const Train& train) {
  Object object;
  object.add("sequence_length", train.sequence_length)
      .add("global_batch", train.global_batch)
      .add("tokens", train.tokens);
  for (const auto& [key, value] : policy_of(train.hyper)) object.add(key, value);
  return object.text();
}

std::string failures_text(const Failures& f) {
  Object object;
  object.add("per_node_day", f.per_node_day)
      .add("job_failures_per_day", f.job_failures_per_day)
      .add("detection_s", f.detection_s)
      .add("restart_s", f.restart_s)
      .add("restart_can_fail", f.restart_can_fail)
      .add("checkpoint_write_s", f.checkpoint_write_s);
  if (f.checkpoint_optimum)
    object.add("checkpoint_interval_s", "optimum");
  else
    object.add("checkpoint_interval_s", f.checkpoint_interval_s);
  return object.add("spare_nodes", f.spare_nodes).text();
}

std::string simulate_text(const Simulate& s) {
  Object object;
  object.add("depth", name_in(kDepths, s.depth)).add("sharing", s.sharing);
  if (s.stragglers_given)
    object.json("stragglers",
                Object().add("share", s.stragglers.share).add("slowdown", s.stragglers.slowdown).text());
  if (s.failures) object.json("failures", failures_text(*s.failures));
  return object.text();
}

std::string prices_text(const Prices& prices) {
  return Object()
      .add("gpu_hour_usd", prices.gpu_hour_usd)
      .add("kwh_usd", prices.kwh_usd)
      .add("pue", prices.pue)
      .text();
}

std::string execute_text(const Execute& execute) {
  Object object;
  object.said("data", execute.data).add("steps", execute.steps);
  if (execute.checkpoint_directory.empty()) return object.text();
  Object checkpoint;
  checkpoint.add("directory", execute.checkpoint_directory);
  if (execute.checkpoint_every > 0) checkpoint.add("every", execute.checkpoint_every);
  return object.json("checkpoint", checkpoint.text()).text();
}

}  // namespace

std::string write_job(const Job& job) {
  Object object;
  object.json("model", model_text(job.model))
      .json("cluster", cluster_text(job.cluster))
      .json("train", train_text(job.train))
      .json("plan", write_plan(job.plan));
  if (job.software_changes.empty())
    object.add("software", job.software);
  else
    object.json("software", job.software_changes);
  return object.add("seed", static_cast<std::int64_t>(job.seed))
      .json("simulate", simulate_text(job.simulate))
      .json("prices", prices_text(job.prices))
      .json("execute", execute_text(job.execute))
      .json("tune", Object().add("objective", job.tune.objective).add("budget", job.tune.budget).text())
      .text();
}

}  // namespace ds::workload
