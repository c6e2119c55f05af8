// Line by line.
#include "simulator/convert/toml.h"

#include <fmt/format.h>

#include <algorithm>

#include "simulator/base/json.h"

namespace ds::convert {
namespace {

std::string_view stripped(std::string_view text) {
  const std::size_t end = text.find_last_not_of(" \t\r");
  if (end == std::string_view::npos) return {};
  return text.substr(text.find_first_not_of(" \t\r"), end + 1 - text.find_first_not_of(" \t\r"));
}

[[noreturn]] void refuse(int line, std::string what) {
  throw InputError(at_line(line), std::move(what), "[section] and NAME = VALUE are read");
}

std::string_view without_comment(std::string_view line) {
  char quote = '\0';
  for (std::size_t i = 0; i < line.size(); ++i)
    if (quote != '\0')
      quote = line[i] == quote ? '\0' : quote;
    else if (line[i] == '"' || line[i] == '\'')
      quote = line[i];
    else if (line[i] == '#')
      return line.substr(0, i);
  return line;
}

std::string scalar(std::string_view text, int line) {
  text = stripped(text);
  if (text.empty()) refuse(line, "has no value");
  const bool quoted = text.front() == '"' || text.front() == '\'';
  if (quoted && (text.size() < 2 || text.back() != text.front() || text.starts_with(R"(""")")))
    refuse(line, "has a text that does not end on its line");
  if (text.front() == '{' || text.front() == '[')
    refuse(line, fmt::format("has {}, which is more of TOML than is read", json_text(text.substr(0, 40))));
  return std::string(quoted ? text.substr(1, text.size() - 2) : text);
}

std::vector<Word> values_of(std::string_view text, int line) {
  std::vector<Word> values;
  const auto add = [&](std::string_view one) {
    values.push_back({.text = scalar(one, line), .line = line, .unknown = {}});
  };
  if (!text.starts_with('[')) {
    add(text);
    return values;
  }
  if (!text.ends_with(']')) refuse(line, "opens a list that does not end on its line");
  text = stripped(text.substr(1, text.size() - 2));
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    add(text.substr(0, comma));
    text = stripped(text.substr(std::min(comma + 1, text.size())));
  }
  return values;
}

}  // namespace

bool is_toml(std::string_view text, std::string_view file) {
  if (file.ends_with(".toml")) return true;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = stripped(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!line.empty() && !line.starts_with('#'))
      return line.starts_with('[') && line.ends_with(']') && !line.starts_with("[[");
  }
  return false;
}

std::vector<Flag> flags_of_toml(std::string_view text) {
  std::vector<Flag> flags;
  std::string section;
  int number = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = stripped(without_comment(text.substr(0, end)));
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    if (line.empty()) continue;
    if (line.starts_with('[')) {
      if (!line.ends_with(']') || line.starts_with("[[") || line.size() < 3)
        refuse(number, fmt::format("has {}", json_text(line.substr(0, 40))));
      section = stripped(line.substr(1, line.size() - 2));
      continue;
    }
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos || equals == 0)
      refuse(number, fmt::format("has {}, which is not NAME = VALUE", json_text(line.substr(0, 40))));
    const std::string name(stripped(line.substr(0, equals)));
    flags.push_back({.name = fmt::format("--{}{}{}", section, section.empty() ? "" : ".", name),
                     .line = number,
                     .values = values_of(stripped(line.substr(equals + 1)), number)});
  }
  return flags;
}

}  // namespace ds::convert
