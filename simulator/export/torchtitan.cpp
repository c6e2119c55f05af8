// A launch of torchtitan: the other direction of simulator/convert/torchtitan.cpp. Flags: torchtitan/config/job_config.py at
// e347b1e5e, the last version in which all of a plan is said by flags; later ones have precision and recompute in Python.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "simulator/base/error.h"
#include "simulator/base/nearest.h"
#include "simulator/export/plain_job.h"
#include "simulator/export/trainers.h"
#include "simulator/workload/trainers.h"
#include "simulator/workload/workload.h"

namespace ds::exports::torchtitan {
namespace {

using workload::Job;
using workload::Plan;

/// Our presets that torchtitan has under names of its own.
struct Flavour {
  std::string_view preset, name, flavour;
};
constexpr Flavour kFlavours[] = {{"llama3-8b", "llama3", "8B"},
                                 {"llama3-70b", "llama3", "70B"},
                                 {"llama3-405b", "llama3", "405B"},
                                 {"qwen3-30b-a3b", "qwen3", "30B-A3B"},
                                 {"deepseek-v3", "deepseek_v3", "671B"}};

workload::Model model_of(const Flavour& one, std::int64_t sequence) {
  Job job = workload::read_job_parts(parse_document(
      fmt::format(
          R"({{"model": "{}", "cluster": {{"node": "dgx-h100", "nodes": 1}}, "train": {{"sequence_length": {}, "global_batch": 1}}}})",
          one.preset, sequence),
      ""));
  return plain_job(job).model;
}

const Flavour& flavour_of(const Job& plain) {
  std::vector<std::string_view> known;
  for (const Flavour& one : kFlavours) {
    if (model_of(one, plain.train.sequence_length) == plain.model) return one;
    known.push_back(one.preset);
  }
  throw InputError("model", "is none that torchtitan has by name",
                   fmt::format("{} can be exported", listed(known)));
}

void put_batch(const Job& job, const Wish& wish, Writer& out) {
  const Plan& p = job.plan;
  // A pipeline takes all of a rank's sequences of a step, in micro-batches; without one gradients are added up around passes.
  const bool stages = p.pp > 1;
  out.put(Part::training, "--training.local_batch_size",
          stages ? job.train.global_batch / p.dp : p.micro_batch);
  out.put(Part::training, "--training.global_batch_size", job.train.global_batch);
  if (stages) out.put(Part::plan, "--parallelism.pipeline_parallel_microbatch_size", p.micro_batch);
  const workload::HyperParameters& hyper = job.train.hyper;
  if (const auto steps = steps_of(job, wish)) {
    out.put(Part::training, "--training.steps", *steps);
    out.put(Part::training, "--lr_scheduler.warmup_steps",
            std::llround(hyper.warmup_share * static_cast<double>(*steps)));
  } else {
    out.ask_for("TRAIN_STEPS", "how many steps to train");
    out.ask_for("WARMUP_STEPS", "and in how many of them the learning rate rises");
    out.put(Part::training, "--training.steps", std::string_view("$TRAIN_STEPS"));
    out.put(Part::training, "--lr_scheduler.warmup_steps", std::string_view("$WARMUP_STEPS"));
  }
  out.put(Part::training, "--lr_scheduler.decay_type", std::string_view("cosine"));
  out.put(Part::training, "--lr_scheduler.min_lr_factor", hyper.final_share);
  out.put(Part::training, "--optimizer.lr", rate_text(peak_learning_rate(job)));
  out.put(Part::training, "--optimizer.beta1", hyper.beta1);
  out.put(Part::training, "--optimizer.beta2", hyper.beta2);
  out.put(Part::training, "--optimizer.eps", hyper.epsilon);
  out.put(Part::training, "--optimizer.weight_decay", hyper.weight_decay);
  out.put(Part::training, "--training.max_norm", hyper.clip_norm);
  out.put(Part::training, "--debug.seed", job.seed);
}

void put_degrees(const Plan& p, Writer& out) {
  if (p.cp > 1) {
    out.put(Part::plan, "--parallelism.context_parallel_degree", p.cp);
    out.put(Part::plan, "--parallelism.context_parallel_rotate_method",
            std::string_view(p.cp_kind == workload::CpKind::ring ? "alltoall" : "allgather"));
  }
  if (p.ep > 1) {
    out.put(Part::plan, "--parallelism.expert_parallel_degree", p.ep);
    out.put(Part::plan, "--parallelism.expert_tensor_parallel_degree", p.etp);
  }
  out.put_if(p.overlap.tp_comm, Part::plan, "--parallelism.enable_async_tensor_parallel");
}

/// Shards within, copies across; ranks of one context are always among those that share.
void put_sharding(const Plan& p, Writer& out) {
  if (p.zero == 1 || (p.zero == 0 && p.cp > 1))
    throw InputError(
        "plan.zero",
        fmt::format("is {}; torchtitan shards gradients where it shards anything, and always over ranks "
                    "of one context",
                    p.zero),
        "2 and 3 can be exported");
  const std::int64_t group = p.zero == 0 ? p.cp : p.zero_group;
  if (group % p.cp != 0 || p.dp % (group / p.cp) != 0)
    throw InputError(
        "plan.zero_group",
        fmt::format("is {}; torchtitan shards over a multiple of plan.cp, {}, that divides plan.dp x "
                    "plan.cp, {}",
                    group, p.cp, p.dp * p.cp),
        "such a number can be exported");
  out.put(Part::plan, "--parallelism.data_parallel_shard_degree", group / p.cp);
  out.put(Part::plan, "--parallelism.data_parallel_replicate_degree", p.dp * p.cp / group);
  if (group > 1)
    out.put(Part::plan, "--parallelism.fsdp_reshard_after_forward",
            std::string_view(p.zero == 3 ? "always" : "never"));
}

struct Cut {
  std::int64_t layers_per_stage{}, first_less{}, last_less{};
};

/// Layers of all stages as the model goes through them.
std::vector<std::int64_t> stages_in_order(const Plan& p) {
  std::vector<std::int64_t> stages;
  for (const auto& stage : p.stage_layers) stages.push_back(stage.front());
  for (std::size_t chunk = 1; chunk < static_cast<std::size_t>(p.chunks()); ++chunk)
    for (std::size_t s = 0; s < p.stage_layers.size(); ++s)
      stages.push_back(p.stage_layers[p.turns_back() ? p.stage_layers.size() - 1 - s : s][chunk]);
  return stages;
}

/// As pipeline_parallel.py cuts: evenly, the first stages one longer; embedding and head count as so many layers.
bool makes(const Cut& cut, const std::vector<std::int64_t>& stages, std::int64_t layers) {
  const std::int64_t counted = layers + cut.first_less + cut.last_less, n = std::ssize(stages);
  if (ceil_div(counted, cut.layers_per_stage) != n) return false;
  for (std::int64_t s = 0; s < n; ++s) {
    const std::int64_t whole = counted / n + (s < counted % n ? 1 : 0) - (s == 0 ? cut.first_less : 0) -
                               (s == n - 1 ? cut.last_less : 0);
    if (whole != stages[static_cast<std::size_t>(s)]) return false;
  }
  return true;
}

Cut cut_of(const Job& job) {
  const std::vector<std::int64_t> stages = stages_in_order(job.plan);
  const std::int64_t most = *std::ranges::max_element(stages);
  for (std::int64_t first = 0; first <= most; ++first)
    for (std::int64_t last = 0; last <= most; ++last) {
      const Cut cut{ceil_div(job.model.layers + first + last, std::ssize(stages)), first, last};
      if (makes(cut, stages, job.model.layers)) return cut;
    }
  throw InputError(
      "plan.stage_layers",
      fmt::format("are {} layers in the stages of torchtitan, which it cuts evenly but for the ends, "
                  "the first ones longer",
                  fmt::join(stages, ", ")),
      "such a cut can be exported");
}

void put_stages(const Job& job, Writer& out) {
  if (job.plan.pp == 1) return;
  const Cut cut = cut_of(job);
  out.put(Part::plan, "--parallelism.pipeline_parallel_layers_per_stage", cut.layers_per_stage);
  out.put(Part::plan, "--parallelism.pipeline_parallel_first_stage_less_layers", cut.first_less);
  out.put(Part::plan, "--parallelism.pipeline_parallel_last_stage_less_layers", cut.last_less);
}

/// Every n-th layer is what it can say of a number of layers; the reader has the last word on whether that is it.
void put_recompute(const Job& job, Writer& out) {
  using workload::Recompute;
  const Plan& p = job.plan;
  const bool layers = p.recompute == Recompute::layers, operators = p.recompute == Recompute::selective;
  out.put(Part::plan, "--activation_checkpoint.mode",
          std::string_view(p.recompute == Recompute::full ? "full"
                           : layers || operators          ? "selective"
                                                          : "none"));
  if (operators) out.put(Part::plan, "--activation_checkpoint.selective_ac_option", std::string_view("op"));
  if (layers)
    out.put(Part::plan, "--activation_checkpoint.selective_ac_option",
            std::max<std::int64_t>(2, job.model.layers / (p.pp * p.recompute_layers)));
}

void put_precision(const Plan& p, Writer& out) {
  using workload::Precision;
  const bool full = p.precision == Precision::fp32;
  out.put(Part::precision, "--training.mixed_precision_param",
          std::string_view(full ? "float32" : "bfloat16"));
  if (p.precision == Precision::fp8)
    out.put(Part::precision, "--model.converters",
            std::string_view(p.fp8_recipe == "mxfp8" ? "quantize.linear.mx" : "quantize.linear.float8"));
}

void put_files(Writer& out) {
  out.ask_for("HF_ASSETS", "the folder of the tokenizer, as scripts/download_hf_assets.py fetches it");
  out.ask_for("CHECKPOINTS", "a folder to save to and to resume from");
  out.set_variable("DATASET", "c4", "a data set that torchtitan knows");
  out.put(Part::files, "--model.hf_assets_path", std::string_view("$HF_ASSETS"));
  out.put(Part::files, "--training.dataset", std::string_view("$DATASET"));
  out.put(Part::files, "--checkpoint.enable");
  out.put(Part::files, "--checkpoint.folder", std::string_view("$CHECKPOINTS"));
}

}  // namespace

Launch launch(const Job& job, const Wish& wish) {
  const Job plain = plain_job(job);
  if (const auto warnings = workload::trainer_warnings(plain); !warnings.empty())
    throw InputError(warnings.front().path, warnings.front().text);
  const Plan& p = plain.plan;
  Writer out(plain);
  const Flavour& flavour = flavour_of(plain);
  out.put(Part::model, "--model.name", flavour.name);
  out.put(Part::model, "--model.flavor", flavour.flavour);
  out.put_names(workload::torchtitan_names(), {p.pp == 1 ? "plan.schedule" : ""});
  put_batch(plain, wish, out);
  put_degrees(p, out);
  put_sharding(p, out);
  put_stages(plain, out);
  put_recompute(plain, out);
  out.put_if(p.offload_optimizer && p.offload_weights, Part::plan, "--training.enable_cpu_offload");
  put_precision(p, out);
  out.put_if(plain.habits.fuses("compile"), Part::kernels, "--compile.enable");
  put_files(out);
  out.set_environment("PYTORCH_ALLOC_CONF", "expandable_segments:True");
  out.start({"-m", "torchtitan.train"});
  return std::move(out).finish();
}

}  // namespace ds::exports::torchtitan
