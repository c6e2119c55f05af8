// `--set plan.tp=4`: a path with dots and [i], and a value that is JSON or else text.

#include <fmt/format.h>

#include <charconv>
#include <nlohmann/json.hpp>
#include <variant>

#include "simulator/base/error.h"
#include "simulator/base/json.h"

namespace ds {
namespace {

using Json = nlohmann::json;
using Step = std::variant<std::string, std::size_t>;  // a key, or the index of an element

[[noreturn]] void fail(std::string_view assignment, const std::string& wrong, const std::string& hint = {}) {
  throw InputError(fmt::format("--set {}", assignment.substr(0, 80)), wrong, hint);
}

std::vector<Step> steps_of(std::string_view path, std::string_view assignment) {
  std::vector<Step> steps;
  std::size_t at = 0;
  while (at < path.size()) {
    if (path[at] == '[') {
      const std::size_t end = path.find(']', at);
      std::size_t index = 0;
      const char* first = path.data() + at + 1;
      const char* last = path.data() + (end == std::string_view::npos ? path.size() : end);
      const auto [stop, error] = std::from_chars(first, last, index);
      if (end == std::string_view::npos || error != std::errc() || stop != last || first == last)
        fail(assignment, "an index must be a whole number in brackets", "such as plan.stage_layers[2]=7");
      steps.emplace_back(index);
      at = end + 1;
      if (at < path.size() && path[at] == '.')
        ++at;
      else if (at < path.size() && path[at] != '[')
        fail(assignment, "after ] comes a dot, [ or =", "such as plan.stage_layers[2]=7");
      continue;
    }
    const std::size_t end = std::min(path.find_first_of(".[", at), path.size());
    if (end == at) fail(assignment, "the path has an empty key", "a path looks like plan.tp=4");
    steps.emplace_back(std::string(path.substr(at, end - at)));
    at = end < path.size() && path[end] == '.' ? end + 1 : end;
  }
  if (steps.empty() || path.back() == '.')
    fail(assignment, "the path has an empty key", "a path looks like plan.tp=4");
  if (steps.size() > static_cast<std::size_t>(kMaxDepth)) fail(assignment, "the path is too deep");
  return steps;
}

std::string named(const std::string& path) { return path.empty() ? "the document" : path; }

Json value_of(std::string_view text) {
  try {
    return std::move(parse_document(text, {}).value());
  } catch (const InputError&) {
    return std::string(text);
  }
}

}  // namespace

void apply_override(Document& document, std::string_view assignment) {
  const std::size_t equals = assignment.find('=');
  if (equals == std::string_view::npos) fail(assignment, "has no =", "write PATH=VALUE, such as plan.tp=4");
  Json* at = &document.value();
  std::string path;
  for (const Step& step : steps_of(assignment.substr(0, equals), assignment)) {
    if (const std::string* key = std::get_if<std::string>(&step)) {
      if (at->is_null()) *at = Json::object();
      if (!at->is_object())
        fail(assignment, fmt::format("{} is {}, so it has no key {}", named(path), pretty(*at), *key),
             path.empty() ? "an object is needed" : fmt::format("{}={{...}} gives it an object", path));
      at = &(*at)[*key];
      path = join_path(path, *key);
    } else {
      const std::size_t index = std::get<std::size_t>(step);
      if (at->is_null()) *at = Json::array();
      if (!at->is_array())
        fail(assignment, fmt::format("{} is {}, not a list", named(path), pretty(*at)),
             at->is_object() && !at->empty()
                 ? fmt::format("set one of its keys, such as {}=VALUE", join_path(path, at->begin().key()))
                 : "leave the index out");
      if (index > at->size())
        fail(assignment, fmt::format("{} has {} elements", named(path), at->size()),
             fmt::format("[{}] adds one", at->size()));
      if (index == at->size()) at->push_back(nullptr);
      at = &(*at)[index];
      path = fmt::format("{}[{}]", path, index);
    }
  }
  const std::string_view text = assignment.substr(equals + 1);
  Json value = value_of(text);
  // Invalid UTF-8 would make every later message throw.
  if (value.is_string() && value.dump(-1, ' ', false, Json::error_handler_t::ignore) !=
                               value.dump(-1, ' ', false, Json::error_handler_t::replace))
    fail(assignment.substr(0, equals), "the value is not valid UTF-8");
  *at = std::move(value);
}

}  // namespace ds
