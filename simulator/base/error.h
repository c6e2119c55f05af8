#pragma once
// Three kinds of trouble, three mechanisms, three exit statuses:
//   unusable input        InputError, thrown while reading, caught once in main      exit 2
//   "no" as an answer     a value (Violation, Verdict)                               exit 2 or 1, the CLI decides
//   our mistake, machine  ensure() and MachineError                                  exit 3

#include <stdexcept>
#include <string>
#include <string_view>

namespace ds {

/// Input that cannot be used. A message has four parts: where (file and JSON path), what is wrong with which
/// value, which rule, what would be right. Any part may be empty.
class InputError : public std::runtime_error {
 public:
  InputError(std::string where_path, std::string what_is_wrong, std::string what_is_right = {});

  const std::string& file() const { return file_; }    ///< the file it stands in, or empty
  const std::string& path() const { return path_; }    ///< JSON path such as plan.tp, or empty
  const std::string& wrong() const { return wrong_; }  ///< what is wrong with which value, and the rule
  const std::string& hint() const { return hint_; }    ///< what would be right, or empty
  /// The same error with the file it came from put in front: "job.json: plan.tp: ...".
  InputError in_file(std::string_view file) const;

 private:
  InputError(std::string file, std::string where_path, std::string what_is_wrong, std::string what_is_right);

  std::string file_, path_, wrong_, hint_;
};

/// The machine failed us: disk, memory, a rank, the network. Exit status 3, with errno's text where there is one.
class MachineError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The run itself gave a bad result that is an honest answer, such as a loss that is not a number. Exit status 1.
class RunFailed : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

[[noreturn]] void fail_ensure(const char* condition, const char* what, const char* file, int line);

}  // namespace ds

/// Our own invariants, always on outside hot loops: `ensure(slots > 0, "a buffer has at least one slot")`.
#define ensure(condition, what) \
  ((condition) ? static_cast<void>(0) : ::ds::fail_ensure(#condition, what, __FILE__, __LINE__))
