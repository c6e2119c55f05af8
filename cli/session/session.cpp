#include "cli/session/session.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <new>

#include "ds_version.h"
#include "simulator/base/error.h"
#include "simulator/base/file.h"

namespace ds::cli {
namespace {

StopToken stop_token;

void on_signal(int signal) {
  // A second one means that the first was not heard.
  if (stop_token.signal.exchange(signal) != 0) ::_exit(128 + signal);
}

int complain(int status, std::string_view kind, std::string_view message) {
  fmt::print(stderr, "ds: {}{}\n", kind, terminal::one_line(message));
  return status;
}

}  // namespace

terminal::ProgressMode Common::progress_mode() const {
  if (quiet) return terminal::ProgressMode::never;
  const auto mode = terminal::progress_mode(progress);
  if (!mode) throw InputError("--progress", "is " + progress, "auto, always and never are possible");
  return *mode;
}

int guarded(const std::function<int()>& command) noexcept {
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
    return complain(kOurMistake, "", "memory is not to be had");
  } catch (const std::exception& e) {
    return complain(kOurMistake, "our mistake: ", e.what());
  }
}

StopToken& watch_signals() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  ::signal(SIGXFSZ, SIG_IGN);  // write() then fails with EFBIG, and the message names the file
  return stop_token;
}

int status_after(const StopToken& stop) { return 128 + stop.signal.load(); }

workload::Job read_job(const std::string& file, const Common& common) {
  std::vector<std::string> set = common.set;
  if (common.seed >= 0) set.push_back(fmt::format("seed={}", common.seed));
  const std::vector<std::string_view> overrides(set.begin(), set.end());
  workload::Job job = workload::read_job(file, overrides);
  workload::check_supported(job);
  if (!common.html.empty()) throw InputError("--html", "pages are not supported yet", "--report gives JSON");
  return job;
}

cost::Profile profile_of(const workload::Job& job) {
  const workload::Node& node = job.cluster.groups.front().node;
  return node.profile_path.empty() ? cost::rough_profile() : cost::read_profile(node.profile_path);
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

void print(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size())
    throw MachineError("standard output cannot be written");
}

void write_output(const std::string& target, std::string_view text) {
  if (target == "-") print(text);
  else write_file_atomically(target, text);
}

std::string version_text() {
  return fmt::format("ds {} (commit {}, {} build, {})", kVersion, kCommit, kBuildType, kCompiler);
}

}  // namespace ds::cli
