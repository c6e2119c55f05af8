#pragma once
// A Markdown page as the link test sees it: what it points at, and what can be pointed at in it.

#include <string>
#include <string_view>
#include <vector>

namespace ds::docs {

struct Link {
  int line{};
  std::string target;  // as written: "adding.md#a-kernel", "#keys", "https://..."
};

struct Page {
  std::vector<Link> links;
  std::vector<std::string> anchors;  // of its headings, as GitHub makes them
};

/// Fenced blocks and `code` hold neither links nor headings.
Page read_page(std::string_view text);

/// "What is *not* there?" -> "what-is-not-there": letters, digits, '-' and '_' stay, blanks become '-'.
std::string anchor_of(std::string_view heading);

}  // namespace ds::docs
