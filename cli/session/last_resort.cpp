// The handler of std::terminate, and the arenas of the allocator.
#include "cli/session/last_resort.h"

#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>

#include "simulator/base/short_memory.h"

namespace ds::cli {
namespace {

void write_text(const char* text) { static_cast<void>(::write(STDERR_FILENO, text, std::strlen(text)) < 0); }

/// Nothing here takes memory.
[[noreturn]] void tell_and_end() {
  if (::isatty(STDERR_FILENO) != 0) write_text("\r\x1b[K");  // over the line of progress
  try {
    if (const std::exception_ptr thrown = std::current_exception()) std::rethrow_exception(thrown);
    write_text("ds: our mistake: ended without an exception\n");
  } catch (const std::bad_alloc&) {
    end_without_memory();
  } catch (const std::exception& e) {
    write_text("ds: our mistake: ");
    write_text(e.what());
    write_text("\n");
  } catch (...) {
    write_text("ds: our mistake: ended by an exception without a name\n");
  }
  std::_Exit(kStatusOfLastResort);
}

/// glibc reserves 64 MB of address space for each thread's own arena. Under a limit that does not have them, every allocation
/// of the thread asks again and is slower by a factor of a hundred; so all threads share one.
void share_arenas_under_a_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) ::mallopt(M_ARENA_MAX, 1);
}

/// Before the constructors of our own files, which have no priority.
[[gnu::constructor(101)]] void install_early() { install_last_resort(); }

}  // namespace

void install_last_resort() noexcept {
  std::set_terminate(tell_and_end);
  share_arenas_under_a_limit();
}

}  // namespace ds::cli
