// Signals and exit statuses, the same for all commands.
#include "cli/session/session.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <system_error>

#include "cli/session/beside.h"
#include "cli/session/last_resort.h"
#include "ds_version.h"
#include "simulator/base/error.h"
#include "simulator/base/short_memory.h"
#include "simulator/workload/job_document.h"

namespace ds::cli {

namespace {

StopToken stop_token;

// Who asks for an end is not to wait for longer, and a batch system kills soon after it has asked.
constexpr unsigned kSecondsToEnd = 9;

// Two, of which one is whole at any moment, since a handler reads them.
std::array<std::string, 2> last_words;
std::atomic<const std::string*> words_now{nullptr};

void on_signal(int signal) {
  // A second one means that the first was not heard.
  if (stop_token.signal.exchange(signal) != 0) ::_exit(128 + signal);
  ::alarm(kSecondsToEnd);
}

void write_last_words(std::string_view text) {
  static_cast<void>(::write(STDERR_FILENO, text.data(), text.size()) < 0);
}

void on_alarm(int /*signal*/) {
  if (::isatty(STDERR_FILENO) != 0) write_last_words("\r\x1b[K");  // over the line of progress
  const std::string* words = words_now.load();
  write_last_words(words != nullptr ? std::string_view(*words) : "ds: stopped in the middle of its work\n");
  ::_exit(128 + stop_token.signal.load());
}

void end_at_once(int signal) { ::_exit(128 + signal); }

void handle(void (*handler)(int)) {
  struct sigaction action{};
  action.sa_handler = handler;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  ::signal(SIGXFSZ, SIG_IGN);  // write() then fails with EFBIG, and the message names the file
  // Whoever started us may ignore it; then we would complain of a reader that had enough.
  ::signal(SIGPIPE, SIG_DFL);
}

/// A line of ours for standard error; more than one only in a window that is too narrow for it.
std::string line_of_ours(std::string_view kind, std::string_view message) {
  return terminal::wrap(fmt::format("ds: {}{}\n", kind, terminal::one_line(message)),
                        terminal::look_at(STDERR_FILENO, {}));
}

int complain(int status, std::string_view kind, std::string_view message) {
  try {
    fmt::print(stderr, "{}", line_of_ours(kind, message));
  } catch (const std::exception&) {  // no memory, or standard error takes nothing, which changes no status
    for (const std::string_view part : {std::string_view("ds: "), kind, message, std::string_view("\n")})
      write_last_words(part);
  }
  return status;
}

}  // namespace

terminal::ProgressMode Common::progress_mode() const {
  if (quiet) return terminal::ProgressMode::never;
  const auto mode = terminal::progress_mode(progress);
  if (!mode) throw InputError("--progress", "is " + progress, "auto, always and never are possible");
  return *mode;
}

namespace {

int status_of(const std::function<int()>& command) noexcept {
  try {
    const int status = command();
    if (std::fflush(stdout) != 0) return complain(kOurMistake, "", "standard output cannot be written");
    return status;
  } catch (const InputError& e) {
    return complain(kBadInput, "", e.what());
  } catch (const RunFailed& e) {
    return complain(kHonestNo, "", e.what());
  } catch (const MachineError& e) {
    return complain(kOurMistake, "", e.what());
  } catch (const std::bad_alloc&) {
    return complain(kOurMistake, "", not_enough_memory());
  } catch (const std::system_error& e) {
    if (e.code() != std::errc::resource_unavailable_try_again)
      return complain(kOurMistake, "our mistake: ", e.what());
    return complain(kOurMistake, "",
                    fmt::format("a thread cannot be started: memory, or the number of processes that ulimit "
                                "-u allows, is used up{}",
                                address_space_note()));
  } catch (const std::exception& e) {
    return complain(kOurMistake, "our mistake: ", e.what());
  }
}

/// Where one of them is closed, what is opened next would take its place: a metrics file, or the ranks' shared memory, that messages
/// are then written into. What stands there instead can be neither read nor written.
void keep_standard_streams() noexcept {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (::fcntl(stream, F_GETFD) < 0 && errno == EBADF)
      static_cast<void>(::open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY));
}

}  // namespace

