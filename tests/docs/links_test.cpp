// Every relative link in every page leads to a file or folder of the tree, and every #anchor to a heading.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "simulator/base/file.h"
#include "tests/docs/page.h"

namespace ds::docs {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;

/// All pages of the tree; what is built or written by programs lies in build/ and out/.
std::vector<fs::path> pages_below(const fs::path& top) {
  std::vector<fs::path> pages;
  for (fs::recursive_directory_iterator at(top), end; at != end; ++at) {
    const std::string name = at->path().filename().string();
    if (at.depth() == 0 && (name == "build" || name == "out" || name == ".git"))
      at.disable_recursion_pending();
    else if (at->path().extension() == ".md")
      pages.push_back(at->path());
  }
  std::ranges::sort(pages);
  return pages;
}

bool is_relative(const std::string& target) {
  return target.find("://") == std::string::npos && !target.starts_with("mailto:");
}

/// What is wrong with a link of `page`, or nothing.
std::string fault_of(const fs::path& page, const std::string& target) {
  const std::size_t hash = target.find('#');
  const std::string file = target.substr(0, hash);
  const fs::path to = file.empty() ? page : page.parent_path() / file;
  if (fs::path(file).is_absolute()) return "is an absolute path";
  if (!fs::exists(to)) return "leads to no file";
  if (hash == std::string::npos) return {};
  if (to.extension() != ".md") return "has an anchor in what is no page";
  const std::vector<std::string> anchors = read_page(read_file(to)).anchors;
  return std::ranges::find(anchors, target.substr(hash + 1)) == anchors.end() ? "leads to no heading" : "";
}

TEST(Pages, RelativeLinksLeadSomewhere) {
  const std::vector<fs::path> pages = pages_below(DS_SOURCE_DIR);
  ASSERT_GT(pages.size(), 10U) << "the tree was not found";
  std::size_t relative = 0;
  for (const fs::path& page : pages)
    for (const Link& link : read_page(read_file(page)).links) {
      if (!is_relative(link.target)) continue;
      ++relative;
      EXPECT_EQ(fault_of(page, link.target), "") << page.string() << ":" << link.line << ": " << link.target;
    }
  EXPECT_GT(relative, 100U);
}

TEST(Pages, AreReadWithoutTheirCode) {
  const Page page = read_page(
      "# One `word` & *more*, again?\n"
      "see [a](a.md#x), `[no](no.md)` and ![b](b.png \"title\")\n"
      "```\n[no](no.md)\n# no heading\n```\n"
      "[c]: c.md\n"
      "## Two\n## Two\n#no heading\n");
  ASSERT_EQ(page.links.size(), 3U);
  EXPECT_EQ(page.links[0].target, "a.md#x");
  EXPECT_EQ(page.links[1].target, "b.png");
  EXPECT_EQ(page.links[2].target, "c.md");
  EXPECT_EQ(page.links[2].line, 7);
  EXPECT_THAT(page.anchors, ElementsAre("one-word--more-again", "two", "two-1"));
}

TEST(Pages, FaultsOfLinksAreFound) {
  const fs::path page = fs::path(DS_SOURCE_DIR) / "docs" / "architecture.md";
  EXPECT_EQ(fault_of(page, "adding.md#a-kernel"), "");
  EXPECT_EQ(fault_of(page, "../simulator/base"), "");
  EXPECT_EQ(fault_of(page, "#the-picture"), "");
  EXPECT_EQ(fault_of(page, "adding.md#a-colonel"), "leads to no heading");
  EXPECT_EQ(fault_of(page, "#no-picture"), "leads to no heading");
  EXPECT_EQ(fault_of(page, "adding.txt"), "leads to no file");
  EXPECT_EQ(fault_of(page, "/etc"), "is an absolute path");
  EXPECT_EQ(fault_of(page, "../CMakeLists.txt#x"), "has an anchor in what is no page");
}

}  // namespace
}  // namespace ds::docs
