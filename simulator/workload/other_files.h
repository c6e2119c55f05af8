#pragma once
// Files that are taken for jobs and are something else: which, and what reads them.

#include <filesystem>
#include <string>

#include "simulator/base/json.h"

namespace ds::workload {

/// Throws InputError that says what the file is and which command reads it, if its root tells that it is no job: a Hugging Face
/// config.json, a profile, a report, measured cases.
void refuse_other_files(const Cursor& root);

/// What to do with a file that is no JSON, where its name ends as launch scripts and configurations of other trainers do; else empty.
std::string launch_hint(const std::filesystem::path& file);

}  // namespace ds::workload
