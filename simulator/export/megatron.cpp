// A launch of Megatron-LM, whole.
#include "simulator/export/megatron.h"

#include <cmath>

#include "simulator/export/plain_job.h"
#include "simulator/export/trainers.h"

namespace ds::exports::megatron {
namespace {

void put_training(const workload::Job& job, const Wish& wish, Writer& out) {
  const workload::HyperParameters& hyper = job.train.hyper;
  const double rate = peak_learning_rate(job);
  if (const auto steps = steps_of(job, wish)) {
    out.put(Part::training, "--train-iters", *steps);
  } else {
    out.ask_for("TRAIN_ITERS", "how many steps to train");
    out.put(Part::training, "--train-iters", std::string_view("$TRAIN_ITERS"));
  }
  out.put(Part::training, "--lr", rate_text(rate));
  out.put(Part::training, "--min-lr", rate_text(rate * hyper.final_share));
  out.put(Part::training, "--lr-decay-style", std::string_view("cosine"));
  out.put(Part::training, "--lr-warmup-fraction", hyper.warmup_share);
  out.put(Part::training, "--weight-decay", hyper.weight_decay);
  out.put(Part::training, "--adam-beta1", hyper.beta1);
  out.put(Part::training, "--adam-beta2", hyper.beta2);
  out.put(Part::training, "--adam-eps", hyper.epsilon);
  out.put(Part::training, "--clip-grad", hyper.clip_norm);
  // 0 is nobody's choice here, and refused there.
  if (job.seed > 0) out.put(Part::training, "--seed", job.seed);
}

void put_files(const workload::Job& job, Writer& out) {
  out.ask_for("DATA_PATH", "tokens, as tools/preprocess_data.py of Megatron-LM writes them, without .bin");
  out.ask_for("TOKENIZER_MODEL", "a tokenizer of Hugging Face: a folder or a name");
  out.ask_for("CHECKPOINTS", "a folder to save to and to resume from");
  out.set_variable("SAVE_INTERVAL", "1000", "steps from one checkpoint to the next");
  out.set_variable("MEGATRON_LM", ".", "the folder of Megatron-LM");
  out.put(Part::files, "--data-path", std::string_view("$DATA_PATH"));
  out.put(Part::files, "--tokenizer-type", std::string_view("HuggingFaceTokenizer"));
  out.put(Part::files, "--tokenizer-model", std::string_view("$TOKENIZER_MODEL"));
  out.put(Part::files, "--save", std::string_view("$CHECKPOINTS"));
  out.put(Part::files, "--load", std::string_view("$CHECKPOINTS"));
  out.put(Part::files, "--save-interval", std::string_view("$SAVE_INTERVAL"));
  if (job.plan.zero > 1) out.put(Part::files, "--ckpt-format", std::string_view("fsdp_dtensor"));
}

}  // namespace

Launch launch(const workload::Job& job, const Wish& wish) {
  const workload::Job plain = as_run(plain_job(job));
  check_taken(plain);
  Writer out(plain);
  const workload::Plan& p = plain.plan;
  out.put_names(workload::megatron_names(),
                {p.cp == 1 ? "plan.cp_kind" : "", plain.model.mtp_layers == 0 ? "model.mtp_layers" : "",
                 p.precision != workload::Precision::fp8 ? "plan.fp8_recipe" : ""});
  put_model(plain, out);
  put_training(job, wish, out);
  put_plan(plain, out);
  put_kernels(plain, out);
  put_files(plain, out);
  // Before Blackwell what is computed and sent beside each other starts in the order of launches with one connection alone, which
  // Megatron-LM checks; its FSDP checks for the opposite.
  if (p.zero < 2) out.set_environment("CUDA_DEVICE_MAX_CONNECTIONS", "1");
  out.start({"$MEGATRON_LM/pretrain_gpt.py"});
  return std::move(out).finish();
}

}  // namespace ds::exports::megatron
