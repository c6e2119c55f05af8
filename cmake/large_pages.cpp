// Asks the allocator for memory in pages of 2 MiB: a search keeps hundreds of megabytes, and a page fault for every 4 KiB of them
// takes a sixth of its time. Linked with mimalloc (cmake/dependencies.cmake); MIMALLOC_LARGE_OS_PAGES=0 turns it off.
#include <mimalloc.h>

namespace {

[[maybe_unused]] const bool kAsked = [] {
  mi_option_set_enabled_default(mi_option_large_os_pages, true);
  return true;
}();

}  // namespace
