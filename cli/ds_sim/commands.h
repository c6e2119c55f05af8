#pragma once
// The commands of ds-sim, with their options as plain values.

#include <string>

#include "cli/session/session.h"

namespace ds::cli {

struct RunOptions {
  std::string job;
  std::string depth;  // "", "analytic", "event"
  std::string trace, trace_ranks, dump_program;
  bool explain{false};
};

struct ValidateOptions {
  std::string file;
  std::string fitted{"all"};  // none, family, all
  std::string cases;          // only those whose id begins so
};

int sim_run(const Common& common, const RunOptions& options);
int sim_validate(const Common& common, const ValidateOptions& options);
int sim_presets(const Common& common);
int sim_limits(const Common& common);
int sim_schema(const Common& common, const std::string& what);

}  // namespace ds::cli
