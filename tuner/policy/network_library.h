#pragma once
// What the library with LibTorch in it exports: found by dlsym, so names are C's.

#include <cstddef>
#include <cstdint>

#include "tuner/policy/network.h"

extern "C" {
/// A fresh one. Errors are exceptions of the standard library.
ds::tuner::Network* ds_make_network(std::size_t inputs, std::uint64_t seed);
/// One that was saved.
ds::tuner::Network* ds_load_network(const char* bytes, std::size_t size);
}
