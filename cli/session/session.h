#pragma once
// What the three programs have in common around their commands: options, signals, exit statuses, files.

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "cli/session/outputs.h"
#include "cli/terminal/terminal.h"
#include "simulator/base/progress.h"
#include "simulator/cost/cost.h"
#include "simulator/report/report.h"
#include "simulator/workload/workload.h"

namespace ds::cli {

/// What the options that commands share were set to (options.h).
struct Common {
  std::string program;               // "ds-sim run"
  std::vector<std::string> command;  // as typed
  std::vector<std::string> set;      // PATH=VALUE
  std::string report;                // file, "-" for standard output, "" for none
  std::string progress{"auto"};
  std::int64_t seed{-1};  // -1: not given
  std::int64_t jobs{std::max<std::int64_t>(1, std::thread::hardware_concurrency())};
  bool quiet{false}, verbose{false}, no_color{false};

  terminal::Screen screen(int descriptor) const {
    return terminal::look_at(descriptor, {.no_color = no_color});
  }
  /// Whether people read standard output: not with -q, and not where the report goes there.
  bool talks() const { return !quiet && report != "-"; }
  terminal::ProgressMode progress_mode() const;
};

inline constexpr int kDone = 0, kHonestNo = 1, kBadInput = 2, kOurMistake = 3;

/// Runs a command; turns exceptions into one line on standard error and the exit status that belongs to them.
int guarded(const std::function<int()>& command) noexcept;

/// One line on standard error; returns `status`.
int complain(int status, std::string_view message);
/// A command line that cannot be understood: one line on standard error, and the status for that.
int refuse_usage(std::string_view what) noexcept;

/// For commands that save what they have reached: Ctrl-C and SIGTERM set the token. A second one ends the program at once, and
/// so does the tenth second after the first, whatever the program is doing.
/// In both cases a file size limit becomes an error, and a closed pipe ends the program without a word.
StopToken& watch_signals();
/// For commands that have nothing to save: Ctrl-C and SIGTERM end the program at once, with 130 and 143. A file that is
/// being written is finished first.
void end_on_signals();
/// What that end says, without "ds: ": how far the work had come, and what is kept.
void set_last_words(std::string_view words);
/// A line of ours on standard error, for people.
void tell(std::string_view line);
/// 130 after Ctrl-C, 143 after SIGTERM.
int status_after(const StopToken& stop);

/// What --set and --seed change, as assignments.
std::vector<std::string> overrides_of(const Common& common);
workload::Job read_job(const std::string& file, const Common& common);
/// What that is read from, overrides applied.
Document job_document(const std::string& file, const Common& common);
/// The profile behind the job's node: measured, or a rough default.
cost::Profile profile_of(const workload::Job& job);

/// What measuring the machine again would add for a job of several ranks, as a line for people; empty where nothing.
std::string recalibration_advice(const workload::Job& job, const cost::Profile& profile);

report::Provenance provenance(const Common& common, const workload::Job* job);

/// To standard output, as it is.
void print(std::string_view text);
/// For people, on standard output: no line is wider than the window, as far as words allow.
void show(const Common& common, std::string_view text);

std::string version_text();

}  // namespace ds::cli
