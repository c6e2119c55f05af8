// From a launch of Megatron-LM to a job.
#include "simulator/convert/megatron.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "simulator/base/json.h"
#include "simulator/convert/launched.h"
#include "simulator/convert/megatron_flags.h"
#include "simulator/convert/yaml.h"
#include "simulator/workload/limits.h"

namespace ds::convert {
namespace megatron {

namespace {

/// "0:384 200B:768 400B:1152": the last one is what most steps have.
std::int64_t last_batch(const Flag& flag) {
  std::string text;
  for (const Word& word : flag.values) text += (text.empty() ? "" : " ") + word.text;
  Flag last = flag;
  last.values = {{.text = text.substr(text.find_last_of(" :") + 1), .line = flag.line, .unknown = {}}};
  return count_of(last);
}

void take_batch(const Flags& flags, const Asked& asked, Draft& draft) {
  const Flag* schedule = flags.find("--step-batch-size-schedule");
  if (schedule == nullptr) schedule = flags.find("--rampup-batch-size");
  if (asked.batch) draft.set_count("train.global_batch", *asked.batch);
  if (!draft.has("train.global_batch") && schedule != nullptr &&
      schedule->name == "--step-batch-size-schedule")
    draft.set_count("train.global_batch", last_batch(*schedule), schedule);
  if (schedule != nullptr)
    draft.notes.push_back(fmt::format("{}: the batch that it ends with is taken", schedule->name));
  if (draft.has("train.global_batch")) return;
  // Megatron-LM takes one micro-batch a rank.
  const auto bounded = [](std::int64_t n) { return std::clamp<std::int64_t>(n, 1, workload::kMaxDegree); };
  const std::int64_t others = bounded(flags.count("--tensor-model-parallel-size", 1)) *
                              bounded(flags.count("--pipeline-model-parallel-size", 1)) *
                              bounded(flags.count("--context-parallel-size", 1));
  draft.set_count(
      "train.global_batch",
      bounded(flags.needed("--micro-batch-size")) * std::max<std::int64_t>(1, draft.ranks() / others),
      flags.find("--micro-batch-size"));
}

/// The length of the run, where one batch size makes it.
void take_tokens(const Flags& flags, Draft& draft) {
  const Flag* samples = flags.find("--train-samples");
  const Flag* steps = flags.find("--train-iters");
  const bool varies =
      flags.find("--step-batch-size-schedule") != nullptr || flags.find("--rampup-batch-size") != nullptr;
  const Flag* from = samples != nullptr ? samples : steps;
  if (from == nullptr || (samples == nullptr && varies)) return;
  const std::int64_t sequences = samples != nullptr ? 1 : flags.count("--global-batch-size", 0);
  const double tokens = static_cast<double>(count_of(*from)) * static_cast<double>(sequences) *
                        static_cast<double>(flags.count("--seq-length", 0));
  if (tokens > 0) draft.set_json("train.tokens", fmt::format("{}", tokens), from);
}

}  // namespace

void take_training(const Flags& flags, const Asked& asked, Draft& draft) {
  if (asked.sequence) draft.set_count("train.sequence_length", *asked.sequence);
  if (const Flag* encoder = flags.find("--encoder-seq-length");
      encoder != nullptr && !draft.has("train.sequence_length"))
    draft.set_count("train.sequence_length", count_of(*encoder), encoder);
  if (!draft.has("train.sequence_length")) throw InputError("--seq-length", "is missing from the launch");
  take_batch(flags, asked, draft);
  take_tokens(flags, draft);
}

}  // namespace megatron

namespace {

Conversion convert(std::span<const Flag> all, const Draft::Launched& launched, const Asked& asked,
                   std::span<const std::string> texts = {}) {
  Draft draft(asked);
  if (!texts.empty())
    draft.notes.push_back(
        fmt::format("outside the arguments, without meaning here: {}", fmt::join(texts, ", ")));
  const std::vector<Flag> keys = sort_out(all, megatron_flags(), asked, draft.notes);
  const Flags flags(keys);
  draft.set_cluster(launched);
  if (asked.model.empty()) {
    megatron::take_model(flags, asked, draft);
  } else {
    draft.take(workload::megatron_names(), flags);
    draft.set_model();
  }
  megatron::take_training(flags, asked, draft);
  megatron::take_plan(flags, asked, draft);
  draft.note_unused(flags);
  return draft.finish();
}

}  // namespace

Conversion convert_megatron(std::string_view text, const Asked& asked) {
  try {
    check_text(text);
    if (is_yaml(text, asked.file)) {
      const YamlLaunch launch = read_yaml(text);
      return convert(launch.flags, {}, asked, launch.texts);
    }
    const Launch launch = read_launch(text, asked.variables);
    const std::vector<Flag> flags = flags_in(launch.arguments);
    return convert(flags, launched_by(launch), asked);
  } catch (const InputError& error) {
    throw in_launch(error, asked.file);
  }
}

}  // namespace ds::convert
