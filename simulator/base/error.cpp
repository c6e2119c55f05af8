// The texts of errors.
#include "simulator/base/error.h"

#include <cstring>
#include <utility>

namespace ds {
namespace {

std::string sentence(const std::string& file, const std::string& path, const std::string& wrong,
                     const std::string& hint) {
  std::string text;
  if (!file.empty()) text += file + ": ";
  if (!path.empty()) text += path + ": ";
  text += wrong;
  if (!hint.empty()) text += "; " + hint;
  return text;
}

}  // namespace

InputError::InputError(std::string where_path, std::string what_is_wrong, std::string what_is_right)
    : InputError({}, std::move(where_path), std::move(what_is_wrong), std::move(what_is_right)) {}

InputError::InputError(std::string file, std::string where_path, std::string what_is_wrong,
                       std::string what_is_right)
    : std::runtime_error(sentence(file, where_path, what_is_wrong, what_is_right)),
      file_(std::move(file)),
      path_(std::move(where_path)),
      wrong_(std::move(what_is_wrong)),
      hint_(std::move(what_is_right)) {}

InputError InputError::in_file(std::string_view file) const {
  return {file_.empty() ? std::string(file) : std::string(file) + ": " + file_, path_, wrong_, hint_};
}

void fail_ensure(const char* condition, const char* what, const char* file, int line) {
  const char* slash = std::strrchr(file, '/');
  throw std::logic_error(std::string(slash != nullptr ? slash + 1 : file) + ":" + std::to_string(line) +
                         ": " + what + " (" + condition + ")");
}

}  // namespace ds
