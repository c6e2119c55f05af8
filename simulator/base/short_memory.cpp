// Asks for the limit on address space, and words what it means.
#include "simulator/base/short_memory.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <new>
#include <string_view>

namespace ds {
namespace {

constexpr std::string_view kSentence = "not enough memory";

void write_text(std::string_view text) {
  static_cast<void>(::write(STDERR_FILENO, text.data(), text.size()) < 0);
}

}  // namespace

std::string address_space_note() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return {};
  return fmt::format("; ulimit -v allows a process {:.3g} MB", static_cast<double>(limit.rlim_cur) / 1e6);
}

std::string not_enough_memory() noexcept {
  try {
    return std::string(kSentence) + address_space_note();
  } catch (const std::bad_alloc&) {
    end_without_memory();
  }
}

void end_without_memory() noexcept {
  if (::isatty(STDERR_FILENO) != 0) write_text("\r\x1b[K");  // over the line of progress
  write_text("ds: ");
  write_text(kSentence);
  write_text("\n");
  std::_Exit(3);
}

}  // namespace ds
