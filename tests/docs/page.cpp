#include "tests/docs/page.h"

#include <algorithm>
#include <cctype>

namespace ds::docs {
namespace {

/// The line with `code` blanked out, so that what stands behind it keeps its place.
std::string without_code(std::string line) {
  for (std::size_t open = line.find('`'); open != std::string::npos;) {
    const std::size_t close = line.find('`', open + 1);
    if (close == std::string::npos) break;
    std::fill(line.begin() + static_cast<std::ptrdiff_t>(open),
              line.begin() + static_cast<std::ptrdiff_t>(close) + 1, ' ');
    open = line.find('`', close + 1);
  }
  return line;
}

/// `[text](target)` and `[text](target "title")`, pictures too; `[name]: target` at the start of a line.
void add_links(const std::string& line, int number, std::vector<Link>& links) {
  for (std::size_t at = line.find("]("); at != std::string::npos; at = line.find("](", at + 1)) {
    const std::size_t end = line.find_first_of(") ", at + 2);
    if (end != std::string::npos) links.push_back({number, line.substr(at + 2, end - at - 2)});
  }
  if (line.starts_with('['))
    if (const std::size_t at = line.find("]: "); at != std::string::npos)
      links.push_back({number, line.substr(at + 3, line.find(' ', at + 3) - at - 3)});
}

/// The words of a `## heading`, or nothing.
std::string_view heading_in(std::string_view line) {
  const std::size_t marks = line.find_first_not_of('#');
  if (marks == 0 || marks == std::string_view::npos || marks > 6 || line[marks] != ' ') return {};
  return line.substr(marks + 1);
}

/// The second heading of the same words gets "-1" behind it, the third "-2".
void add_anchor(std::string_view heading, std::vector<std::string>& first,
                std::vector<std::string>& anchors) {
  const std::string anchor = anchor_of(heading);
  const auto earlier = std::ranges::count(first, anchor);
  first.push_back(anchor);
  anchors.push_back(earlier == 0 ? anchor : anchor + "-" + std::to_string(earlier));
}

}  // namespace

std::string anchor_of(std::string_view heading) {
  std::string anchor;
  for (const char c : heading) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == ' ')
      anchor += '-';
    else if (std::isalnum(byte) != 0 || c == '-' || c == '_' || byte >= 0x80)
      anchor += static_cast<char>(byte < 0x80 ? std::tolower(byte) : byte);
  }
  return anchor;
}

Page read_page(std::string_view text) {
  Page page;
  std::vector<std::string> plain_anchors;
  bool fenced = false;
  for (int number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.substr(std::min(line.find_first_not_of(' '), line.size())).starts_with("```")) {
      fenced = !fenced;
    } else if (!fenced) {
      add_links(without_code(std::string(line)), number, page.links);
      if (const std::string_view heading = heading_in(line); !heading.empty())
        add_anchor(heading, plain_anchors, page.anchors);
    }
  }
  return page;
}

}  // namespace ds::docs
