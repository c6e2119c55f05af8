#pragma once
// Text as a shell has to be told it, so that nothing in it is a command.

#include <string>
#include <string_view>

namespace ds::exports {

/// One word: as it is where all of it is plain, else in single quotes.
std::string shell_word(std::string_view text);
/// For a comment: one line, whatever the text has in it, and not a long one.
std::string one_line(std::string_view text);

}  // namespace ds::exports
