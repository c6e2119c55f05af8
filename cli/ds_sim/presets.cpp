// `ds-sim presets`: what is shipped, what is in it, and what of it can be predicted.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <iterator>
#include <nlohmann/json.hpp>

#include "cli/ds_sim/commands.h"
#include "cli/ds_sim/lists.h"
#include "cli/prediction/prediction.h"
#include "cli/session/phases.h"
#include "simulator/base/error.h"
#include "simulator/base/nearest.h"

namespace ds::cli {
namespace {

using Json = nlohmann::ordered_json;
using workload::PresetKind;

std::string_view word(PresetKind kind) {
  switch (kind) {
    case PresetKind::model: return "model";
    case PresetKind::gpu: return "gpu";
    case PresetKind::cluster: return "node";
    case PresetKind::fabric: return "fabric";
    case PresetKind::software: return "software";
  }
  return "?";
}

/// A small job that has the preset in it. As many sequences as divide by the GPUs of any node.
std::string job_with(const workload::Preset& preset) {
  std::string model = "gpt2-124m", software = "megatron-te";
  std::string cluster = R"({"node": "dgx-h100", "nodes": 1})";
  if (preset.kind == PresetKind::model) model = preset.name;
  if (preset.kind == PresetKind::software) software = preset.name;
  if (preset.kind == PresetKind::gpu)
    cluster =
        fmt::format(R"({{"node": {{"gpu": {}, "gpus_per_node": 1}}, "nodes": 1}})", json_text(preset.name));
  if (preset.kind == PresetKind::cluster)
    cluster = fmt::format(R"({{"node": {}, "nodes": 1}})", json_text(preset.name));
  if (preset.kind == PresetKind::fabric)
    cluster = fmt::format(R"({{"node": "dgx-h100", "nodes": 2, "fabric": {}}})", json_text(preset.name));
  return fmt::format(R"({{"model": {}, "cluster": {}, "software": {},
                         "train": {{"sequence_length": 1024, "global_batch": 576}}}})",
                     json_text(model), cluster, json_text(software));
}

/// A preset with all that is said of it.
struct Listed {
  workload::Preset preset;
  std::string summary{};  // what is in it
  Json figures = Json::object();
  bool unchecked{};  // its source says that some figure was not checked
  Outcome tried{};   // a job with it

  /// Why it cannot be predicted.
  const std::string& fault() const { return tried.fault; }
};

/// 3.49 M, 175 B, 1.01 T.
std::string parameters_of(double count) {
  if (count >= 999.5e9) return fmt::format("{:.3g} T", count / 1e12);
  return count >= 999.5e6 ? fmt::format("{:.3g} B", count / 1e9) : fmt::format("{:.3g} M", count / 1e6);
}

void describe(const workload::Model& m, Listed& listed) {
  constexpr std::int64_t kRows = 1024;  // learned positions of the job above
  const std::int64_t all = workload::parameters(m, kRows), active = workload::active_parameters(m, kRows);
  listed.summary = fmt::format("{} parameters, {} layers of {}, {} heads",
                               parameters_of(static_cast<double>(all)), m.layers, m.hidden, m.heads);
  if (m.kv_heads != m.heads) listed.summary += fmt::format(" ({} of keys and values)", m.kv_heads);
  if (m.moe) listed.summary += fmt::format(", {} of {} experts", m.moe->top_k, m.moe->experts);
  listed.figures = {
      {"parameters", all}, {"active_parameters", active}, {"layers", m.layers},         {"hidden", m.hidden},
      {"heads", m.heads},  {"kv_heads", m.kv_heads},      {"ffn_hidden", m.ffn_hidden}, {"vocab", m.vocab}};
}

