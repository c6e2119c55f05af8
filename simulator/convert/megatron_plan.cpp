// The plan, as Megatron-LM's flags describe it: what hangs together with other flags. Defaults are those of its arguments.py at
// d98e8a64dd: no sharding, no overlap, no recompute, fp32, dropout of 0.1.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "simulator/base/json.h"
#include "simulator/convert/megatron.h"

namespace ds::convert::megatron {
namespace {

void take_degrees(const Flags& flags, const Asked& asked, Draft& draft) {
  for (const auto& [name, key] :
       {std::pair("--context-parallel-size", "plan.cp"), {"--expert-model-parallel-size", "plan.ep"}})
    if (const Flag* flag = flags.find(name); flag != nullptr && count_of(*flag) != 1)
      draft.set_count(key, count_of(*flag), flag);
  if (!draft.has("plan.cp")) draft.drop("plan.cp_kind");
  const bool experts = flags.find("--num-experts") != nullptr;
  const Flag* etp = flags.find("--expert-tensor-parallel-size");
  if (experts && (etp != nullptr || draft.has("plan.ep")))
    draft.set_count("plan.etp",
                    etp != nullptr ? count_of(*etp) : flags.count("--tensor-model-parallel-size", 1),
                    etp != nullptr ? etp : flags.find("--tensor-model-parallel-size"));
  const Flag* dispatcher = flags.find("--moe-token-dispatcher-type");
  if (draft.has("plan.ep") && (dispatcher == nullptr || only_value(*dispatcher) == "allgather")) {
    const Flag& blamed = dispatcher != nullptr ? *dispatcher : *flags.find("--expert-model-parallel-size");
    refuse(blamed,
           "experts whose tokens are gathered by all ranks (the dispatcher allgather, which is the default); "
           "alltoall and flex can be",
           asked, draft);
  }
  if (draft.has("plan.ep") && dispatcher != nullptr) {
    const Flag* backend = flags.find("--moe-flex-dispatcher-backend");
    const bool hybrid = backend != nullptr && only_value(*backend) == "hybridep";
    draft.set_text("plan.dispatch",
                   only_value(*dispatcher) != "flex" ? "all_to_all"
                   : hybrid                          ? "hybrid"
                                                     : "hierarchical",
                   dispatcher);
  }
  if (flags.on("--use-tp-pp-dp-mapping"))
    draft.set_text("plan.placement", "tp-cp-ep-pp-dp", flags.find("--use-tp-pp-dp-mapping"));
}

/// The stage of ZeRO that the sharding is.
void take_sharding(const Flags& flags, Draft& draft) {
  const Flag* optimizer = flags.find("--use-distributed-optimizer");
  if (const Flag* fsdp = flags.find("--use-torch-fsdp2")) {
    draft.set_count("plan.zero", flags.on("--torch-fsdp2-no-reshard-after-forward") ? 2 : 3, fsdp);
  } else if (const Flag* own = flags.find("--use-megatron-fsdp")) {
    const Flag* strategy = flags.find("--data-parallel-sharding-strategy");
    constexpr std::string_view kStrategies[] = {"no_shard", "optim", "optim_grads", "optim_grads_params"};
    const std::string_view word =
        strategy != nullptr ? std::string_view(only_value(*strategy)) : kStrategies[3];
    const auto* found = std::ranges::find(kStrategies, word);
    if (found == std::end(kStrategies))
      fail(*strategy, fmt::format("is {}", json_text(word)),
           fmt::format("{} are possible", fmt::join(kStrategies, ", ")));
    draft.set_count("plan.zero", static_cast<std::int64_t>(found - kStrategies),
                    strategy != nullptr ? strategy : own);
  } else {
    if (optimizer != nullptr) expect_switch(*optimizer);
    draft.set_count("plan.zero", static_cast<std::int64_t>(optimizer != nullptr ? 1 : 0), optimizer);
  }
  const Flag* instances = flags.find("--num-distributed-optimizer-instances");
  if (instances == nullptr || count_of(*instances) == 1) return;
  const std::int64_t shared = draft.ranks() /
                              std::max<std::int64_t>(1, flags.count("--tensor-model-parallel-size", 1)) /
                              std::max<std::int64_t>(1, flags.count("--pipeline-model-parallel-size", 1));
  if (count_of(*instances) < 1 || shared % count_of(*instances) != 0)
    fail(*instances, fmt::format("is {}, must divide the {} ranks that share out one part of the model",
                                 count_of(*instances), shared));
  draft.set_count("plan.zero_group", shared / count_of(*instances), instances);
}

void take_precision(const Flags& flags, Draft& draft) {
  const Flag* half = flags.find("--fp16");
  const Flag* brain = flags.find("--bf16");
  if (half != nullptr && brain != nullptr) fail(*half, "stands beside --bf16", "give one of them");
  const Flag* eight = flags.find("--fp8-format");
  if (eight != nullptr) {
    const std::string& format = only_value(*eight);
    if (format != "hybrid" && format != "e4m3")
      fail(*eight, fmt::format("is {}", json_text(format)), "e4m3 and hybrid are possible");
    draft.set_text("plan.precision", "fp8", eight);
    if (!draft.has("plan.fp8_recipe")) draft.set_text("plan.fp8_recipe", "tensor_delayed", eight);
  } else {
    draft.drop("plan.fp8_recipe");
    draft.set_text("plan.precision",
                   half != nullptr    ? "fp16"
                   : brain != nullptr ? "bf16"
                                      : "fp32",
                   half != nullptr ? half : brain);
  }
  if (const Flag* reduce = flags.find("--grad-reduce-in-bf16"))
    draft.set_text("plan.reduce_precision", "bf16", reduce);
}

/// Rates of attention and of what is added to the residual; 0.1 where nothing is said.
void take_dropout(const Flags& flags, const Asked& asked, Draft& draft) {
  const auto rate = [&](const char* name) {
    const Flag* flag = flags.find(name);
    return flag != nullptr ? number_of(*flag) : 0.1;
  };
  const double attention = rate("--attention-dropout"), hidden = rate("--hidden-dropout");
  const Flag* blamed =
      flags.find(flags.find("--attention-dropout") != nullptr ? "--attention-dropout" : "--hidden-dropout");
  if (attention != hidden)
    refuse(*blamed,
           fmt::format("rates of dropout that differ: {} of attention, {} of residuals", attention, hidden),
           asked, draft);
  draft.set_json("plan.dropout", fmt::format("{}", std::max(attention, hidden)), blamed);
}

}  // namespace

void refuse(const Flag& flag, std::string_view what, const Asked& asked, Draft& draft) {
  if (!asked.lenient)
    fail(flag, fmt::format("cannot be predicted yet: {}", what), "--lenient leaves it out and says so");
  draft.notes.push_back(
      fmt::format("left out, which the prediction will be wrong by: {} ({})", flag.name, what));
}

void take_recompute(const Flags& flags, const Stages& stages, const Asked& asked, Draft& draft) {
  const Flag* granularity = flags.find("--recompute-granularity");
  const bool selective = flags.on("--recompute-activations") ||
                         (granularity != nullptr && only_value(*granularity) == "selective");
  if (granularity == nullptr && !selective) {
    draft.set_text("plan.recompute", "none");
    return;
  }
  if (selective) {
    if (const Flag* modules = flags.find("--recompute-modules")) {
      std::vector<std::string> names;
      for (const Word& module : modules->values) names.push_back(json_text(module.text));
      if (names.size() != 1 || modules->values.front().text != "core_attn") {
        draft.set_json("plan.recompute", fmt::format("[{}]", fmt::join(names, ", ")), modules);
        return;
      }
    }
    draft.set_text("plan.recompute", "selective",
                   granularity != nullptr ? granularity : flags.find("--recompute-activations"));
    return;
  }
  if (only_value(*granularity) != "full")
    fail(*granularity, fmt::format("is {}", json_text(only_value(*granularity))),
         "full and selective are possible");
  const Flag* method = flags.find("--recompute-method");
  if (method == nullptr)
    fail(*granularity, "is full and needs --recompute-method", "uniform and block are possible");
  const Flag* number = flags.find("--recompute-num-layers");
  if (number == nullptr) fail(*granularity, "is full and needs --recompute-num-layers");
  if (only_value(*method) == "uniform") {
    if (count_of(*number) != 1) refuse(*number, "several layers that are recomputed as one", asked, draft);
    draft.set_text("plan.recompute", "full", granularity);
    return;
  }
  if (only_value(*method) != "block")
    fail(*method, fmt::format("is {}", json_text(only_value(*method))), "uniform and block are possible");
  // So many layers of each chunk; of all of them where the chunks are no longer.
  if (count_of(*number) >= stages.longest) {
    draft.set_text("plan.recompute", "full", number);
    return;
  }
  draft.set_count("plan.recompute", count_of(*number) * stages.chunks, number);
}

void take_plan(const Flags& flags, const Asked& asked, Draft& draft) {
  take_degrees(flags, asked, draft);
  const Stages stages = take_stages(flags, asked, draft);
  // So many micro-batches go through a chunk before the next chunk has its turn.
  if (const Flag* group = flags.find("--microbatch-group-size-per-virtual-pipeline-stage");
      group != nullptr && stages.chunks > 1 &&
      count_of(*group) != flags.count("--pipeline-model-parallel-size", 1))
    refuse(*group, "groups of micro-batches that are not as many as stages", asked, draft);
  const Flag* sequence = flags.find("--sequence-parallel");
  if (sequence != nullptr) expect_switch(*sequence);
  if (const Flag* tp = flags.find("--tensor-model-parallel-size"); tp != nullptr && count_of(*tp) > 1)
    draft.set_switch("plan.sequence_parallel", sequence != nullptr, sequence);
  take_sharding(flags, draft);
  take_recompute(flags, stages, asked, draft);
  take_precision(flags, draft);
  take_kernels(flags, asked, draft);
  take_dropout(flags, asked, draft);
  // PyTorch's FSDP overlaps without being asked.
  const Flag* fsdp = flags.find("--use-torch-fsdp2");
  for (const char* key : {"plan.overlap.grad_reduce", "plan.overlap.param_gather"})
    if (!draft.has(key)) draft.set_switch(key, fsdp != nullptr, fsdp);
  if (!draft.has("plan.overlap.tp_comm")) draft.set_switch("plan.overlap.tp_comm", false);
  // Megatron-LM switches it off where stages have one chunk (validate_args).
  const Flag* alone = flags.find("--no-overlap-p2p-communication");
  draft.set_switch("plan.overlap.p2p", alone == nullptr && stages.chunks > 1, alone);
  if (const Flag* share = flags.find("--optimizer-offload-fraction");
      share != nullptr && flags.on("--optimizer-cpu-offload"))
    draft.set_json("plan.offload.optimizer", fmt::format("{}", number_of(*share)), share);
  if (const Flag* offload = flags.find("--cpu-offloading-num-layers");
      offload != nullptr && count_of(*offload) > 0)
    draft.set_count("plan.offload.activations", count_of(*offload), offload);
}

}  // namespace ds::convert::megatron
