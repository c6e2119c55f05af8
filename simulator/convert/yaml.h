#pragma once
// The part of YAML in which Megatron-LM's configurations are written: maps of names to single values and lists of them, in sections
// at most. Blocks of text are passed over; what else YAML has (anchors, documents) is refused with its line.

#include <string>
#include <string_view>
#include <vector>

#include "simulator/convert/flags.h"

namespace ds::convert {

/// By the ending of the file's name; where there is none, by its first line of content, `NAME:`.
bool is_yaml(std::string_view text, std::string_view file);

struct YamlLaunch {
  std::vector<Flag> flags;
  std::vector<std::string>
      texts;            // names of what has no flags: other sections than the arguments, blocks of text
  Variables variables;  // of the environment: what stands in ENV_VARS
};

/// Names as flags: num_layers and --num-layers are --num-layers. `true` is a switch that is given, `false` and null are one that
/// is not. Where there is a section MODEL_ARGS (as in Megatron-LM's tests) it alone counts, else all sections do. Fields of the
/// configuration classes that flags name otherwise (add_bias_linear: false) become those flags.
YamlLaunch read_yaml(std::string_view text);

}  // namespace ds::convert
