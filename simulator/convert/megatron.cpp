// From a launch of Megatron-LM to a job.
#include "simulator/convert/megatron.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

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
  if (draft.leaves_open(*from, "train.tokens")) return;
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

/// Programs beside pretrain_gpt.py train other models, whatever their flags have in common with its own.
void check_program(const Launch& launch, const Asked& asked, Draft& draft) {
  for (const std::string_view other :
       {"bert", "t5", "ict", "vision", "vlm", "retro", "mamba", "hybrid", "biencoder", "mimo"})
    if (launch.program.starts_with("pretrain_") && launch.program.find(other) != std::string::npos) {
      megatron::refuse({.name = launch.program, .line = launch.line, .values = {}},
                       "models other than decoders of text", asked, draft);
      return;
    }
}

/// Variables of Transformer Engine, which decide where no flag does: 0 takes a kernel away. They had that say before the flag was
/// there; beside `auto` newer versions refuse them.
std::optional<Flag> backend_of(const Variables& variables) {
  const Word* flash = find_variable(variables, "NVTE_FLASH_ATTN");
  const Word* fused = find_variable(variables, "NVTE_FUSED_ATTN");
  const auto off = [](const Word* word) { return word != nullptr && word->text == "0"; };
  if (!off(flash) && !off(fused)) return std::nullopt;
  const Word& from = off(flash) ? *flash : *fused;
  const char* kernel = !off(flash) ? "flash" : !off(fused) ? "fused" : "unfused";
  return Flag{.name = "--attention-backend",
              .line = from.line,
              .values = {{.text = kernel, .line = from.line, .unknown = {}}}};
}

/// Values that mean what others mean: no experts are none, and yarn is rope with other angles.
void simplify(std::vector<Flag>& all) {
  const auto is = [](const Flag& flag, std::string_view name, std::string_view value) {
    return flag.name == name && flag.values.size() == 1 && flag.values[0].text == value;
  };
  std::erase_if(all, [&](const Flag& flag) { return is(flag, "--num-experts", "0"); });
  for (Flag& flag : all)
    if (is(flag, "--position-embedding-type", "yarn")) flag.values[0].text = "rope";
}

/// What stands around the flags.
struct Around {
  Draft::Launched launched;
  const Launch* launch{};          // null: YAML
  std::vector<std::string> texts;  // without meaning
  std::optional<Flag> backend;     // of attention, by the environment
};

Conversion convert(std::vector<Flag> all, const Around& around, const Asked& asked) {
  Draft draft(asked);
  const std::vector<std::string>& texts = around.texts;
  const auto given = [&](std::string_view name) {
    return std::ranges::find(all, name, &Flag::name) != all.end();
  };
  if (around.launch != nullptr) check_program(*around.launch, asked, draft);
  if (around.backend && !given("--attention-backend")) {
    draft.notes.push_back(
        fmt::format("NVTE_FLASH_ATTN and NVTE_FUSED_ATTN are read as --attention-backend {}",
                    around.backend->values[0].text));
    all.push_back(*around.backend);
  }
  simplify(all);
  if (const auto hybrid = std::ranges::find(all, "--hybrid-layer-pattern", &Flag::name);
      hybrid != all.end() && !given("--num-layers") && !asked.says_model())
    fail(*hybrid, "makes layers other than attention and MLP, which cannot be predicted yet");
  if (!texts.empty())
    draft.notes.push_back(
        fmt::format("outside the arguments, without meaning here: {}", fmt::join(texts, ", ")));
  const std::vector<Flag> keys = sort_out(all, megatron_flags(), asked, draft.notes);
  const Flags flags(keys);
  draft.set_cluster(around.launched);
  if (!asked.says_model()) {
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
      YamlLaunch launch = read_yaml(text);
      Around around;
      around.texts = std::move(launch.texts);
      around.backend = backend_of(launch.variables);
      return convert(std::move(launch.flags), around, asked);
    }
    const Launch launch = read_launch(text, asked.variables);
    Around around;
    around.launched = launched_by(launch);
    around.launch = &launch;
    around.backend = backend_of(launch.variables);
    return convert(flags_in(launch.arguments), around, asked);
  } catch (const InputError& error) {
    throw in_launch(error, asked.file);
  }
}

}  // namespace ds::convert
