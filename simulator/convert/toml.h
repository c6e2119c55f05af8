#pragma once
// The part of TOML in which torchtitan's job files were written until February 2026: [section] and name = value, lists on one line.

#include <string_view>
#include <vector>

#include "simulator/convert/flags.h"

namespace ds::convert {

/// By the ending of the file's name, or by its first line of content, [section].
bool is_toml(std::string_view text, std::string_view file);

/// Names as flags: seq_len below [training] is --training.seq_len. Throws InputError, with the line, for what else TOML has.
std::vector<Flag> flags_of_toml(std::string_view text);

}  // namespace ds::convert
