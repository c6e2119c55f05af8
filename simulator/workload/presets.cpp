// Finds and reads the files under profiles/, and says what is there.
#include "simulator/workload/presets.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "ds_version.h"
#include "simulator/base/error.h"
#include "simulator/base/nearest.h"
#include "simulator/workload/spellings.h"

namespace ds::workload {
namespace {

namespace fs = std::filesystem;

constexpr Named<PresetKind> kFolders[] = {{"models", PresetKind::model},
                                          {"gpus", PresetKind::gpu},
                                          {"clusters", PresetKind::cluster},
                                          {"fabrics", PresetKind::fabric},
                                          {"software", PresetKind::software}};
constexpr Named<PresetKind> kKinds[] = {{"model", PresetKind::model},
                                        {"GPU", PresetKind::gpu},
                                        {"node", PresetKind::cluster},
                                        {"fabric", PresetKind::fabric},
                                        {"software", PresetKind::software}};

std::vector<std::string> names_of(PresetKind kind) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(profiles_directory() / name_in(kFolders, kind), error))
    if (entry.path().extension() == ".json") names.push_back(entry.path().stem().string());
  std::ranges::sort(names);
  return names;
}

}  // namespace

fs::path profiles_directory() {
  std::error_code error;
  if (const char* asked = std::getenv("DS_PROFILES"); asked != nullptr && *asked != '\0') {
    if (!fs::is_directory(asked, error))
      throw InputError("DS_PROFILES", fmt::format("{} is not a directory", asked));
    for (const Named<PresetKind>& folder : kFolders)
      if (!fs::is_directory(fs::path(asked) / folder.name, error))
        throw InputError(
            "DS_PROFILES", fmt::format("{} has no folder {}", asked, folder.name),
            "it names the directory of presets: share/ds of what is installed, or profiles of the sources");
    return asked;
  }
  const fs::path binary = fs::read_symlink("/proc/self/exe", error);
  const fs::path installed = binary.parent_path() / ".." / "share" / "ds";
  if (fs::is_directory(installed, error)) return installed.lexically_normal();
  fs::path source = fs::path(kSourceDir) / "profiles";
  if (*kSourceDir != '\0' && fs::is_directory(source, error)) return source;
  throw InputError("profiles", "are found neither beside the program (../share/ds) nor in the source tree",
                   "set DS_PROFILES to their directory");
}

fs::path localhost_profile() {
  const auto set = [](const char* value) { return value != nullptr && *value != '\0'; };
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); set(cache))
    return fs::path(cache) / "ds" / "localhost.json";
  if (const char* home = std::getenv("HOME"); set(home))
    return fs::path(home) / ".cache" / "ds" / "localhost.json";
  return {};
}

InputError with_calibration_hint(const InputError& error) {
  const InputError better(
      error.path(), error.wrong(),
      "`ds-exec calibrate` measures this machine anew; without the file a rough default is taken");
  return error.file().empty() ? better : better.in_file(error.file());
}

std::vector<Preset> list_presets() {
  std::vector<Preset> presets;
  for (const Named<PresetKind>& folder : kFolders)
    for (const std::string& name : names_of(folder.value)) {
      const Document document = read_document(profiles_directory() / folder.name / (name + ".json"));
      presets.push_back({folder.value, name, document.root().member("source").text()});
    }
  return presets;
}

Document preset_document(PresetKind kind, const std::string& name, const Cursor& asker) {
  const std::vector<std::string> names = names_of(kind);
  if (std::ranges::find(names, name) == names.end()) {
    const std::vector<std::string_view> views(names.begin(), names.end());
    const Sharing alike = sharing(name, views);
    const std::string near = nearest(name, views);
    const auto hint = [&] {
      if (alike.words.size() == 1) return fmt::format("did you mean {}?", alike.words.front());
      if (!alike.words.empty()) return fmt::format("with {} there are {}", alike.by, listed(alike.words));
      return near.empty() ? fmt::format("there are {}", listed(views))
                          : fmt::format("did you mean {}?", near);
    };
    asker.fail(fmt::format("is {}, no {} preset of that name", pretty(asker.value()), name_in(kKinds, kind)),
               hint());
  }
  return read_document(profiles_directory() / name_in(kFolders, kind) / (name + ".json"));
}

}  // namespace ds::workload
