#pragma once
// What is valid but not built yet. Asked after a job has been read, so that its own errors come first; the table
// shrinks as the project grows.

#include <optional>
#include <string_view>

#include "simulator/workload/job.h"

namespace ds::workload {

/// Throws InputError "not supported yet" with the JSON path of the first feature of the job that is not built.
void check_supported(const Job& job);

/// The path that it would name; nothing where it would not throw. Allocates nothing: a search asks for every plan.
std::optional<std::string_view> first_unsupported(const Job& job);

/// Whether the step is small enough for event depth, which plays all its instructions; and InputError where it is not.
bool playable(const Job& job);
void check_depth(const Job& job, Depth depth);

}  // namespace ds::workload
