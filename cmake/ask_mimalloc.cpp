// What mimalloc is asked for, where it is linked (cmake/dependencies.cmake): pages of 2 MiB, and an end with words where there is
// no memory.
//
// A search keeps hundreds of megabytes, and a page fault for every 4 KiB of them takes a sixth of its time;
// MIMALLOC_LARGE_OS_PAGES=0 turns large pages off.
#include <mimalloc.h>

#include <cerrno>

#include "simulator/base/short_memory.h"

namespace {

/// Written in C, mimalloc 2 cannot throw from operator new, and does not see std::set_new_handler: it would abort without a word.
void on_error(int error, void* /*nothing*/) {
  if (error == ENOMEM) ds::end_without_memory();
}

[[gnu::constructor(102)]] void ask() {
  mi_option_set_enabled_default(mi_option_large_os_pages, true);
  mi_register_error(on_error, nullptr);
}

}  // namespace