int guarded(const std::function<int()>& command) noexcept {
  static_assert(kOurMistake == kStatusOfLastResort);
  keep_standard_streams();
  install_last_resort();
  const int status = status_of(command);
  if (threads_are_left()) std::_Exit(status);
  return status;
}

int complain(int status, std::string_view message) { return complain(status, "", message); }

int refuse_usage(std::string_view what) noexcept {
  return complain(kBadInput, "", fmt::format("{}; --help says what can be asked", what));
}

StopToken& watch_signals() {
  handle(on_signal);
  ::signal(SIGALRM, on_alarm);
  return stop_token;
}

void end_on_signals() { handle(end_at_once); }

void tell(std::string_view line) { write_last_words(line_of_ours("", line)); }

void set_last_words(std::string_view words) {
  static std::size_t spare = 0;
  last_words[spare] = line_of_ours("", words);
  words_now.store(&last_words[spare]);
  spare = 1 - spare;
}

int status_after(const StopToken& stop) { return 128 + stop.signal.load(); }

std::vector<std::string> overrides_of(const Common& common) {
  std::vector<std::string> set = common.set;
  if (common.seed >= 0) set.push_back(fmt::format("seed={}", common.seed));
  return set;
}

Document job_document(const std::string& file, const Common& common) {
  Document document = workload::read_job_file(file);
  for (const std::string& assignment : overrides_of(common)) apply_override(document, assignment);
  return document;
}

workload::Job read_job(const std::string& file, const Common& common) {
  workload::Job job =
      workload::read_job_document(job_document(file, common), std::filesystem::path(file).parent_path());
  workload::check_supported(job);
  return job;
}

cost::Profile profile_of(const workload::Job& job) {
  const workload::Node& node = job.cluster.groups.front().node;
  if (node.profile_path.empty()) return cost::rough_profile();
  try {
    return cost::read_profile(node.profile_path);
  } catch (const InputError& damaged) {
    if (node.name != "localhost") throw;
    throw workload::with_calibration_hint(damaged);
  }
}

std::string recalibration_advice(const workload::Job& job, const cost::Profile& profile) {
  if (!job.cluster.cpu() || job.cluster.ranks() == 1 || profile.path.empty() ||
      !profile.communications.empty())
    return {};
  return "the profile was measured on one rank; ds-exec calibrate measures communications between ranks as "
         "well\n";
}

report::Provenance provenance(const Common& common, const workload::Job* job) {
  report::Provenance p{.program = common.program,
                       .version = kVersion,
                       .commit = kCommit,
                       .command = common.command,
                       .profile = "",
                       .profile_hash = ""};
  if (job != nullptr) {
    p.profile = job->cluster.groups.front().node.profile_path;
    p.profile_hash = job->cluster.groups.front().node.profile_hash;
    p.seed = job->seed;
  }
  return p;
}

namespace {

/// What goes to a pipe goes there in one piece as long as the pipe can hold it: who reads only the beginning, as `head`
/// does, does not end the program in the middle of its answer.
void hold_back_for_pipes() {
  static std::array<char, 65'536> held;  // Linux, pipe(7)
  static const bool once =
      ::isatty(STDOUT_FILENO) == 0 && std::setvbuf(stdout, held.data(), _IOFBF, held.size()) == 0;
  static_cast<void>(once);
}

}  // namespace

void print(std::string_view text) {
  hold_back_for_pipes();
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size())
    throw MachineError("standard output cannot be written");
}

void show(const Common& common, std::string_view text) {
  print(terminal::wrap(text, common.screen(STDOUT_FILENO)));
}

std::string version_text() {
  return fmt::format("ds {} (commit {}, {} build, {})", kVersion, kCommit, kBuildType, kCompiler);
}

}  // namespace ds::cli
