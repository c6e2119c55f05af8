#pragma once
// A file that grows by whole lines and outlives whoever writes it: killed at any moment, it holds every line that was written
// but perhaps the last one, which nobody has finished.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "simulator/base/descriptor.h"
#include "simulator/base/units.h"

namespace ds::tuner {

class LineFile {
 public:
  /// Opens the file, or makes it, and keeps others from opening it as a LineFile meanwhile. Throws InputError where it cannot be opened,
  /// is no regular file, has more bytes than `most`, or is in use.
  LineFile(std::string name, std::int64_t most);

  /// Tells each whole line with its number, from 1 on, without its end. Lines of more than kMaxInputBytes are an InputError. What
  /// follows the last of them is `rest`: an unfinished line, or nothing.
  void read(const std::function<void(std::string_view line, std::int64_t number)>& tell);
  std::string_view rest() const { return rest_; }
  /// Takes back an unfinished line: what is appended follows the last whole one. Once, after read().
  void drop_rest();

  /// Appends whole lines, each with its end, at once. Where that fails no half of them is left, nothing is written from then on, and
  /// `failure` says why: work does not end for want of a disk.
  void append(std::string_view lines);
  /// So that not even a machine that goes down takes back what was appended.
  void sync();
  const std::string& failure() const { return failure_; }
  const std::string& name() const { return name_; }

 private:
  void fail(std::string why);

  std::string name_;
  std::int64_t most_;
  Descriptor file_;
  std::int64_t size_{0};  // of whole lines
  std::string rest_, failure_;
};

}  // namespace ds::tuner