void describe(const workload::Gpu& gpu, Listed& listed) {
  const bool bf16 = gpu.bf16_flops_per_s > 0;
  const double flops = bf16 ? gpu.bf16_flops_per_s : gpu.fp16_flops_per_s;
  listed.summary =
      fmt::format("{} in {}, {}, {}", terminal::rate(FlopsPerSecond{flops}), bf16 ? "bf16" : "fp16",
                  terminal::bytes({static_cast<std::int64_t>(gpu.memory_bytes)}),
                  terminal::rate(BytesPerSecond{gpu.memory_bytes_per_s}));
  if (gpu.tdp_w > 0) listed.summary += fmt::format(", {:.0f} W", gpu.tdp_w);
  listed.figures = {
      {"fp16_flops_per_s", gpu.fp16_flops_per_s},     {"bf16_flops_per_s", gpu.bf16_flops_per_s},
      {"fp8_flops_per_s", gpu.fp8_flops_per_s},       {"memory_bytes", gpu.memory_bytes},
      {"memory_bytes_per_s", gpu.memory_bytes_per_s}, {"tdp_w", gpu.tdp_w}};
}

void describe(const workload::Node& node, Listed& listed) {
  listed.summary = fmt::format("{} x {}", node.gpus_per_node, node.gpu);
  if (node.intra.bytes_per_s > 0)
    listed.summary +=
        fmt::format(", {} between them", terminal::rate(BytesPerSecond{node.intra.bytes_per_s}));
  listed.summary += node.nics.count == 0
                        ? std::string(", no network cards: 1 node")
                        : fmt::format(", {} NIC{} of {}", node.nics.count, node.nics.count == 1 ? "" : "s",
                                      terminal::rate(BytesPerSecond{node.nics.bytes_per_s}));
  listed.figures = {{"gpu", node.gpu},
                    {"gpus", node.gpus_per_node},
                    {"memory_bytes_per_gpu", node.memory_bytes_per_gpu},
                    {"link_bytes_per_s", node.intra.bytes_per_s},
                    {"nics", node.nics.count},
                    {"nic_bytes_per_s", node.nics.bytes_per_s}};
}

void describe(const workload::Fabric& fabric, Listed& listed) {
  listed.summary =
      fmt::format("{}, {} a port", fabric.kind, terminal::rate(BytesPerSecond{fabric.bytes_per_s}));
  if (fabric.latency_s > 0) listed.summary += fmt::format(", {}", terminal::duration({fabric.latency_s}));
  listed.figures = {{"kind", fabric.kind},
                    {"bytes_per_s", fabric.bytes_per_s},
                    {"oversubscription", fabric.oversubscription},
                    {"latency_s", fabric.latency_s}};
}

void describe(const workload::Software& software, Listed& listed) {
  const workload::Overlap& o = software.overlap;
  std::vector<std::string_view> overlaps;
  for (const auto& [name, on] : {std::pair<std::string_view, bool>{"gradients", o.grad_reduce},
                                 {"parameters", o.param_gather},
                                 {"tp", o.tp_comm},
                                 {"p2p", o.p2p}})
    if (on) overlaps.push_back(name);
  listed.summary = fmt::format("gradients in {}; overlaps {}", software.gradient_type,
                               overlaps.empty() ? "nothing" : fmt::format("{}", fmt::join(overlaps, ", ")));
  listed.figures = {
      {"gradient_type", software.gradient_type},
      {"allocator", software.allocator},
      {"host", {{"kernel_s", software.host.kernel_s}, {"communication_s", software.host.communication_s}}},
      {"cuda_graphs", name_in(workload::kCudaGraphs, software.cuda_graphs)},
      {"deterministic", software.deterministic},
      {"fusions", software.fusions}};
}

Listed listed(const workload::Preset& preset) {
  Listed one{.preset = preset, .unchecked = preset.source.find("not checked") != std::string::npos};
  attempt(one.tried, [&] {
    const workload::Job& job = one.tried.job.emplace(workload::read_job_text(job_with(preset), ""));
    const workload::Node& node = job.cluster.groups.front().node;
    switch (preset.kind) {
      case PresetKind::model: describe(job.model, one); break;
      case PresetKind::gpu: describe(node.accelerator, one); break;
      case PresetKind::cluster: describe(node, one); break;
      case PresetKind::fabric: describe(job.cluster.network, one); break;
      case PresetKind::software: describe(job.habits, one); break;
    }
    workload::check_supported(job);
  });
  return one;
}

/// Whether a job with it can really be predicted.
void try_out(Listed& one) {
  if (one.preset.kind == PresetKind::model || !one.fault().empty()) return;
  attempt(one.tried, [&] { predict(*one.tried.job, cost::rough_profile(), workload::Depth::analytic); });
}

