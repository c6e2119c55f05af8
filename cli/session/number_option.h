#pragma once
// The one reader of options that are numbers: what a file may have for a number, in the range of that option, or an InputError that
// names it. NaN, infinities and what is too long to be exact are none.

#include <cstdint>
#include <string>

namespace ds::cli {

/// 8, 8.0 and 1.536e3, as in a file.
struct WholeRange {
  std::int64_t least, most;
  std::int64_t read(const std::string& option, const std::string& text) const;
};

struct RealRange {
  double least, most;
  double read(const std::string& option, const std::string& text) const;
};

}  // namespace ds::cli
