#include "tests/layers/tree.h"

#include <algorithm>
#include <regex>
#include <sstream>

#include "simulator/base/file.h"

namespace ds::layers {
namespace {

namespace fs = std::filesystem;

std::string without_comments(std::string_view cmake) {
  std::istringstream lines{std::string(cmake)};
  std::string text;
  for (std::string line; std::getline(lines, line);) text += line.substr(0, line.find('#')) + '\n';
  return text;
}

/// The words after a keyword, up to the next one.
std::set<std::string> words_after(const std::string& keyword, const std::vector<std::string>& words) {
  std::set<std::string> after;
  bool inside = false;
  for (const std::string& word : words) {
    if (word == "USES" || word == "SOURCES")
      inside = word == keyword;
    else if (inside)
      after.insert(word);
  }
  return after;
}

std::set<std::string> uses_in(const std::vector<std::string>& words) {
  std::set<std::string> uses = words_after("USES", words);
  std::erase_if(uses, [](const std::string& item) { return item.find("::") != std::string::npos; });
  return uses;
}

bool is_source(const fs::path& file) {
  const std::string extension = file.extension().string();
  return extension == ".h" || extension == ".cpp" || extension == ".cu" || extension == ".cuh";
}

}  // namespace

std::string part_of(std::string_view path, const std::set<std::string>& parts) {
  std::string best;
  for (const std::string& part : parts)
    if (part.size() > best.size() && path.starts_with(part + "/")) best = part;
  return best;
}

std::vector<Include> includes_of(std::string_view path, std::string_view content) {
  static const std::regex include_line(R"(^\s*#\s*include\s*([<"])([^">]+)[">])");
  const fs::path folder = fs::path(path).parent_path();
  std::vector<Include> includes;
  std::istringstream lines{std::string(content)};
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    std::smatch match;
    if (!std::regex_search(line, match, include_line)) continue;
    std::string header = match[2];
    const bool beside =
        match[1] == "\"" && (header.find('/') == std::string::npos || header.starts_with('.'));
    if (beside) header = (folder / header).lexically_normal().string();
    includes.push_back({header, number});
  }
  return includes;
}

void read_calls(Tree& tree, std::string_view folder, std::string_view content) {
  static const std::regex module_call(R"(\b(ds_module|ds_program)\s*\(([^)]*)\))");
  const std::string text = without_comments(content);
  for (std::sregex_iterator call(text.begin(), text.end(), module_call), end; call != end; ++call) {
    std::istringstream stream((*call)[2].str());
    std::vector<std::string> words;
    for (std::string word; stream >> word;) words.push_back(word);
    if (words.empty()) continue;
    const bool program = (*call)[1] == "ds_program";
    const std::string part = program ? std::string(folder) : words.front();
    tree.uses[part].merge(uses_in(words));
    if (!program) continue;
    for (const std::string& source : words_after("SOURCES", words))
      tree.program_of[(fs::path(folder) / source).lexically_normal().generic_string()] = words.front();
  }
}

Tree read_tree(const fs::path& top, const std::vector<std::string>& roots) {
  Tree tree;
  for (const std::string& root : roots) {
    if (!fs::is_directory(top / root)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(top / root)) {
      if (!entry.is_regular_file()) continue;
      const std::string path = entry.path().lexically_relative(top).generic_string();
      if (entry.path().filename() == "CMakeLists.txt")
        read_calls(tree, fs::path(path).parent_path().generic_string(), read_file(entry.path()));
      else if (is_source(entry.path()))
        tree.files.push_back({path, includes_of(path, read_file(entry.path()))});
    }
  }
  std::ranges::sort(tree.files, {}, &SourceFile::path);
  return tree;
}

}  // namespace ds::layers
