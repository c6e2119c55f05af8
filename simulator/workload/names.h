#pragma once
// What other programs call our keys: one table a program, read in both directions. `ds-sim convert` goes from their names to ours,
// an export goes from ours to theirs, and the job reader hints at ours where somebody writes theirs.
//
//   for (const Name& name : megatron_names()) ...          // {"--tensor-model-parallel-size", "plan.tp", Form::count}

#include <cstdint>
#include <span>
#include <string_view>

namespace ds::workload {

/// How a value of theirs becomes one of ours, and back.
enum class Form : std::uint8_t {
  count,   // the same whole number
  number,  // the same number
  on,      // given (or true): ours is true
  off,     // given (or true): ours is false
  word,    // by a list of words
  derived  // several of theirs and ours hang together: code says how (simulator/convert)
};

struct NamedWord {
  std::string_view theirs, ours;
};

struct Name {
  std::string_view theirs;  // --tensor-model-parallel-size, zero_optimization.stage, --training.seq_len
  std::string_view ours;    // plan.tp: a path of the job
  Form form{Form::count};
  std::span<const NamedWord> words;  // of Form::word, one to one
};

/// Flags of Megatron-LM at d98e8a64dd (August 2026): megatron/training/arguments.py and the classes that it makes flags of.
std::span<const Name> megatron_names();
/// Keys of DeepSpeed's configuration, 0.17: deepspeed.ai/docs/config-json.
std::span<const Name> deepspeed_names();
/// Flags of torchtitan at b5bcd76c6 (August 2026), torchtitan/config/configs.py, and those that 0.2 had.
std::span<const Name> torchtitan_names();

}  // namespace ds::workload
