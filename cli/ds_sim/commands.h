#pragma once
// The commands of ds-sim, with their options as plain values.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/session/session.h"

namespace ds::cli {

struct RunOptions {
  std::string job;
  std::string depth;  // "", "analytic", "event"
  std::string trace, trace_ranks, dump_program;
  std::string fitted{"all"};  // none, family, all
  bool explain{false};
};

struct CompareOptions {
  std::vector<std::string> jobs;
  std::string depth;
};

struct SweepOptions {
  std::string job;
  std::string depth;
  std::vector<std::string> over;  // PATH=VALUE,VALUE,...
  std::string metric{"step_time_s"};
  std::string csv, svg;
};

struct PresetsOptions {
  std::vector<std::string> words;  // all of which a preset must have
};

struct ConvertOptions {
  std::string stack;  // megatron, deepspeed, torchtitan
  std::string file, output;
  std::string node, cluster, model;
  std::optional<std::int64_t> nodes, vocab, sequence, batch;
  std::vector<std::string> variables;  // NAME=VALUE
  bool lenient{false};
};

struct ExportOptions {
  std::string format;  // megatron, sbatch, ...
  std::string job, output;
  std::optional<std::int64_t> steps;
};

struct ValidateOptions {
  std::string file;
  std::string fitted{"all"};  // none, family, all
  std::string cases;          // only those whose id begins so
};

struct CollectiveOptions {
  std::string spec;
  bool sweep{false};
};

int sim_run(const Common& common, const RunOptions& options);
int sim_compare(const Common& common, const CompareOptions& options);
int sim_diff(const Common& common, const CompareOptions& options);
int sim_sweep(const Common& common, const SweepOptions& options);
int sim_validate(const Common& common, const ValidateOptions& options);
int sim_collective(const Common& common, const CollectiveOptions& options);
int sim_convert(const Common& common, const ConvertOptions& options);
int sim_export(const Common& common, const ExportOptions& options);
int sim_presets(const Common& common, const PresetsOptions& options);
int sim_limits(const Common& common);
int sim_schema(const Common& common, const std::string& what);

}  // namespace ds::cli
