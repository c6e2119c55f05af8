#pragma once
// What is asked of the planner: a model on a cluster, how it is trained, and the plan. The job file is read once, here;
// the result is plain data with every default filled in (job.h) and every rule kept (rules.h).
//
//   const std::string_view overrides[] = {"plan.tp=4"};       // as given with --set
//   const Job job = read_job("job.json", overrides);          // InputError: file, JSON path, value, rule, what is right
//   check_supported(job);                                     // InputError "not supported yet" for what is not built
//
// Units: tokens, sequences, bytes, seconds, FLOP per second; see job.h.

#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "simulator/workload/job.h"
#include "simulator/workload/limits.h"
#include "simulator/workload/parameters.h"
#include "simulator/workload/presets.h"
#include "simulator/workload/rules.h"
#include "simulator/workload/settle.h"
#include "simulator/workload/spellings.h"
#include "simulator/workload/split.h"
#include "simulator/workload/supported.h"
#include "simulator/workload/trainers.h"
#include "simulator/workload/write_job.h"

namespace ds::workload {

/// Reads, completes and checks a job file. Relative paths in it are relative to its folder.
Job read_job(const std::filesystem::path& file, std::span<const std::string_view> overrides = {});

/// The same for text; `name` stands in messages, relative paths are relative to `folder`.
Job read_job_text(std::string_view text, const std::string& name,
                  std::span<const std::string_view> overrides = {}, const std::filesystem::path& folder = {});

/// The same for a parsed document, overrides applied.
Job read_job_document(const Document& document, const std::filesystem::path& folder = {});

/// A job whose keys are read and whose defaults are taken, but whose rules nobody has asked for: for those who bring plans
/// of their own. `first_violation` and `settle` are left to do.
Job read_job_parts(const Document& document, const std::filesystem::path& folder = {});

/// The JSON Schema (draft 7) of the job file, as text.
std::string job_schema();

}  // namespace ds::workload
