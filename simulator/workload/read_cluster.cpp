// `cluster`: one kind of node or groups of several, and the network between them.

#include <fmt/format.h>

#include <fstream>

#include "simulator/base/error.h"
#include "simulator/base/file.h"
#include "simulator/base/hash.h"
#include "simulator/workload/limits.h"
#include "simulator/workload/presets.h"
#include "simulator/workload/reader.h"
#include "simulator/workload/spellings.h"

namespace ds::workload {
namespace {

namespace fs = std::filesystem;

/// 0 where it is not given.
double quantity(const Cursor& at, std::string_view key, const Range& range) {
  const std::optional<Cursor> found = at.find(key);
  return found ? found->none_or_within(range) : 0;
}

Gpu read_gpu(const Cursor& at) {
  if (at.is_text()) {
    const std::string name = at.text();
    return read_gpu(preset_document(PresetKind::gpu, name, at).root());
  }
  if (!at.is_object()) at.fail_value("a GPU preset's name or an object");
  at.only({"name", "source", "note", "arch", "dense_flops_per_s", "memory_bytes", "memory_bytes_per_s",
           "sm_count", "boost_hz", "l2_bytes", "pcie_bytes_per_s", "tdp_w"});
  Gpu gpu;
  if (const auto name = at.find("name"))
    gpu.name = name->text();
  else
    gpu.name = "custom";
  if (const auto arch = at.find("arch")) gpu.arch = arch->text();
  const Cursor flops = at.member("dense_flops_per_s");
  flops.only({"fp32", "tf32", "fp16", "bf16", "fp8"});
  gpu.fp32_flops_per_s = quantity(flops, "fp32", kFlopRate);
  gpu.tf32_flops_per_s = quantity(flops, "tf32", kFlopRate);
  gpu.fp16_flops_per_s = quantity(flops, "fp16", kFlopRate);
  gpu.bf16_flops_per_s = quantity(flops, "bf16", kFlopRate);
  gpu.fp8_flops_per_s = quantity(flops, "fp8", kFlopRate);
  gpu.memory_bytes = at.member("memory_bytes").within(kMemory);
  gpu.memory_bytes_per_s = at.member("memory_bytes_per_s").within(kByteRate);
  gpu.sm_count = quantity(at, "sm_count", kUnits);
  gpu.boost_hz = quantity(at, "boost_hz", kClock);
  gpu.l2_bytes = quantity(at, "l2_bytes", kMemory);
  gpu.pcie_bytes_per_s = quantity(at, "pcie_bytes_per_s", kByteRate);
  gpu.tdp_w = quantity(at, "tdp_w", kPower);
  return gpu;
}

Intra read_intra(const Cursor& at) {
  at.only({"kind", "bytes_per_s", "latency_s", "in_switch_reduction", "sockets", "socket_bytes_per_s"});
  Intra intra;
  intra.kind = at.member("kind").one_of(kIntraKinds);
  if (intra.kind != IntraKind::none) intra.bytes_per_s = at.member("bytes_per_s").within(kByteRate);
  intra.latency_s = quantity(at, "latency_s", kLatency);
  if (const auto reduction = at.find("in_switch_reduction")) intra.in_switch_reduction = reduction->boolean();
  if (const auto sockets = at.find("sockets")) intra.sockets = sockets->count(1, kMaxGpusPerNode);
  if (intra.sockets > 1) intra.socket_bytes_per_s = at.member("socket_bytes_per_s").within(kByteRate);
  return intra;
}

Nics read_nics(const Cursor& at) {
  at.only({"count", "bytes_per_s", "reached_bytes_per_s", "kind"});
  Nics nics;
  nics.count = at.member("count").count(0, kMaxGpusPerNode);
  if (nics.count > 0) nics.bytes_per_s = at.member("bytes_per_s").within(kByteRate);
  if (const auto reached = at.find("reached_bytes_per_s"))
    nics.reached_bytes_per_s = reached->within(kByteRate);
  if (const auto kind = at.find("kind")) nics.kind = kind->text();
  return nics;
}

/// The object form, in a job or in a preset.
Node read_node_object(const Cursor& at) {
  at.only({"name", "source", "note", "gpu", "gpus_per_node", "usable_memory_bytes", "intra", "nics", "host",
           "max_node_w"});
  Node node;
  if (const auto name = at.find("name"))
    node.name = name->text();
  else
    node.name = "custom";
  node.accelerator = read_gpu(at.member("gpu"));
  node.gpu = node.accelerator.name;
  node.gpus_per_node = at.member("gpus_per_node").count(1, kMaxGpusPerNode);
  const auto usable = at.find("usable_memory_bytes");
  node.memory_bytes_per_gpu = usable ? usable->within(kMemory) : node.accelerator.memory_bytes;
  if (const auto intra = at.find("intra"))
    node.intra = read_intra(*intra);
  else if (node.gpus_per_node > 1)
    at.member("intra");
  const bool mesh = node.intra.kind == IntraKind::nvlink_mesh || node.intra.kind == IntraKind::xgmi_mesh;
  if (mesh && node.gpus_per_node > kMaxMeshedGpus)
    at.member("gpus_per_node")
        .fail(fmt::format("must be at most {} where each GPU has a link to each other (intra.kind)",
                          kMaxMeshedGpus));
  if (node.gpus_per_node % node.intra.sockets != 0)
    at.member("intra").member("sockets").fail("must divide gpus_per_node");
  if (const auto nics = at.find("nics")) node.nics = read_nics(*nics);
  if (const auto host = at.find("host")) {
    host->only({"memory_bytes", "memory_bytes_per_s", "link_bytes_per_s", "launch_slowdown", "source"});
    node.host_memory_bytes = quantity(*host, "memory_bytes", kMemory);
    node.host_memory_bytes_per_s = quantity(*host, "memory_bytes_per_s", kByteRate);
    node.host_link_bytes_per_s = quantity(*host, "link_bytes_per_s", kByteRate);
    if (const auto slowdown = host->find("launch_slowdown")) node.launch_slowdown = slowdown->within(kFactor);
  }
  node.max_node_w = quantity(at, "max_node_w", kPower);
  return node;
}

/// Bytes of memory of this machine.
double total_memory() {
  std::ifstream file("/proc/meminfo");
  std::string word;
  double kib = 0;
  while (file >> word)
    if (word == "MemTotal:" && file >> kib) return kib * 1024;
  throw MachineError("/proc/meminfo: MemTotal cannot be read");
}

/// A node behind a calibrated profile. Its measurements are read where they are used; here it matters what it is.
Node node_of_profile(const fs::path& file) {
  const std::string bytes = read_file(file);
  const Document document = parse_document(bytes, file.string());
  const Cursor at = document.root();
  at.expect_object();
  Node node;
  node.name = file.string();
  node.cpu = true;
  // The memory is that of the machine that was measured, which need not be this one.
  node.machine_memory_bytes = at.member("machine").member("memory_bytes").within(kMemory);
  node.profile_path = file.string();
  node.profile_hash = hex(hash_of(bytes));
  return node;
}

Node localhost(const Defaults& defaults) {
  const fs::path file = localhost_profile();
  std::error_code error;
  if (fs::exists(file, error)) {
    Node node;
    try {
      node = node_of_profile(file);
    } catch (const InputError& damaged) {
      throw with_calibration_hint(damaged);
    }
    node.name = "localhost";
    node.machine_memory_bytes = total_memory();
    defaults.assume("cluster.node", fmt::format("{} ({})", node.profile_path, node.profile_hash),
                    "localhost: its last calibration");
    return node;
  }
  Node node;
  node.name = "localhost";
  node.cpu = true;
  node.machine_memory_bytes = total_memory();
  defaults.assume("cluster.node", "a rough default",
                  "localhost has not been calibrated: run ds-exec calibrate");
  return node;
}

Node read_node(const Cursor& at, const fs::path& folder, const Defaults& defaults) {
  if (at.is_object()) return read_node_object(at);
  if (!at.is_text())
    at.fail_value("a preset's name, localhost, the path of a calibrated profile, or an object");
  const std::string name = at.text();
  if (name == "localhost") return localhost(defaults);
  if (!names_a_file(name)) return read_node_object(preset_document(PresetKind::cluster, name, at).root());
  try {
    Node node = node_of_profile(folder / name);
    defaults.assume(at.path(), fmt::format("{} ({})", node.profile_path, node.profile_hash),
                    "calibrated profile");
    return node;
  } catch (const InputError& error) {
    at.fail(error.what());
  }
}

Fabric read_fabric(const Cursor& at) {
  if (at.is_text()) {
    const std::string name = at.text();
    return read_fabric(preset_document(PresetKind::fabric, name, at).root());
  }
  if (!at.is_object()) at.fail_value("a fabric preset's name or an object");
  at.only({"name", "source", "note", "kind", "bytes_per_s", "oversubscription", "latency_s"});
  Fabric fabric;
  if (const auto name = at.find("name"))
    fabric.name = name->text();
  else
    fabric.name = "custom";
  fabric.kind = kFabricKinds[at.member("kind").choose(kFabricKinds)];
  fabric.bytes_per_s = quantity(at, "bytes_per_s", kByteRate);
  if (const auto over = at.find("oversubscription")) fabric.oversubscription = over->within(kFactor);
  fabric.latency_s = quantity(at, "latency_s", kLatency);
  return fabric;
}

}  // namespace

Cluster read_cluster(const Cursor& at, const fs::path& folder, const Defaults& defaults) {
  at.only({"node", "nodes", "fabric", "groups", "ranks"});
  Cluster cluster;
  if (const auto groups = at.find("groups")) {
    for (const char* key : {"node", "nodes"})
      if (const auto both = at.find(key))
        both->fail("stands beside cluster.groups", "give node and nodes, or groups");
    for (const Cursor& group : groups->list(1, kMaxGroups)) {
      group.only({"node", "nodes"});
      const Cursor node = group.member("node");
      cluster.groups.push_back(
          {read_node(node, folder, defaults), group.member("nodes").count(1, kMaxNodes)});
      if (cluster.groups.back().node.cpu)
        node.fail("is a CPU node, which stands alone", "give cluster.node instead");
    }
  } else {
    const Cursor node = at.member("node");
    cluster.groups.push_back({read_node(node, folder, defaults), at.member("nodes").count(1, kMaxNodes)});
  }
  if (const auto ranks = at.find("ranks")) {
    if (!cluster.cpu())
      ranks->fail("is for localhost and CPU profiles only", "GPUs follow from cluster.nodes");
    cluster.asked_ranks = ranks->count(1, kMaxCpuRanks);
  }
  if (const auto fabric = at.find("fabric")) {
    cluster.network = read_fabric(*fabric);
    cluster.fabric = cluster.network.name;
  } else if (!cluster.cpu() && (cluster.groups.size() > 1 || cluster.groups[0].nodes > 1)) {
    defaults.assume("cluster.fabric", "fat-tree",
                    "default: as fast as the nodes' network cards, not oversubscribed");
  }
  return cluster;
}

}  // namespace ds::workload