std::string lower(std::string_view text) {
  std::string small(text);
  std::ranges::transform(small, small.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return small;
}

/// Whether each word is the kind, or somewhere in the name or in what is in it.
bool matches(const Listed& one, const std::vector<std::string>& words) {
  const std::string text =
      lower(fmt::format("{} {} {}", word(one.preset.kind), one.preset.name, one.summary));
  return std::ranges::all_of(words,
                             [&](const std::string& w) { return text.find(lower(w)) != std::string::npos; });
}

[[noreturn]] void refuse(const std::vector<Listed>& all, const std::vector<std::string>& words) {
  std::vector<std::string_view> names;
  for (const Listed& one : all) names.push_back(one.preset.name);
  const std::string near = nearest(words.front(), names);
  throw InputError("presets", fmt::format("there is none with {}", fmt::join(words, " and ")),
                   near.empty() ? "ds-sim presets lists them all" : fmt::format("did you mean {}?", near));
}

void write(const Common& common, const std::vector<Listed>& all) {
  Json list = Json::array();
  for (const Listed& one : all) {
    Json& json = list.emplace_back(Json{{"kind", word(one.preset.kind)},
                                        {"name", one.preset.name},
                                        {"summary", one.summary},
                                        {"figures", one.figures},
                                        {"predicted", one.fault().empty()},
                                        {"checked", !one.unchecked},
                                        {"source", one.preset.source}});
    if (!one.fault().empty()) json["fault"] = one.fault();
  }
  write_list(common, "presets", std::move(list));
}

terminal::Table table_of(const std::vector<Listed>& all, bool with_sources) {
  using terminal::Align;
  const bool any_fault = std::ranges::any_of(all, [](const Listed& one) { return !one.fault().empty(); });
  terminal::Table table{.columns = {{"kind", Align::left, 3},
                                    {"name", Align::left, terminal::kAlways, 16},
                                    {"what is in it", Align::left, terminal::kNeeded, 24},
                                    {"", Align::left, any_fault ? terminal::kNeeded + 1 : 2}},
                        .rows = {}};
  if (with_sources) table.columns.push_back({"source", Align::left, 1});
  for (const Listed& one : all) {
    auto& row = table.rows.emplace_back();
    row = {{std::string(word(one.preset.kind))}, {one.preset.name, terminal::Hue::bold}, {one.summary}};
    if (!one.fault().empty())
      row.push_back({"not predicted yet", terminal::Hue::red});
    else
      row.push_back({one.unchecked ? "partly unchecked" : "", terminal::Hue::yellow});
    if (with_sources) row.push_back({one.preset.source});
  }
  return table;
}

}  // namespace

int sim_presets(const Common& common, const PresetsOptions& options) {
  check_outputs({{"--report", common.report}});
  Phases phases(common);
  phases.begin("read the presets");
  std::vector<Listed> all;
  for (const workload::Preset& preset : workload::list_presets()) all.push_back(listed(preset));
  phases.end();
  std::vector<Listed> chosen;
  std::ranges::copy_if(all, std::back_inserter(chosen),
                       [&](const Listed& one) { return matches(one, options.words); });
  if (chosen.empty()) refuse(all, options.words);
  for (Listed& one : chosen) try_out(one);
  if (!common.report.empty()) write(common, chosen);
  if (!common.talks()) return kDone;
  const terminal::Screen screen = common.screen(STDOUT_FILENO);
  const bool sources_below = common.verbose && screen.terminal;  // a column of them is wider than any window
  show(common, terminal::draw(table_of(chosen, common.verbose && !sources_below), screen));
  for (const Listed& one : chosen)
    if (sources_below)
      show(common, fmt::format("{}: {}\n", one.preset.name, terminal::one_line(one.preset.source)));
  for (const Listed& one : chosen)
    if (!one.fault().empty() && (common.verbose || !options.words.empty()))
      show(common, fmt::format("{}: {}\n", one.preset.name, terminal::one_line(one.fault())));
  return kDone;
}

}  // namespace ds::cli
