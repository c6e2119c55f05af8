#pragma once
// A program run to its end, as a shell would run it, with everything that the outside can see of it.
//
//   const Ended ended = run({DS_BINARY_DIR "/bin/ds-sim", "limits"});
//   EXPECT_EQ(ended.status, 0) << ended.err;
//
// The argument list goes to posix_spawn as it is: no shell, no quoting.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/sanitizer.h"

namespace ds::e2e {

using support::sanitized;

/// Once standard error holds `text`: does what is to be done `first`, then sends `signal`, if any. Once.
struct SignalWhen {
  enum class To : std::uint8_t { program, last_child };  // the process that it started last
  std::string text;
  int signal{};
  To to{To::program};
  std::function<void()> first;
};

struct Conditions {
  std::vector<std::string> environment;       // NAME=VALUE, beside what we have ourselves
  std::string input;                          // file that is standard input; empty: /dev/null
  std::string folder;                         // to run in; empty: where we are
  double time_limit_s{60};                    // then the process group is killed
  std::optional<std::int64_t> file_bytes;     // RLIMIT_FSIZE
  std::optional<std::int64_t> address_bytes;  // RLIMIT_AS; not under sanitizers, which reserve terabytes
  std::string output_file;                    // standard output goes there, unseen
  int window_columns{0};                      // standard output and error are a terminal of that width: `out`
  bool closed_output{false};                  // standard output is a pipe that nobody reads
  std::vector<int> closed;                    // of the standard streams, which are not even open
  std::optional<SignalWhen> signal;
};

struct Ended {
  int status{-1};  // exit status, or 128 + signal as a shell says it
  int signal{0};   // that ended it, or 0
  bool timed_out{false}, dumped_core{false};
  std::string out, err;
  double wall_s{}, after_signal_s{};  // in all, and from the signal that was sent
  double
      processor_after_signal_s{};  // of the program without its children: what other work on the machine does not lengthen
  std::vector<std::int64_t> children;  // processes that it had started when the signal was sent
  std::int64_t resident_bytes{};       // most resident memory
};

Ended run(const std::vector<std::string>& arguments, const Conditions& conditions = {});

/// Whether there are pseudo-terminals here.
bool has_terminals();

/// Lines of a text; the last need not end in a line break.
std::vector<std::string> lines(const std::string& text);

}  // namespace ds::e2e
