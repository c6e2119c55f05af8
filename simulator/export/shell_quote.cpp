// Single quotes are the only ones within which a shell reads nothing.
#include "simulator/export/shell_quote.h"

#include <algorithm>

namespace ds::exports {
namespace {

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("-_./:=+@%").find(c) != std::string_view::npos;
}

}  // namespace

std::string shell_word(std::string_view text) {
  if (!text.empty() && std::ranges::all_of(text, is_plain)) return std::string(text);
  std::string quoted = "'";
  for (const char c : text)
    if (c == '\'')
      quoted += R"('\'')";
    else
      quoted += c;
  return quoted + "'";
}

std::string one_line(std::string_view text) {
  constexpr std::size_t kMost = 100;
  std::string line(text.substr(0, kMost));
  std::ranges::replace_if(line, [](char c) { return c < ' ' || c > '~'; }, '?');
  return line + (text.size() > kMost ? "..." : "");
}

}  // namespace ds::exports
