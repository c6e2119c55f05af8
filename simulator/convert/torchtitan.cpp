// From a launch of torchtitan, or one of its old job files, to a job. Defaults: torchtitan/config/job_config.py at e347b1e5e and
// configs.py at b5bcd76c6.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "simulator/base/json.h"
#include "simulator/convert/draft.h"
#include "simulator/convert/launched.h"
#include "simulator/convert/toml.h"
#include "simulator/convert/torchtitan_flags.h"
#include "simulator/workload/limits.h"

namespace ds::convert {
namespace {

constexpr std::int64_t kMost = workload::kMaxDegree;  // products of three stay within 64 bits

/// tyro takes --training.seq-len for --training.seq_len, and --parallelism.no-enable-x for --parallelism.enable_x false.
void normalise(std::vector<Flag>& flags) {
  for (Flag& flag : flags) {
    std::replace(flag.name.begin() + std::min<std::ptrdiff_t>(2, std::ssize(flag.name)), flag.name.end(), '-',
                 '_');
    const std::size_t dot = flag.name.rfind('.');
    if (dot == std::string::npos || flag.name.compare(dot + 1, 3, "no_") != 0 || !flag.values.empty())
      continue;
    flag.name.erase(dot + 1, 3);
    flag.values = {{.text = "false", .line = flag.line, .unknown = {}}};
  }
}

class Titan {
 public:
  Titan(const Flags& flags, const Asked& asked, Draft& draft) : flags_(flags), asked_(asked), draft_(draft) {}

  void take() {
    take_model();
    take_degrees();
    take_sequences();
    take_sharding();
    take_recompute();
    take_precision();
    take_stages();
    const Flag* tensor =
        find("--compile.enable_async_tensor_parallel|--parallelism.enable_async_tensor_parallel");
    draft_.set_switch("plan.overlap.tp_comm", tensor != nullptr && truth_of(*tensor), tensor);
    if (const Flag* offload = find("--training.enable_cpu_offload"); offload != nullptr && truth_of(*offload))
      for (const char* key : {"plan.offload.optimizer", "plan.offload.weights"})
        draft_.set_switch(key, true, offload);
    draft_.set_text("software", "torchtitan");
  }

 private:
  const Flag* find(std::string_view names) const { return flags_.find(names); }
  std::int64_t count(std::string_view names, std::int64_t otherwise) const {
    const Flag* flag = find(names);
    if (flag == nullptr) return otherwise;
    const std::int64_t value = count_of(*flag);
    if (value < 1 || value > kMost) fail(*flag, fmt::format("is {}, must be from 1 to {}", value, kMost));
    return value;
  }
  [[noreturn]] static void missing(const char* name, std::string hint) {
    throw InputError(name, "is missing from the launch", std::move(hint));
  }

