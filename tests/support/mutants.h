#pragma once
// profiles/measured/mutants.json: one-value changes of good jobs, and what must be answered to each. Its `about` says
// what the words mean.

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>
#include <string>

#include "simulator/base/file.h"

namespace ds::support {

using Json = nlohmann::ordered_json;

inline Json read_mutants() {
  return Json::parse(read_file(std::string(DS_SOURCE_DIR) + "/profiles/measured/mutants.json"));
}

/// plan.stage_layers[2] as /plan/stage_layers/2
inline Json::json_pointer pointer(const std::string& path) {
  std::string text;
  for (const char c : path)
    if (c == '.' || c == '[')
      text += '/';
    else if (c != ']')
      text += c;
  return Json::json_pointer(path.empty() ? "" : "/" + text);
}

/// The text with a stand-in for what JSON values cannot say put in its place.
inline std::string with_raw(const Json& job, const std::string& raw) {
  std::string text = job.dump();
  const std::string stand_in = "\"@raw@\"";
  return text.replace(text.find(stand_in), stand_in.size(), raw);
}

/// The text of a job with one mutant applied.
inline std::string mutated(const Json& mutant, Json job) {
  const std::string op = mutant["op"];
  const std::string path = mutant["path"];
  if (op == "raw") {
    if (path.empty()) return mutant["value"];
    job[pointer(path)] = "@raw@";
    return with_raw(job, mutant["value"]);
  }
  if (path.empty()) return mutant["value"].dump();
  const Json::json_pointer at = pointer(path);
  const std::string& key = at.back();
  Json& parent = job[at.parent_pointer()];
  if (op == "set") {
    job[at] = mutant["value"];
  } else if (op == "delete") {
    parent.erase(key);
  } else if (op == "rename") {
    Json renamed = Json::object();
    for (const auto& [k, v] : parent.items()) renamed[k == key ? mutant["value"].get<std::string>() : k] = v;
    parent = renamed;
  } else {  // duplicate: at the end of its object, under a name that is put right in the text
    parent["@twice@"] = mutant["value"];
    std::string text = job.dump();
    return text.replace(text.find("@twice@"), 7, key);
  }
  return job.dump();
}

inline bool part_of_path(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.';
}

/// Whether `path` stands in `text` whole: plan.tp, not as a part of plan.tp_grid.
inline bool names(const std::string& text, const std::string& path) {
  for (std::size_t at = text.find(path); at != std::string::npos; at = text.find(path, at + 1)) {
    const std::size_t end = at + path.size();
    const bool sentence_end =
        end < text.size() && text[end] == '.' && (end + 1 == text.size() || text[end + 1] == ' ');
    if ((at == 0 || !part_of_path(text[at - 1])) &&
        (end == text.size() || !part_of_path(text[end]) || sentence_end))
      return true;
  }
  return false;
}

/// Whether the message names one of these paths or, where there are none, says where the text is no job.
inline bool says_where(const std::string& message, const Json& paths) {
  if (paths.empty())
    return message.find("line ") != std::string::npos || message.find("the job is ") != std::string::npos ||
           message.find("nested") != std::string::npos;
  return std::ranges::any_of(paths,
                             [&](const Json& path) { return names(message, path.get<std::string>()); });
}

}  // namespace ds::support
