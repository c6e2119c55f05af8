#pragma once
// What is shipped under profiles/: models, GPUs, nodes (clusters/), fabrics and training stacks (software/), one JSON
// file each, with the source of its numbers inside.

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "simulator/base/error.h"
#include "simulator/base/json.h"
#include "simulator/workload/job.h"

namespace ds::workload {

enum class PresetKind { model, gpu, cluster, fabric, software };

struct Preset {
  PresetKind kind;
  std::string name;
  std::string source;  // where its numbers come from
};

/// $DS_PROFILES, else ../share/ds beside the binary, else profiles/ of the source tree this was built from.
/// Throws InputError when none of them is a directory.
std::filesystem::path profiles_directory();

/// The file that `localhost` means, written by `ds-exec calibrate`: $XDG_CACHE_HOME/ds/localhost.json, else
/// ~/.cache/ds/localhost.json. Empty where neither XDG_CACHE_HOME nor HOME is set.
std::filesystem::path localhost_profile();

/// What is wrong with that file, and what to do about it.
InputError with_calibration_hint(const InputError& error);

/// All presets by kind, then name.
std::vector<Preset> list_presets();

/// The preset's document. `asker` is where its name stands, for the error that names the nearest one.
Document preset_document(PresetKind kind, const std::string& name, const Cursor& asker);

}  // namespace ds::workload
