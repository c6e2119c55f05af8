#pragma once
// The table of parts (parts.txt) and what a tree does against it.

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tests/layers/tree.h"

namespace ds::layers {

struct Rules {
  std::map<std::string, std::set<std::string>> may_use;  // "*" is all
  std::set<std::string> open;
  std::map<std::string, std::set<std::string>> doors;
  std::map<std::string, std::set<std::string>> only;  // header -> parts
  std::map<std::string, int> most;                    // header -> files
  std::set<std::string> single;
};

/// Throws InputError with the line's number for a row that it does not know.
Rules read_rules(std::string_view text);

/// One sentence each, in a fixed order: uses against the table, includes against uses, private headers, cycles, headers of
/// others. Empty: the tree keeps the rules.
std::vector<std::string> violations(const Tree& tree, const Rules& rules);

}  // namespace ds::layers
