#include "tests/layers/rules.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <sstream>

#include "simulator/base/error.h"

namespace ds::layers {
namespace {

using Edges = std::map<std::string, std::set<std::string>>;
using Names = std::set<std::string>;

void reach(const std::string& from, const Edges& edges, Names& seen) {
  const auto found = edges.find(from);
  if (found == edges.end()) return;
  for (const std::string& to : found->second)
    if (seen.insert(to).second) reach(to, edges, seen);
}

/// Everything that can be reached from `from`, itself only on a cycle.
Names closure(const std::string& from, const Edges& edges) {
  Names seen;
  reach(from, edges, seen);
  return seen;
}

/// Whether an include names that header, or one in that folder of headers ("torch/").
bool names(const std::string& include, const std::string& header) {
  return header.ends_with('/') ? include.starts_with(header) : include == header;
}

/// The row of parts.txt for a part: its own, else that of the nearest folder above it (cli for cli/sim).
std::string row_of(const std::string& part, const Rules& rules) {
  for (std::filesystem::path path = part; !path.empty(); path = path.parent_path())
    if (rules.may_use.contains(path.generic_string())) return path.generic_string();
  return {};
}

bool in_any(const std::string& path, const Names& folders) { return !part_of(path, folders).empty(); }

struct Checker {
  const Tree& tree;
  const Rules& rules;
  Names parts;  // declared ones, and those of the table that are not declared yet
  std::vector<std::string> found;

  Checker(const Tree& the_tree, const Rules& the_rules) : tree(the_tree), rules(the_rules) {
    for (const auto& [part, uses] : tree.uses) parts.insert(part);
    for (const auto& [part, uses] : rules.may_use) parts.insert(part);
  }

  bool allowed(const std::string& part, const std::string& used) const {
    const Names may = closure(row_of(part, rules), rules.may_use);
    return may.contains("*") || may.contains(used) || may.contains(row_of(used, rules));
  }

  void uses_keep_the_table() {
    for (const auto& [part, uses] : tree.uses) {
      if (row_of(part, rules).empty())
        found.push_back(fmt::format("{}: has no row in the table of parts", part));
      for (const std::string& used : uses)
        if (!allowed(part, used))
          found.push_back(fmt::format("{}: USES {}, which its row does not allow", part, used));
    }
  }

  bool is_front_door(const std::string& header, const std::string& part) const {
    if (rules.open.contains(part)) return true;
    const std::string inside = header.substr(part.size() + 1);
    if (inside == std::filesystem::path(part).filename().string() + ".h") return true;
    const auto doors = rules.doors.find(part);
    return doors != rules.doors.end() && doors->second.contains(inside);
  }

  void include_keeps_uses(const SourceFile& file, const Include& include) {
    const std::string from = part_of(file.path, parts), to = part_of(include.header, parts);
    if (to.empty() || to == from) return;
    const std::string where = fmt::format("{}:{}: includes {}", file.path, include.line, include.header);
    // A part without a call of its own yet is held to its row; one with a call names what it includes, so that a
    // part's USES is the whole list of what a change there can break.
    const auto call = tree.uses.find(from);
    const bool used = call != tree.uses.end() ? call->second.contains(to) : allowed(from, to);
    if (!used) found.push_back(fmt::format("{}, but {} does not name {} under USES", where, from, to));
    if (!is_front_door(include.header, to))
      found.push_back(fmt::format("{}, which is private to {}", where, to));
  }

  void includes_keep_uses() {
    for (const SourceFile& file : tree.files) {
      if (part_of(file.path, parts).empty())
        found.push_back(fmt::format("{}: belongs to no part", file.path));
      else
        for (const Include& include : file.includes) include_keeps_uses(file, include);
    }
  }

  void no_cycles() {
    Edges edges = tree.uses;
    for (const SourceFile& file : tree.files)
      for (const Include& include : file.includes) {
        const std::string from = part_of(file.path, parts), to = part_of(include.header, parts);
        if (!from.empty() && !to.empty() && from != to) edges[from].insert(to);
      }
    for (const auto& [part, uses] : edges)
      if (closure(part, edges).contains(part))
        found.push_back(fmt::format("{}: uses itself by way of others", part));
  }

  void headers_of_others_stay_where_they_are_allowed() {
    for (const auto& [header, folders] : rules.only)
      for (const SourceFile& file : tree.files)
        for (const Include& include : file.includes)
          if (names(include.header, header) && !in_any(file.path, folders))
            found.push_back(fmt::format("{}:{}: includes {}, which only {} may", file.path, include.line,
                                        include.header, fmt::join(folders, " and ")));
  }

  Names files_with(const std::string& header) const {
    Names files;
    for (const SourceFile& file : tree.files)
      for (const Include& include : file.includes)
        if (names(include.header, header)) files.insert(file.path);
    return files;
  }

  /// The program that lists the file, else its part.
  std::string owner_of(const std::string& file) const {
    const auto program = tree.program_of.find(file);
    return program != tree.program_of.end() ? program->second : part_of(file, parts);
  }

  void costly_headers_are_rare() {
    for (const auto& [header, most] : rules.most)
      if (const Names files = files_with(header); files.size() > static_cast<std::size_t>(most))
        found.push_back(fmt::format("{} is included in {} files, at most {} may: {}", header, files.size(),
                                    most, fmt::join(files, " ")));
    for (const std::string& header : rules.single) {
      std::map<std::string, Names> by_owner;
      for (const std::string& file : files_with(header)) by_owner[owner_of(file)].insert(file);
      for (const auto& [owner, files] : by_owner)
        if (files.size() > 1)
          found.push_back(fmt::format("{} is included in {} files of {}, one may: {}", header, files.size(),
                                      owner, fmt::join(files, " ")));
    }
  }
};

std::vector<std::string> words_of(const std::string& line) {
  std::istringstream stream(line.substr(0, line.find('#')));
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

/// One row; false when it is none that we know.
bool read_row(const std::vector<std::string>& words, Rules& rules) {
  const std::string& what = words.front();
  if (words.size() < 2) return false;
  const std::string& name = words[1];
  const auto from = [&](std::size_t first) {
    return Names(words.begin() + static_cast<std::ptrdiff_t>(first), words.end());
  };
  if (what == "part" && words.size() >= 3 && words[2] == "uses")
    rules.may_use[name] = from(3);
  else if (what == "only" && words.size() >= 4 && words[2] == "in")
    rules.only[name] = from(3);
  else if (what == "door" && words.size() >= 3)
    rules.doors[name].merge(from(2));
  else if (what == "most" && words.size() == 3)
    rules.most[name] = std::stoi(words[2]);
  else if (what == "open" && words.size() == 2)
    rules.open.insert(name);
  else if (what == "single" && words.size() == 2)
    rules.single.insert(name);
  else
    return false;
  return true;
}

}  // namespace

Rules read_rules(std::string_view text) {
  Rules rules;
  std::istringstream lines{std::string(text)};
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    const std::vector<std::string> words = words_of(line);
    if (!words.empty() && !read_row(words, rules))
      throw InputError(fmt::format("line {}", number), fmt::format("cannot be understood: {}", line));
  }
  return rules;
}

std::vector<std::string> violations(const Tree& tree, const Rules& rules) {
  Checker checker(tree, rules);
  checker.uses_keep_the_table();
  checker.includes_keep_uses();
  checker.no_cycles();
  checker.headers_of_others_stay_where_they_are_allowed();
  checker.costly_headers_are_rare();
  return checker.found;
}

}  // namespace ds::layers
