#pragma once
// Files that a command writes: checked before anything runs, and each written that can be.

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ds::cli {

/// One option that says where to write: {"--report", "report.json"}; no target, no file; "-" is standard output.
struct Output {
  std::string_view option;
  std::string target;
  bool in_place{false};  // written into, and not replaced by a new file beside it
};
/// A file that the command reads: {"the job", "job.json"}; no file, none.
struct Input {
  std::string_view what;
  std::string file;
};

/// Throws InputError where a target cannot be written, be it a folder, in no folder, write-protected, a FIFO that nobody reads,
/// or somebody else's link in a folder that all may write to; and where two of them are one file. Better now than after hours of
/// training. Once for each, before anything runs: a FIFO is held open from here, lest its reader see an end.
void check_outputs(const std::vector<Output>& outputs);
/// Throws InputError where one is an input, as far as inputs are known.
void check_against(const std::vector<Output>& outputs, const std::vector<Input>& inputs);

/// A target that grows line by line while the command works, for whoever follows it (`tail -f`). What an earlier run left there
/// stays until there is a first line to put in its place.
class GrowingOutput {
 public:
  /// No target: nothing is written.
  explicit GrowingOutput(std::string target) : target_(std::move(target)) {}
  ~GrowingOutput();
  GrowingOutput(const GrowingOutput&) = delete;
  GrowingOutput& operator=(const GrowingOutput&) = delete;

  /// Writes the line and its end, at once. Where that fails, no half of it is left, and this and what comes after it is not
  /// written: work is not to end for want of a disk. The whole is then for write_output, once the work is done.
  void add(std::string_view line);
  bool failed() const { return failed_; }
  const std::string& target() const { return target_; }

 private:
  std::string target_;
  int file_{-1};
  bool failed_{false};
};

/// Writes to a file (atomically), to a device or FIFO, or, for "-", to standard output. What is named .gz is compressed.
void write_output(const std::string& target, std::string_view text);

/// Where, and what; nothing is written where there is no target.
struct Content {
  std::string target;
  std::function<std::string()> text;
};
/// Writes them all in their order. One that fails does not keep the others from being written; then the first failure is
/// thrown.
void write_outputs(const std::vector<Content>& contents);

}  // namespace ds::cli
