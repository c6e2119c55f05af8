// Reads profiles/kernels/gpu.json for one architecture.
#include "simulator/cost/gpu_facts.h"

#include <algorithm>

#include "simulator/base/json.h"
#include "simulator/workload/presets.h"

namespace ds::cost {
namespace {

/// The first entry whose arch begins the GPU's; the file ends with one for all.
Cursor entry_for(const Cursor& list, std::string_view arch) {
  const std::vector<Cursor> entries = list.list(1);
  for (const Cursor& entry : entries)
    if (arch.starts_with(entry.member("arch").text())) return entry;
  return entries.back();
}

ProductRates read_products(const Cursor& list, std::string_view arch) {
  const Cursor at = entry_for(list, arch);
  at.only({"arch", "peak_share", "memory_share", "launch_s"});
  return {.peak_share = at.member("peak_share").real(1e-3, 1),
          .memory_share = at.member("memory_share").real(1e-3, 1),
          .launch_s = at.member("launch_s").real(0)};
}

AttentionRate read_rate(const Cursor& at) {
  at.only({"best", "half_sequence", "half_blocks"});
  return {.best = at.member("best").real(1e-3, 1),
          .half_sequence = at.member("half_sequence").real(0),
          .half_blocks = at.member("half_blocks").real(0)};
}

constexpr std::string_view kFusedAttention[] = {"flash1", "flash2", "cudnn", "flash3"};

Slowdowns read_wide_heads(const Cursor& at) {
  at.only({"forward", "backward", "source"});
  const double backward = at.member("backward").positive();
  return {at.member("forward").positive(), backward, backward};
}

/// Of the entries for the architecture, that of the newest kernels up to those asked for, else the oldest.
void read_attention(const Cursor& root, std::string_view arch, FusedAttention asked, GpuFacts& facts) {
  const Cursor list = root.member("attention"), first = entry_for(list, arch);
  const std::string family = first.member("arch").text();
  Cursor best = first;
  for (const Cursor& entry : list.list(1)) {
    entry.only({"arch", "kernels", "forward", "backward", "wide_heads"});
    if (entry.member("arch").text() == family &&
        entry.member("kernels").choose(kFusedAttention) <= static_cast<std::size_t>(asked))
      best = entry;
  }
  facts.attention = {read_rate(best.member("forward")), read_rate(best.member("backward"))};
  const auto own = best.find("wide_heads");
  facts.wide_heads = read_wide_heads(own ? *own : root.member("wide_heads"));
}

Slowdowns read_block_products(const Cursor& list, std::string_view arch, BlockProducts whose) {
  const Cursor at = entry_for(list, arch);
  at.only({"arch", "weight_gradient", "own_weight_gradient"});
  const double library = at.member("weight_gradient").positive(),
               own = at.member("own_weight_gradient").positive();
  if (whose == BlockProducts::none) return {};
  return {.weight_gradient = whose == BlockProducts::own ? own : library};
}

Slowdowns read_grouped(const Cursor& list, std::string_view arch) {
  const Cursor at = entry_for(list, arch);
  at.only({"arch", "forward", "input_gradient", "weight_gradient"});
  return {at.member("forward").positive(), at.member("input_gradient").positive(),
          at.member("weight_gradient").positive()};
}

UnfusedRates read_unfused(const Cursor& at) {
  at.only({"batched_share", "memory_share", "bytes_per_score", "odd_head_slowdown", "source"});
  const Cursor bytes = at.member("bytes_per_score");
  bytes.only({"forward", "backward", "forward_dropout", "backward_dropout"});
  return {.batched_share = at.member("batched_share").real(1e-3, 1),
          .memory_share = at.member("memory_share").real(1e-3, 1),
          .forward_bytes = bytes.member("forward").positive(),
          .backward_bytes = bytes.member("backward").positive(),
          .forward_dropout_bytes = bytes.member("forward_dropout").positive(),
          .backward_dropout_bytes = bytes.member("backward_dropout").positive(),
          .odd_head_slowdown = at.member("odd_head_slowdown").real(1)};
}

}  // namespace

double GpuFacts::memory_share_of(std::string_view kind) const {
  const auto found = memory_shares.find(kind);
  return found != memory_shares.end() ? found->second : memory_share;
}

GpuFacts read_gpu_facts(std::string_view arch, FusedAttention attention, BlockProducts blocks) {
  const Document document = read_document(workload::profiles_directory() / "kernels" / "gpu.json");
  const Cursor root = document.root();
  root.only({"name", "about", "products", "products_source", "attention", "attention_source", "wide_heads",
             "grouped", "grouped_source", "block_products", "block_products_source", "unfused",
             "memory_bound", "host", "sigma"});
  GpuFacts facts{.products = read_products(root.member("products"), arch),
                 .grouped = read_grouped(root.member("grouped"), arch),
                 .block_products = read_block_products(root.member("block_products"), arch, blocks),
                 .unfused = read_unfused(root.member("unfused"))};
  read_attention(root, arch, attention, facts);
  const Cursor memory = root.member("memory_bound");
  memory.only({"default", "launch_s", "classes", "source"});
  for (const auto& [kind, share] : memory.member("classes").members())
    facts.memory_shares[kind] = share.real(1e-3, 1);
  facts.memory_share = memory.member("default").real(1e-3, 1);
  facts.launch_s = memory.member("launch_s").real(0);
  const Cursor host = root.member("host");
  host.only({"link_share", "memory_share", "source"});
  facts.host_link_share = host.member("link_share").real(1e-3, 1);
  facts.host_memory_share = host.member("memory_share").real(1e-3, 1);
  const Cursor sigma = root.member("sigma");
  sigma.only({"product", "product_table", "attention", "memory_bound"});
  facts.product_sigma = sigma.member("product").real(0);
  facts.table_sigma = sigma.member("product_table").real(0);
  facts.attention_sigma = sigma.member("attention").real(0);
  facts.memory_sigma = sigma.member("memory_bound").real(0);
  return facts;
}

}  // namespace ds::cost
