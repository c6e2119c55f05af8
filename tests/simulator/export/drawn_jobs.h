#pragma once
// Legal jobs by chance, as people plan for a trainer: what it has, in all combinations, and now and then what it has not.

#include <fmt/format.h>

#include <optional>
#include <string>
#include <vector>

#include "simulator/base/error.h"
#include "simulator/export/export.h"
#include "simulator/workload/workload.h"
#include "tests/support/draw.h"

namespace ds::exports {

/// What plans for a trainer are made of; one of each is drawn.
struct Habits {
  Trainer trainer{};
  std::vector<const char*> software, models, recomputes, precisions, attentions;
  std::vector<std::int64_t> zeros, pipelines, vpps;
  bool experts{true}, contexts{true}, uneven{true};
};

inline Habits habits_of(Trainer trainer) {
  switch (trainer) {
    case Trainer::megatron:
      return {.trainer = trainer,
              .software = {"megatron-te", "megatron-te", "megatron-core"},
              .models = {"llama3-8b", "llama3-70b", "gpt3-175b", "gpt2-1.5b", "llama2-13b", "mixtral-8x7b",
                         "qwen3-30b-a3b", "deepseek-v3"},
              .recomputes = {R"("none")", R"("none")", R"("selective")", R"("full")", "1", "2",
                             R"(["core_attn", "mlp"])", R"(["layernorm"])"},
              .precisions = {R"("bf16")", R"("bf16")", R"("fp16")", R"("fp32")",
                             R"("fp8", "fp8_recipe": "tensor_delayed")",
                             R"("fp8", "fp8_recipe": "tensor_current")", R"("fp8", "fp8_recipe": "block")"},
              .attentions = {"flash", "flash", "flash2", "flash3", "unfused"},
              .zeros = {0, 1, 1, 1, 2, 3},
              .pipelines = {1, 1, 2, 4, 8},
              .vpps = {1, 1, 2, 4}};
    case Trainer::torchtitan:
      return {
          .trainer = trainer,
          .software = {"torchtitan"},
          .models = {"llama3-8b", "llama3-70b", "llama3-405b", "qwen3-30b-a3b", "deepseek-v3"},
          .recomputes = {R"("none")", R"("selective")", R"("full")", "8"},
          .precisions = {R"("bf16")", R"("bf16")", R"("fp32")", R"("fp8", "fp8_recipe": "tensor_current")"},
          .attentions = {"flash"},
          .zeros = {0, 2, 3, 3},
          .pipelines = {1, 1, 2, 4},
          .vpps = {1, 2}};
    case Trainer::deepspeed: break;
  }
  return {.trainer = trainer,
          .software = {"deepspeed"},
          .models = {"llama3-8b", "llama2-70b", "gpt2-1.5b", "llama2-13b"},
          .recomputes = {R"("none")"},
          .precisions = {R"("bf16")", R"("bf16")", R"("fp16")", R"("fp32")"},
          .attentions = {"flash"},
          .zeros = {0, 1, 2, 3, 3},
          .pipelines = {1},
          .vpps = {1},
          .experts = false,
          .uneven = false};
}

class Drawer {
 public:
  Drawer(Trainer trainer, std::uint64_t seed) : habits_(habits_of(trainer)), draw_(seed) {}

  /// The next one that keeps all rules and can be predicted.
  workload::Job next() {
    for (;;)
      if (auto job = attempt()) return std::move(*job);
  }

 private:
  template <class T>
  T one_of(const std::vector<T>& values) {
    return values[static_cast<std::size_t>(draw_.from(0, std::ssize(values) - 1))];
  }
  bool seldom() { return draw_.from(0, 19) == 0; }
  const char* coin() { return draw_.coin() ? "true" : "false"; }

  std::optional<workload::Job> attempt() {
    const std::string text = drawn();
    try {
      workload::Job job = workload::read_job_text(text, "drawn");
      if (workload::first_unsupported(job)) return std::nullopt;
      return job;
    } catch (const InputError&) {
      return std::nullopt;
    }
  }

  std::string stage_layers(std::int64_t layers, std::int64_t pp, std::int64_t vpp) {
    std::vector<std::int64_t> chunks(static_cast<std::size_t>(pp * vpp), layers / (pp * vpp));
    for (std::int64_t left = layers % (pp * vpp); left > 0; --left) ++chunks[static_cast<std::size_t>(left)];
    // A layer from one chunk to another.
    const auto any = [&] { return static_cast<std::size_t>(draw_.from(0, std::ssize(chunks) - 1)); };
    const std::size_t from = any();
    if (chunks[from] > 1) --chunks[from], ++chunks[any()];
    std::string text;
    for (std::int64_t s = 0; s < pp; ++s) {
      std::vector<std::int64_t> stage;
      for (std::int64_t c = 0; c < vpp; ++c) stage.push_back(chunks[static_cast<std::size_t>(c * pp + s)]);
      text += fmt::format("{}[{}]", s == 0 ? "" : ", ", fmt::join(stage, ", "));
    }
    return fmt::format(R"(, "stage_layers": [{}])", text);
  }

  std::string expert_keys(std::int64_t tp) {
    const std::int64_t ep = draw_.one_of({2, 4, 8, 8, 16, 32});
    return fmt::format(R"(, "ep": {}, "etp": {}, "dispatch": "{}")", ep, draw_.coin() ? 1 : tp,
                       habits_.trainer == Trainer::megatron
                           ? draw_.one_of({"all_to_all", "all_to_all", "hierarchical"})
                           : "all_to_all");
  }

