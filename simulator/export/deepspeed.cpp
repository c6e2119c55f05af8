// The plan as a configuration of DeepSpeed, 0.17 (deepspeed.ai/docs/config-json): the other direction of
// simulator/convert/deepspeed.cpp. It describes no model, and leaves recompute to it.
#include <fmt/format.h>

#include <cmath>

#include "simulator/base/error.h"
#include "simulator/export/plain_job.h"
#include "simulator/export/trainers.h"

namespace ds::exports::deepspeed {
namespace {

using workload::Job;
using workload::Plan;

/// zero_optimization.stage as {"zero_optimization": {"stage": ...}}; what has a beginning in common stands together.
class Nested {
 public:
  explicit Nested(const std::vector<Argument>& arguments) {
    for (const Argument& argument : arguments) put(argument.name, argument.values.front());
  }
  std::string text(int depth = 0) const {
    std::string text = "{";
    const std::string indent(static_cast<std::size_t>(2 * depth), ' ');
    for (const Member& member : members_)
      text += fmt::format("{}\n{}  \"{}\": {}", text == "{" ? "" : ",", indent, member.name,
                          member.inside.empty() ? member.value : member.inside.front().text(depth + 1));
    return text + "\n" + indent + "}";
  }

 private:
  struct Member {
    std::string name, value;
    std::vector<Nested> inside;  // one, or none
  };
  Nested() = default;
  void put(std::string_view path, const std::string& value) {
    const std::size_t dot = path.find('.');
    const std::string name(path.substr(0, dot));
    auto found = std::ranges::find(members_, name, &Member::name);
    if (found == members_.end()) found = members_.insert(found, {.name = name, .value = {}, .inside = {}});
    if (dot == std::string_view::npos) {
      found->value = value;
      return;
    }
    if (found->inside.empty()) found->inside.push_back(Nested());
    found->inside.front().put(path.substr(dot + 1), value);
  }

  std::vector<Member> members_;
};

void put(Writer& out, const char* name, const auto& value) { out.put(Part::plan, name, value); }
void put_word(Writer& out, const char* name, std::string_view word) {
  put(out, name, std::string_view(json_text(word)));
}
void put_true(Writer& out, const char* name) { put(out, name, std::string_view("true")); }

void put_offloading(const Plan& p, Writer& out) {
  if (p.offload_optimizer) {
    put_word(out, "zero_optimization.offload_optimizer.device", "cpu");
    if (p.offloaded_states != workload::kMillionths)
      put(out, "zero_optimization.offload_optimizer.ratio",
          static_cast<double>(p.offloaded_states) / static_cast<double>(workload::kMillionths));
  }
  if (p.offload_weights) put_word(out, "zero_optimization.offload_param.device", "cpu");
}

void put_precision(const Plan& p, Writer& out) {
  using workload::Precision;
  if (p.precision == Precision::fp16) put_true(out, "fp16.enabled");
  if (p.precision == Precision::bf16 || p.precision == Precision::fp8) put_true(out, "bf16.enabled");
  // What it does by itself is to reduce in the working precision.
  if (p.reduce_precision == workload::ReducePrecision::fp32) put_word(out, "communication_data_type", "fp32");
  if (p.reduce_precision == workload::ReducePrecision::bf16) put_word(out, "communication_data_type", "bf16");
}

void put_learning(const Job& job, const Wish& wish, Writer& out) {
  const workload::HyperParameters& hyper = job.train.hyper;
  put_word(out, "optimizer.type", "AdamW");
  put(out, "optimizer.params.lr", rate_text(peak_learning_rate(job)));
  put(out, "optimizer.params.betas", std::string_view(fmt::format("[{}, {}]", hyper.beta1, hyper.beta2)));
  put(out, "optimizer.params.eps", hyper.epsilon);
  put(out, "optimizer.params.weight_decay", hyper.weight_decay);
  put(out, "gradient_clipping", hyper.clip_norm);
  const auto steps = steps_of(job, wish);
  if (!steps) return;
  put_word(out, "scheduler.type", "WarmupCosineLR");
  put(out, "scheduler.params.total_num_steps", *steps);
  put(out, "scheduler.params.warmup_num_steps",
      std::llround(hyper.warmup_share * static_cast<double>(*steps)));
  put(out, "scheduler.params.cos_min_ratio", hyper.final_share);
}

void check_said(const Plan& p) {
  if (p.pp > 1)
    throw InputError("plan.pp",
                     fmt::format("is {}; stages are made by the program that calls DeepSpeed, which its "
                                 "configuration does not say",
                                 p.pp),
                     "1 can be exported");
  if (p.zero_group != p.dp * p.cp && p.zero != 3)
    throw InputError("plan.zero_group", "is said to DeepSpeed with ZeRO 3 alone (MiCS)",
                     fmt::format("{}, plan.dp x plan.cp, can be exported", p.dp * p.cp));
}

}  // namespace

std::string configuration(const Job& job, const Wish& wish) {
  const Job plain = plain_job(job);
  const Plan& p = plain.plan;
  check_said(p);
  Writer out(plain);
  out.put_names(workload::deepspeed_names(), {});
  put(out, "gradient_accumulation_steps", plain.micro_batches());
  put_precision(p, out);
  if (p.tp > 1) put(out, "tensor_parallel.autotp_size", p.tp);
  if (p.cp > 1) put(out, "sequence_parallel_size", p.cp);
  if (p.zero > 0)
    put(out, "zero_optimization.overlap_comm", std::string_view(p.overlap.grad_reduce ? "true" : "false"));
  if (p.zero == 3 && p.zero_group != p.dp * p.cp) put(out, "zero_optimization.mics_shard_size", p.zero_group);
  put_offloading(p, out);
  put_learning(plain, wish, out);
  return Nested(std::move(out).finish().arguments).text() + "\n";
}

Launch launch(const Job& job, const Wish& wish) {
  Writer out(plain_job(job));
  out.ask_for("TRAINER", "the program that calls deepspeed.initialize, and has the model");
  out.set_variable("CONFIG", "ds_config.json", "where DeepSpeed finds its configuration");
  out.put(Part::files, "--deepspeed");
  out.put(Part::files, "--deepspeed_config", std::string_view("$CONFIG"));
  out.put_file("$CONFIG", configuration(job, wish));
  out.start({"$TRAINER"});
  return std::move(out).finish();
}

}  // namespace ds::exports::deepspeed
