#pragma once
// What a command is doing, for those who wait: the progress line, and with -v what it read and how long each phase took.
//
//   Phases phases(common);
//   phases.begin("read the job");
//   ...
//   phases.begin("predict");   // ds: read the job: 1.20 ms

#include <filesystem>
#include <set>
#include <string>
#include <string_view>

#include "cli/session/session.h"

namespace ds::cli {

class Phases {
 public:
  explicit Phases(const Common& common);
  ~Phases();
  Phases(const Phases&) = delete;
  Phases& operator=(const Phases&) = delete;

  /// Ends the phase before.
  void begin(std::string_view what);
  void end();
  /// One line on standard error, with -v only.
  void note(std::string_view line);

 private:
  bool verbose_;
  terminal::ProgressLine line_;
  std::string what_;
  Seconds begun_;
  std::set<std::filesystem::path> files_;  // each is told once, however often it is read
};

}  // namespace ds::cli
