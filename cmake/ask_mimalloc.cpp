// What mimalloc is asked for, where it is linked (cmake/dependencies.cmake): pages of 2 MiB, and an end with words where there is
// no memory.
//
// A search keeps hundreds of megabytes, and a page fault for every 4 KiB of them takes a sixth of its time;
// MIMALLOC_LARGE_OS_PAGES=0 turns large pages off.
#include <mimalloc.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstdint>

#include "simulator/base/short_memory.h"

namespace {

/// Written in C, mimalloc 2 cannot throw from operator new, and does not see std::set_new_handler: it would abort without a word.
void on_error(int error, void* /*nothing*/) {
  if (error == ENOMEM) ds::end_without_memory();
}

/// mimalloc 2 takes memory by segments of that size, at multiples of it.
constexpr std::uintptr_t kSegment = std::uintptr_t{32} << 20U;

/// The first segment is there before anybody can ask for anything: most of it has still not been touched.
void ask_for_large_pages_in_first_segment() {
  void* const any = mi_malloc(1);
  auto* const begin = static_cast<char*>(any) - reinterpret_cast<std::uintptr_t>(any) % kSegment;
  madvise(begin, kSegment, MADV_HUGEPAGE);
  mi_free(any);
}

[[gnu::constructor(102)]] void ask() {
  mi_option_set_enabled_default(mi_option_large_os_pages, true);
  // A thread's first segment would come page by page, and so would what is given back and asked for again a moment later.
  mi_option_set_default(mi_option_eager_commit_delay, 0);
  mi_option_set_enabled_default(mi_option_allow_decommit, false);
  mi_register_error(on_error, nullptr);
  if (mi_option_is_enabled(mi_option_large_os_pages)) ask_for_large_pages_in_first_segment();
}

}  // namespace