  /// llama3 and 8B, or llama3_8b: the preset llama3-8b, if there is one.
  void take_model() {
    draft_.set_model();
    if (draft_.has("model")) return;
    const Flag* name = find("--model.name");
    const Flag* flavour = find("--model.flavor");
    const Flag* config = find("--config");
    std::string model;
    if (name != nullptr && flavour != nullptr)
      model = fmt::format("{}-{}", only_value(*name), only_value(*flavour));
    else if (config != nullptr)
      model = only_value(*config);
    else
      throw InputError(
          "--model", "is missing: the launch does not say which model it trains",
          "--model llama3-8b, or another that ds-sim presets model lists; or the path of a config.json");
    std::ranges::replace(model, '_', '-');
    std::ranges::transform(model, model.begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    if (model == "deepseek-v3-671b") model = "deepseek-v3";
    draft_.set_text("model", model, config != nullptr ? config : flavour);
    try {
      static_cast<void>(draft_.layers());
    } catch (const InputError& error) {
      throw InputError("--model", fmt::format("is missing: {} is not a preset here", json_text(model)),
                       "a preset, or the path of a config.json, describes the model");
    }
    if (config != nullptr)
      draft_.notes.push_back(
          fmt::format("--config {}: what it sets and the command line does not is not seen here; "
                      "torchtitan's defaults are taken",
                      only_value(*config)));
  }

  void take_degrees() {
    tp_ = count("--parallelism.tensor_parallel_degree", 1);
    pp_ = count("--parallelism.pipeline_parallel_degree", 1);
    cp_ = count("--parallelism.context_parallel_degree", 1);
    const Flag* context = find("--parallelism.context_parallel_degree");
    if (cp_ > 1) {
      const Flag* rotate = find("--parallelism.context_parallel_rotate_method");
      draft_.set_count("plan.cp", cp_, context);
      draft_.set_text("plan.cp_kind",
                      rotate != nullptr && only_value(*rotate) == "alltoall" ? "ring" : "all_gather", rotate);
    }
    if (const std::int64_t ep = count("--parallelism.expert_parallel_degree", 1); ep > 1) {
      draft_.set_count("plan.ep", ep, find("--parallelism.expert_parallel_degree"));
      draft_.set_count("plan.etp", count("--parallelism.expert_tensor_parallel_degree", 1),
                       find("--parallelism.expert_tensor_parallel_degree"));
    }
    const Flag* sequence = find("--parallelism.enable_sequence_parallel");
    if (tp_ > 1)
      draft_.set_switch("plan.sequence_parallel", sequence == nullptr || truth_of(*sequence), sequence);
    const std::int64_t ranks = draft_.ranks();
    if (tp_ > ranks || pp_ > ranks || cp_ > ranks || ranks % (tp_ * pp_ * cp_) != 0)
      throw InputError("--parallelism.tensor_parallel_degree",
                       fmt::format("{} x pipeline_parallel_degree {} x context_parallel_degree {} must "
                                   "divide the number of GPUs, which is {}",
                                   tp_, pp_, cp_, ranks));
    dp_ = ranks / (tp_ * pp_ * cp_);
  }

  std::int64_t sequences_of(const Flag& tokens, std::int64_t length) const {
    const std::int64_t all = count_of(tokens);
    if (all < 1 || all % length != 0)
      fail(tokens, fmt::format("is {}, must be a multiple of the {} tokens of a sequence", all, length));
    return all / length;
  }

  /// Sequences: of a rank at once, of a step. Before 2026 a rank's sequences were cut into those of the pipeline.
  void take_sequences() {
    if (asked_.sequence) draft_.set_count("train.sequence_length", *asked_.sequence);
    if (!draft_.has("train.sequence_length"))
      missing("--training.seq_len", "--sequence-length says it for the launch");
    const Flag* said = find("--training.seq_len|--training.max_context_length");
    const std::int64_t length = asked_.sequence ? *asked_.sequence : count_of(*said);
    if (length < 1 || length > workload::kMaxSequence)
      fail(*said, fmt::format("is {}, must be from 1 to {}", length, workload::kMaxSequence));
    const Flag* tokens = find("--training.num_tokens_per_microbatch_per_dp_rank");
    const Flag* local = find("--training.local_batch_size|--training.batch_size");
    if (tokens == nullptr && local == nullptr)
      missing("--training.local_batch_size", "how many sequences a rank computes at once");
    std::int64_t micro = 0, pass = 0;  // sequences at once; of a rank before the pipeline drains
    if (tokens != nullptr) {
      micro = sequences_of(*tokens, length);
      pass = micro * (pp_ > 1 ? count("--parallelism.num_pp_microbatches", 1) : 1);
    } else {
      pass = count("--training.local_batch_size|--training.batch_size", 8);
      micro = pp_ > 1 ? count("--parallelism.pipeline_parallel_microbatch_size", 1) : pass;
    }
    draft_.set_count("plan.micro_batch", micro,
                     tokens != nullptr ? tokens
                     : pp_ > 1         ? find("--parallelism.pipeline_parallel_microbatch_size")
                                       : local);
    take_batch(pass, length);
  }

  void take_batch(std::int64_t pass, std::int64_t length) {
    const Flag* step = find("--training.num_tokens_per_train_step");
    const Flag* global = find("--training.global_batch_size");
    std::int64_t batch = pass * dp_;
    if (asked_.batch)
      batch = *asked_.batch;
    else if (step != nullptr && count_of(*step) != -1)
      batch = sequences_of(*step, length);
    else if (global != nullptr && count_of(*global) != -1)
      batch = count("--training.global_batch_size", 1);
    const Flag* from = step != nullptr ? step : global;
    if (pp_ > 1 && batch > pass * dp_ && from != nullptr)
      lack(*from,
           fmt::format("a pipeline that drains {} times a step, as gradients are accumulated around it",
                       batch / (pass * dp_)));
    draft_.set_count("train.global_batch", batch, from);
    if (const Flag* steps = find("--training.steps");
        steps != nullptr && !draft_.leaves_open(*steps, "train.tokens"))
      draft_.set_json("train.tokens",
                      fmt::format("{}", static_cast<double>(count_of(*steps)) * static_cast<double>(batch) *
                                            static_cast<double>(length)),
                      steps);
  }

  void lack(const Flag& flag, const std::string& what) {
    if (!asked_.lenient)
      fail(flag, fmt::format("cannot be predicted yet: {}", what), "--lenient leaves it out and says so");
    draft_.notes.push_back(
        fmt::format("left out, which the prediction will be wrong by: {} ({})", flag.name, what));
  }

  /// Shards within, copies across. Weights are dropped behind the forward pass, but in pipelines, unless it is said.
  void take_sharding() {
    const Flag* shards = find("--parallelism.data_parallel_shard_degree");
    const Flag* copies = find("--parallelism.data_parallel_replicate_degree");
    const std::int64_t across = count("--parallelism.data_parallel_replicate_degree", 1);
    const bool rest = shards == nullptr || count_of(*shards) == -1;
    const std::int64_t within =
        rest ? std::max<std::int64_t>(1, dp_ / across) : count("--parallelism.data_parallel_shard_degree", 1);
    if (within * across != dp_)
      fail(copies != nullptr ? *copies : *shards,
           fmt::format("{} copies x {} shards must be the {} ranks that tp, pp and cp leave", across, within,
                       dp_));
    const std::int64_t group = within * cp_;
    if (group == 1) {
      draft_.set_count("plan.zero", 0, shards);
      return;
    }
    const Flag* policy = find("--parallelism.fsdp_reshard_after_forward");
    const std::string word = policy != nullptr ? only_value(*policy) : "default";
    if (word != "default" && word != "always" && word != "never")
      fail(*policy, fmt::format("is {}", json_text(word)), "default, always and never are possible");
    draft_.set_count("plan.zero", word == "always" || (word == "default" && pp_ == 1) ? 3 : 2, policy);
    if (across > 1) draft_.set_count("plan.zero_group", group, copies);
  }

  void take_recompute() {
    const Flag* mode = find("--activation_checkpoint.mode");
    if (mode == nullptr)
      missing(
          "--activation_checkpoint.mode",
          "none, selective or full; where nothing is said, it depends on the version and the configuration");
    const std::string& word = only_value(*mode);
    if (word == "none" || word == "full") {
      draft_.set_text("plan.recompute", word, mode);
      return;
    }
    if (word != "selective") {
      if (word != "memory_budget")
        fail(*mode, fmt::format("is {}", json_text(word)), "none, selective and full are possible");
      lack(*mode, "recompute by a budget of memory");
      draft_.set_text("plan.recompute", "none", mode);
      return;
    }
    // Every n-th layer whole, or by operators; 2 where nothing is said.
    const Flag* option = find("--activation_checkpoint.selective_ac_option");
    if (option != nullptr && only_value(*option) == "op") {
      draft_.set_text("plan.recompute", "selective", option);
      return;
    }
    const std::int64_t every = count("--activation_checkpoint.selective_ac_option", 2);
    if (every == 1) {
      draft_.set_text("plan.recompute", "full", option);
      return;
    }
    const std::int64_t layers = std::max<std::int64_t>(1, draft_.layers() / (pp_ * every));
    draft_.set_count("plan.recompute", layers, option != nullptr ? option : mode);
  }

  void take_precision() {
    const Flag* type = find("--training.mixed_precision_param");
    if (type != nullptr && only_value(*type) != "bfloat16" && only_value(*type) != "float32")
      fail(*type, fmt::format("is {}", json_text(only_value(*type))), "bfloat16 and float32 are possible");
    draft_.set_text("plan.precision", type != nullptr && only_value(*type) == "float32" ? "fp32" : "bf16",
                    type);
    const Flag* converters = find("--model.converters");
    if (converters == nullptr) return;
    for (const Word& word : converters->values) {
      const bool floats = word.text == "float8" || word.text == "quantize.linear.float8",
                 mx = word.text == "mx" || word.text == "quantize.linear.mx";
      if (!floats && !mx) {
        lack(*converters, fmt::format("the converter {}", json_text(word.text)));
        continue;
      }
      draft_.set_text("plan.precision", "fp8", converters);
      draft_.set_text("plan.fp8_recipe", mx ? "mxfp8" : "tensor_current", converters);
    }
  }

  /// Embedding and head count as layers; longer stages are the first ones. pipeline_parallel.py, generate_llm_fqn_per_model_part.
  void take_stages() {
    if (pp_ == 1) {
      draft_.drop("plan.schedule");
      return;
    }
    const Flag* schedule = find("--parallelism.pipeline_parallel_schedule");
    const std::string word = schedule != nullptr ? only_value(*schedule) : "1F1B";
    if (schedule == nullptr) draft_.set_text("plan.schedule", "1f1b");
    const bool looped = word != "1F1B" && word != "GPipe";
    const std::int64_t layers = draft_.layers();
    const auto weight = [&](const char* name) {
      const Flag* flag = find(name);
      return flag == nullptr ? std::int64_t{1} : std::clamp<std::int64_t>(count_of(*flag), 0, layers);
    };
    const std::int64_t first = weight("--parallelism.pipeline_parallel_first_stage_less_layers");
    const std::int64_t last = weight("--parallelism.pipeline_parallel_last_stage_less_layers");
    const std::int64_t counted = layers + first + last;
    const Flag* each = find("--parallelism.pipeline_parallel_layers_per_stage");
    const std::int64_t per_stage = count("--parallelism.pipeline_parallel_layers_per_stage", 1);
    const std::int64_t stages =
        each != nullptr ? (counted + per_stage - 1) / per_stage : pp_ * (looped ? 2 : 1);
    if (each != nullptr && stages % pp_ != 0)
      fail(*each, fmt::format("is {}, makes {} stages of {} layers, must make a multiple of "
                              "pipeline_parallel_degree, which is {}",
                              per_stage, stages, counted, pp_));
    const bool turns_back = word == "ZBVZeroBubble";  // rank r has the stages r and 2 pp - 1 - r
    if (turns_back && stages != 2 * pp_)
      fail(*each, fmt::format("is {}, makes {} stages of {} layers, must make two for each of "
                              "pipeline_parallel_degree, which is {}, for ZBVZeroBubble",
                              per_stage, stages, counted, pp_));
    if (stages > counted) return;  // the job's reader says that there are too few layers
    if (stages > pp_ && !turns_back)
      draft_.set_count("plan.vpp", stages / pp_, each != nullptr ? each : schedule);
    std::vector<std::vector<std::int64_t>> split(static_cast<std::size_t>(pp_));
    for (std::int64_t s = 0; s < stages; ++s)
      split[static_cast<std::size_t>(turns_back && s >= pp_ ? stages - 1 - s : s % pp_)].push_back(
          counted / stages + (s < counted % stages ? 1 : 0) - (s == 0 ? first : 0) -
          (s == stages - 1 ? last : 0));
    std::vector<std::string> texts;
    for (const auto& stage : split)
      texts.push_back(stage.size() == 1 ? fmt::format("{}", stage[0])
                                        : fmt::format("[{}]", fmt::join(stage, ", ")));
    draft_.set_json("plan.stage_layers", fmt::format("[{}]", fmt::join(texts, ", ")),
                    each != nullptr ? each : schedule);
  }

  const Flags& flags_;
  const Asked& asked_;
  Draft& draft_;
  std::int64_t tp_{1}, pp_{1}, cp_{1}, dp_{1};
};

Conversion convert(std::vector<Flag> all, const Draft::Launched& launched, const Asked& asked) {
  normalise(all);
  Draft draft(asked);
  const std::vector<Flag> keys = sort_out(all, torchtitan_flags(), asked, draft.notes);
  const Flags flags(keys);
  draft.set_cluster(launched);
  draft.take(workload::torchtitan_names(), flags);
  Titan(flags, asked, draft).take();
  draft.note_unused(flags);
  return draft.finish();
}

}  // namespace

Conversion convert_torchtitan(std::string_view text, const Asked& asked) {
  try {
    check_text(text);
    if (is_toml(text, asked.file)) return convert(flags_of_toml(text), {}, asked);
    const Launch launch = read_launch(text, asked.variables);
    return convert(flags_in(launch.arguments), launched_by(launch), asked);
  } catch (const InputError& error) {
    throw in_launch(error, asked.file);
  }
}

}  // namespace ds::convert
