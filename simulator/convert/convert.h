#pragma once
// Launches of other programs become jobs: what a command line of Megatron-LM or torchtitan, or a configuration of DeepSpeed, says of
// model, plan and training, under our names.
//
//   const Conversion made = convert_megatron(script, {.file = "train.sh", .node = "dgx-h100"});
//   made.job                       // {"model": {...}, "cluster": {...}, ...}, which workload::read_job_text accepts
//   made.notes                     // "ignored, as they do not change what is predicted: --lr, --seed"
//
// All throw InputError, with file, line, flag, value and rule. What is asked and not in the launch (a machine, a vocabulary)
// is told by the name of the option of `ds-sim convert` that gives it.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ds::convert {

/// Most bytes of a launch.
inline constexpr std::int64_t kMaxLaunchBytes = 1LL << 20;

/// What stands beside the launch.
struct Asked {
  std::string file;                   // for messages; what ends in .yaml or .yml is YAML
  std::string node;                   // a preset's name
  std::optional<std::int64_t> nodes;  // else as the launch says
  std::filesystem::path
      cluster;  // a JSON file with the cluster as a job has it, or a job; instead of node and nodes
  std::string
      model;  // a preset's name or the path of a config.json from where we are, if the launch does not describe it
  std::string cluster_json, model_json;  // the same two as a job has them, for whoever has them at hand
  std::filesystem::path folder;          // where the job will stand: paths in it are relative to that
  std::optional<std::int64_t> vocab;     // tokens, where it is the tokenizer that knows
  std::optional<std::int64_t> sequence;  // tokens
  std::optional<std::int64_t> batch;     // sequences of a step, where the launch leaves it to others
  std::vector<std::pair<std::string, std::string>> variables;  // of the script
  bool lenient{};  // what cannot be predicted yet is left out and listed, not refused

  bool says_model() const { return !model.empty() || !model_json.empty(); }
};

struct Conversion {
  std::string job;                 // JSON, with a line break at its end
  std::vector<std::string> notes;  // a line each, for people
};

/// A launch script, a command line, the flags alone, or YAML.
Conversion convert_megatron(std::string_view text, const Asked& asked);
/// The JSON configuration; needs asked.model.
Conversion convert_deepspeed(std::string_view text, const Asked& asked);
/// As of Megatron-LM, but for YAML.
Conversion convert_torchtitan(std::string_view text, const Asked& asked);

}  // namespace ds::convert
