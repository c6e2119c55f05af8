#pragma once
// A command line that cannot be understood: which word of it is wrong, and how it would be right.

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "cli/documents/documents.h"
#include "simulator/base/error.h"

namespace ds::cli {

/// What is wrong with `words`, which stood behind the program's name, as far as the table of the program tells.
/// `later`: commands that are not there yet.
std::optional<InputError> wrong_word(const ProgramTable& program, std::span<const std::string> words,
                                     std::span<const std::string_view> later);

}  // namespace ds::cli
