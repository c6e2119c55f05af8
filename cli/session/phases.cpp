// Times phases and tells of them.
#include "cli/session/phases.h"

#include <fmt/format.h>
#include <unistd.h>

#include "simulator/base/file.h"
#include "simulator/base/steady_clock.h"

namespace ds::cli {

Phases::Phases(const Common& common)
    : verbose_(common.verbose && !common.quiet),
      line_(common.progress_mode(), common.screen(STDERR_FILENO)),
      begun_(steady_now()) {
  if (!verbose_) return;
  watch_reads([this](const std::filesystem::path& file, std::size_t bytes) {
    if (files_.insert(file).second) note(fmt::format("read {}, {} bytes", file.string(), bytes));
  });
}

Phases::~Phases() {
  end();
  if (verbose_) watch_reads({});
}

void Phases::begin(std::string_view what) {
  end();
  what_ = what;
  begun_ = steady_now();
  line_.update(0, what);
}

void Phases::end() {
  line_.finish();
  if (!what_.empty()) note(fmt::format("{}: {}", what_, terminal::duration(steady_now() - begun_)));
  what_.clear();
}

void Phases::note(std::string_view line) {
  if (verbose_) line_.say(fmt::format("ds: {}", terminal::one_line(line)));
}

}  // namespace ds::cli
