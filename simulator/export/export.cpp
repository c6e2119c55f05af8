// Formats, and what holds of all of them: who is exported, and that what is written says the job.
#include "simulator/export/export.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "simulator/base/error.h"
#include "simulator/base/json.h"
#include "simulator/base/nearest.h"
#include "simulator/convert/convert.h"
#include "simulator/export/megatron.h"
#include "simulator/export/read_back.h"
#include "simulator/export/trainers.h"

namespace ds::exports {
namespace {

constexpr Format kFormats[] = {{"megatron", Trainer::megatron, Start::torchrun},
                               {"torchtitan", Trainer::torchtitan, Start::torchrun},
                               {"deepspeed", Trainer::deepspeed, Start::none},
                               {"torchrun", std::nullopt, Start::torchrun},
                               {"srun", std::nullopt, Start::srun},
                               {"sbatch", std::nullopt, Start::sbatch}};

struct Entry {
  Trainer trainer;
  std::string_view name, version;
  Launch (*launch)(const workload::Job&, const Wish&);
  ReadBack read_back;
  std::vector<std::string_view> software;  // presets that are this trainer, in one or another release
};

const std::vector<Entry>& entries() {
  static const std::vector<Entry> all = {{Trainer::megatron,
                                          "Megatron-LM",
                                          "Megatron-LM at d98e8a64dd",
                                          megatron::launch,
                                          {.trainer = "Megatron-LM", .read = convert::convert_megatron},
                                          {"megatron-te", "megatron-core", "megatron-lm-2022"}},
                                         {Trainer::torchtitan,
                                          "torchtitan",
                                          "torchtitan at e347b1e5e",
                                          torchtitan::launch,
                                          {.trainer = "torchtitan", .read = convert::convert_torchtitan},
                                          {"torchtitan"}},
                                         {Trainer::deepspeed,
                                          "DeepSpeed",
                                          "DeepSpeed 0.17",
                                          deepspeed::launch,
                                          {.trainer = "DeepSpeed",
                                           .read = convert::convert_deepspeed,
                                           .says_model = false,
                                           .says_length = false},
                                          {"deepspeed"}}};
  return all;
}

const Entry& entry_of(Trainer trainer) { return *std::ranges::find(entries(), trainer, &Entry::trainer); }

bool is_software(const Entry& entry, const workload::Job& job) {
  return std::ranges::find(entry.software, job.habits.name) != entry.software.end();
}

void check_machine(const workload::Job& job) {
  if (job.cluster.cpu())
    throw InputError("cluster.node",
                     fmt::format("is {}, a machine without GPUs, on which no trainer of others is started",
                                 json_text(job.cluster.groups.front().node.name)),
                     "--set cluster.node=dgx-h100, or another that ds-sim presets node lists");
  if (job.cluster.groups.size() > 1)
    throw InputError("cluster.groups", "are several kinds of node, which one torchrun does not start",
                     "one group can be exported");
}

std::string whose(const workload::Job& job) {
  const workload::NodeGroup& group = job.cluster.groups.front();
  return fmt::format("{} on {} GPUs: {} x {}", job.model.name, job.cluster.ranks(), group.nodes,
                     group.node.name);
}

}  // namespace

const Format* find_format(std::string_view name) {
  const auto* const found = std::ranges::find(kFormats, name, &Format::name);
  return found == std::end(kFormats) ? nullptr : found;
}

std::vector<std::string_view> format_names() {
  std::vector<std::string_view> names;
  for (const Format& format : kFormats) names.push_back(format.name);
  return names;
}

Trainer trainer_of(const workload::Job& job) {
  std::vector<std::string_view> known;
  for (const Entry& entry : entries()) {
    if (is_software(entry, job)) return entry.trainer;
    known.insert(known.end(), entry.software.begin(), entry.software.end());
  }
  throw InputError("software",
                   fmt::format("is {}, whose launches are not written", json_text(job.habits.name)),
                   fmt::format("those of {} are", listed(known)));
}

bool left_to_software(const workload::Job& job, std::string_view path) {
  const bool of_software = path.starts_with("plan.overlap.") || path == "plan.cuda_graphs";
  return of_software &&
         std::ranges::find(job.assumptions, path, &workload::Assumption::path) != job.assumptions.end();
}

std::optional<std::int64_t> steps_of(const workload::Job& job, const Wish& wish) {
  if (wish.steps) return wish.steps;
  if (!job.train.tokens) return job.execute.steps;
  const double of_step =
      static_cast<double>(job.train.global_batch) * static_cast<double>(job.train.sequence_length);
  return std::max<std::int64_t>(1, std::llround(std::ceil(*job.train.tokens / of_step)));
}

double peak_learning_rate(const workload::Job& job) {
  const workload::HyperParameters& hyper = job.train.hyper;
  return hyper.base_learning_rate *
         std::sqrt(static_cast<double>(job.train.global_batch) / hyper.reference_batch);
}

std::string rate_text(double rate) { return fmt::format("{:.6g}", rate); }

void check_exportable(const workload::Job& job, const Wish& wish) {
  check_machine(job);
  const Entry& entry = entry_of(wish.trainer);
  if (!is_software(entry, job))
    throw InputError("software",
                     fmt::format("is {}, with whose habits the job is predicted; those of {} are {}",
                                 json_text(job.habits.name), entry.name, listed(entry.software)),
                     fmt::format("--set software={}", entry.software.front()));
  if (wish.start == Start::sbatch && !steps_of(job, wish))
    throw InputError("train.tokens",
                     "is missing: the time limit of a batch job is made of its number of steps",
                     "--set execute.steps=1000 says it as well");
}

Exported export_launch(const workload::Job& job, const Wish& wish) {
  check_exportable(job, wish);
  const Entry& entry = entry_of(wish.trainer);
  Exported made;
  const std::vector<std::string> says = {
      whose(job), fmt::format("Written by ds-sim export, in the names of {}.", entry.version)};
  made.text = wish.start == Start::none ? deepspeed::configuration(job, wish)
                                        : launch_script(entry.launch(job, wish), job, wish, says);
  const std::string read =
      wish.trainer == Trainer::deepspeed ? deepspeed::configuration(job, wish) : made.text;
  check_read_back(read, job, entry.read_back, made.notes);
  if (wish.trainer == Trainer::deepspeed && !steps_of(job, wish))
    made.notes.emplace_back(
        "without a number of steps (--steps, train.tokens) there is no scheduler: the learning rate neither "
        "rises nor falls");
  return made;
}

}  // namespace ds::exports
