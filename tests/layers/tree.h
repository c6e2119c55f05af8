#pragma once
// What the layer test knows of a source tree: which file includes what, and which part says that it uses what.

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace ds::layers {

struct Include {
  std::string header;  // as written; a header of ours relative to the root of the tree
  int line{};
};

struct SourceFile {
  std::string path;  // relative to the root of the tree
  std::vector<Include> includes;
};

struct Tree {
  std::vector<SourceFile> files;  // ordered by path
  std::map<std::string, std::set<std::string>>
      uses;  // of every folder with a ds_module or ds_program call; ours alone
  std::map<std::string, std::string> program_of;  // of a source file that a ds_program call lists: its name
};

/// The part of `parts` that holds a path: the longest one that is a folder above it, else nothing.
std::string part_of(std::string_view path, const std::set<std::string>& parts);

/// The #include lines of a file at `path`; those relative to its own folder are rewritten from the root.
std::vector<Include> includes_of(std::string_view path, std::string_view content);

/// Adds the ds_module and ds_program calls of `folder`/CMakeLists.txt to the tree.
void read_calls(Tree& tree, std::string_view folder, std::string_view content);

/// Every *.h, *.cpp, *.cu and CMakeLists.txt below `roots` of the tree at `top`.
Tree read_tree(const std::filesystem::path& top, const std::vector<std::string>& roots);

}  // namespace ds::layers
