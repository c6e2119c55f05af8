// How Megatron-LM cuts layers into stages and chunks: evenly, with other numbers at the ends, with embedding and loss counted as
// layers, or by a layout. Source: transformer_block.py, get_num_layers_to_build, and pipeline_parallel_layer_layout.py at d98e8a64dd.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "simulator/base/units.h"
#include "simulator/convert/layer_pattern.h"
#include "simulator/convert/megatron.h"
#include "simulator/workload/limits.h"
#include "simulator/workload/split.h"

namespace ds::convert::megatron {
namespace {

/// [stage][chunk]
using Split = std::vector<std::vector<std::int64_t>>;

std::int64_t degree(const Flags& flags, std::string_view name) {
  return std::clamp<std::int64_t>(flags.count(name, 1), 1, workload::kMaxDegree);
}

/// Megatron-LM takes equal parts alone; others are predicted as the job's reader cuts them.
void note_uneven(std::int64_t layers, std::int64_t parts, const Flag& flag, std::string_view of,
                 Draft& draft) {
  if (layers % parts != 0)
    draft.notes.push_back(
        fmt::format("Megatron-LM refuses {} {}, as {} does not divide the {} layers {}; predicted with parts "
                    "that are not alike, which --pipeline-model-parallel-layout can say",
                    flag.name, count_of(flag), parts, layers, of));
}

Stages write_split(const Split& split, const Flag* from, Draft& draft) {
  Stages stages{.chunks = std::ssize(split.front()), .longest = 0};
  bool even = true;
  for (const auto& stage : split)
    for (const std::int64_t n : stage) {
      stages.longest = std::max(stages.longest, n);
      even &= n == split.front().front();
    }
  if (even) return stages;
  std::vector<std::string> texts;
  for (const auto& stage : split)
    texts.push_back(stages.chunks == 1 ? fmt::format("{}", stage[0])
                                       : fmt::format("[{}]", fmt::join(stage, ", ")));
  draft.set_json("plan.stage_layers", fmt::format("[{}]", fmt::join(texts, ", ")), from);
  return stages;
}

Stages by_layout(const Flag& flag, const Flags& flags, const Asked& asked, Draft& draft) {
  const Layout layout = pipeline_layout(flag);
  const std::int64_t pp = degree(flags, "--pipeline-model-parallel-size");
  if (std::ssize(layout.layers) % pp != 0)
    fail(flag,
         fmt::format("has {} stages, must have a multiple of --pipeline-model-parallel-size, which is {}",
                     layout.layers.size(), pp));
  if (layout.predicted != flags.count("--mtp-num-layers", 0))
    fail(flag, fmt::format("has {} layers of multi-token prediction, --mtp-num-layers is {}",
                           layout.predicted, flags.count("--mtp-num-layers", 0)));
  if (!layout.predicted_with_loss)
    refuse(flag, "multi-token prediction in another stage than the loss", asked, draft);
  const std::int64_t vpp = std::ssize(layout.layers) / pp;
  if (vpp > 1) draft.set_count("plan.vpp", vpp, &flag);
  Split split(static_cast<std::size_t>(pp));
  for (std::size_t i = 0; i < layout.layers.size(); ++i) split[i % split.size()].push_back(layout.layers[i]);
  return write_split(split, &flag, draft);
}

/// Embedding and loss count as a layer each, where flags say so.
struct Ends {
  std::int64_t first{}, last{};  // layers that the first and the last chunk have less
};

std::int64_t chunks_of(const Flags& flags, std::int64_t counted, std::int64_t pp, Draft& draft) {
  if (const Flag* chunks = flags.find("--num-virtual-stages-per-pipeline-rank")) {
    const std::int64_t n = count_of(*chunks);
    if (n < 1 || n > workload::kMaxVpp)
      fail(*chunks, fmt::format("is {}, must be from 1 to {}", n, workload::kMaxVpp));
    return n;
  }
  const Flag* layers = flags.find("--num-layers-per-virtual-pipeline-stage");
  if (layers == nullptr) return 1;
  const std::int64_t each = count_of(*layers), of_stage = ceil_div(counted, pp);
  if (each < 1 || each > of_stage)
    fail(*layers, fmt::format("is {}, must be from 1 to the {} layers of a stage", each, of_stage));
  note_uneven(of_stage, each, *layers, "of a stage", draft);
  return ceil_div(of_stage, each);
}

}  // namespace

Stages take_stages(const Flags& flags, const Asked& asked, Draft& draft) {
  if (const Flag* layout = flags.find("--pipeline-model-parallel-layout"))
    return by_layout(*layout, flags, asked, draft);
  const std::int64_t layers = draft.layers();
  const std::int64_t pp = degree(flags, "--pipeline-model-parallel-size");
  const Ends ends{.first = flags.on("--account-for-embedding-in-pipeline-split") ? 1 : 0,
                  .last = flags.on("--account-for-loss-in-pipeline-split") ? 1 : 0};
  const std::int64_t counted = layers + ends.first + ends.last;
  const std::int64_t vpp =
      std::clamp<std::int64_t>(chunks_of(flags, counted, pp, draft), 1, workload::kMaxVpp);
  if (vpp > 1)
    draft.set_count("plan.vpp", vpp,
                    flags.find(flags.find("--num-virtual-stages-per-pipeline-rank") != nullptr
                                   ? "--num-virtual-stages-per-pipeline-rank"
                                   : "--num-layers-per-virtual-pipeline-stage"));
  const Flag* first = flags.find("--decoder-first-pipeline-num-layers");
  const Flag* last = flags.find("--decoder-last-pipeline-num-layers");
  const Flag* pipeline = flags.find("--pipeline-model-parallel-size");
  if (pipeline == nullptr || pp == 1 || pp * vpp > counted)
    return {.chunks = vpp, .longest = std::max<std::int64_t>(1, layers / (pp * vpp))};
  std::vector<std::int64_t> stages(static_cast<std::size_t>(pp));
  std::int64_t left = first != nullptr || last != nullptr ? layers : counted, among = pp;
  if (first != nullptr) left -= stages.front() = count_of(*first), --among;
  if (last != nullptr) left -= stages.back() = count_of(*last), --among;
  if (left < among || (among == 0 && left != 0))
    fail(*pipeline, fmt::format("is {}, leaves {} layers for {} stages", pp, left, among));
  if (among > 0) note_uneven(left, among, *pipeline, "that are left for its stages", draft);
  for (std::int64_t s = 0; s < among; ++s)
    stages[static_cast<std::size_t>(s + (first != nullptr ? 1 : 0))] = workload::stage_layers(left, among, s);
  if (const auto uneven = std::ranges::find_if(stages, [&](std::int64_t n) { return n % vpp != 0; });
      uneven != stages.end())
    note_uneven(*uneven, vpp, *pipeline, "of a stage", draft);
  Split split(stages.size());
  for (std::size_t s = 0; s < stages.size(); ++s)
    for (std::int64_t c = 0; c < vpp; ++c)
      split[s].push_back(workload::chunk_layers(stages[s], vpp, static_cast<std::int64_t>(s), c));
  if (first == nullptr && last == nullptr) {
    split.front().front() -= ends.first;
    split.back().back() -= ends.last;
  }
  const Flag* said = first != nullptr ? first : last;
  return write_split(split, said != nullptr ? said : pipeline, draft);
}

}  // namespace ds::convert::megatron