  std::string overlap(std::int64_t vpp, std::int64_t zero) {
    const bool megatron = habits_.trainer == Trainer::megatron,
               deepspeed = habits_.trainer == Trainer::deepspeed;
    const bool reduces = deepspeed ? zero > 0 : draw_.coin();
    const bool p2p = megatron ? (vpp > 1) != seldom() : !deepspeed;
    const bool gathers = megatron ? reduces && draw_.coin() : deepspeed ? zero == 3 : true;
    return fmt::format(
        R"(, "overlap": {{"grad_reduce": {}, "param_gather": {}, "tp_comm": {}, "p2p": {}, "experts": {}, "shared_experts": {}}})",
        reduces || habits_.trainer == Trainer::torchtitan, gathers,
        megatron || habits_.trainer == Trainer::torchtitan ? draw_.coin() : false, p2p, megatron && seldom(),
        megatron && seldom());
  }

  std::string drawn() {
    const std::string model = one_of(habits_.models);
    const std::int64_t tp = draw_.one_of({1, 1, 2, 4, 8}), pp = one_of(habits_.pipelines),
                       cp = habits_.contexts && draw_.from(0, 4) == 0 ? 2 : 1,
                       vpp = pp > 1 ? one_of(habits_.vpps) : 1, micro = draw_.one_of({1, 1, 2, 4}),
                       nodes = draw_.one_of({1, 2, 4, 8, 16, 32}), zero = one_of(habits_.zeros);
    const std::int64_t dp = std::max<std::int64_t>(1, nodes * 8 / (tp * pp * cp));
    const bool megatron = habits_.trainer == Trainer::megatron;
    const bool experts = model == "mixtral-8x7b" || model == "qwen3-30b-a3b" || model == "deepseek-v3";
    std::string plan = fmt::format(
        R"("tp": {}, "pp": {}, "cp": {}, "vpp": {}, "micro_batch": {}, "zero": {}, "recompute": {}, "precision": {}, "attention": "{}")",
        tp, pp, cp, vpp, micro, zero, one_of(habits_.recomputes), one_of(habits_.precisions),
        one_of(habits_.attentions));
    if (cp > 1) plan += fmt::format(R"(, "cp_kind": "{}")", cp_kind());
    plan += fmt::format(R"(, "sequence_parallel": {})", tp > 1 && sequences());
    if (experts && habits_.experts && draw_.coin()) plan += expert_keys(tp);
    plan += overlap(vpp, zero);
    if (habits_.uneven && pp > 1 && draw_.from(0, 3) == 0) plan += stage_layers(layers_of(model), pp, vpp);
    if (zero > 0 && (megatron || zero == 3) && draw_.from(0, 5) == 0)
      plan += fmt::format(R"(, "zero_group": {})", std::max<std::int64_t>(1, dp * cp / 2));
    if (megatron) plan += cuda_graphs(experts);
    if (megatron && seldom()) plan += R"(, "reduce_precision": "bf16")";
    if (megatron && seldom()) plan += R"(, "placement": "tp-cp-ep-pp-dp")";
    if (draw_.from(0, 9) == 0) plan += offload(zero);
    if (megatron && draw_.from(0, 9) == 0) plan += R"(, "dropout": 0.1)";
    if (megatron && draw_.from(0, 9) == 0)
      plan += R"(, "fusion": ["bias_swiglu", "layer_norm", "rms_norm", "bias_dropout_add"])";
    if (seldom()) plan += R"(, "collectives": {"dp": "ring"})";
    return fmt::format(
        R"({{"model": "{}", "cluster": {{"node": "dgx-h100", "nodes": {}}}, "train": {{"sequence_length": {}, "global_batch": {}}}, "plan": {{{}}}, "software": "{}"}})",
        model, nodes, draw_.one_of({1024, 2048, 4096}) / (model == "gpt2-1.5b" ? 4 : 1),
        dp * micro * pp * draw_.one_of({1, 2, 4}), plan, one_of(habits_.software));
  }

  const char* cp_kind() {
    if (habits_.trainer == Trainer::deepspeed) return "all_to_all";
    if (habits_.trainer == Trainer::torchtitan) return draw_.one_of({"ring", "all_gather"});
    return draw_.one_of({"ring", "ring", "all_gather", "all_to_all"});
  }
  /// With experts seldom any, and what is left of a layer seldom beside recompute, which does not go together.
  std::string cuda_graphs(bool experts) {
    const char* const word = seldom() ? "partial" : experts ? "none" : draw_.one_of({"none", "full", "full"});
    return fmt::format(R"(, "cuda_graphs": "{}")", word);
  }
  bool sequences() {
    return habits_.trainer == Trainer::torchtitan ||
           (habits_.trainer == Trainer::megatron && draw_.from(0, 3) > 0);
  }
  std::string offload(std::int64_t zero) {
    if (habits_.trainer == Trainer::torchtitan ||
        (habits_.trainer == Trainer::deepspeed && zero == 3 && draw_.coin()))
      return R"(, "offload": {"optimizer": true, "weights": true})";
    return draw_.one_of({R"(, "offload": {"optimizer": true})", R"(, "offload": {"optimizer": 0.5})",
                         R"(, "offload": {"activations": 2})"});
  }
  static std::int64_t layers_of(const std::string& model) {
    return workload::read_job_parts(
               parse_document(
                   fmt::format(
                       R"({{"model": "{}", "cluster": {{"node": "dgx-h100", "nodes": 1}}, "train": {{"sequence_length": 1, "global_batch": 1}}}})",
                       model),
                   ""))
        .model.layers;
  }

  Habits habits_;
  support::Draw draw_;
};

}  // namespace ds::exports
