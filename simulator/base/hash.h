#pragma once
// A 64-bit hash of bytes, for names of random streams and for telling files apart; not against malice.

#include <cstdint>
#include <string_view>

namespace ds {

/// FNV-1a (Fowler, Noll & Vo 1991).
constexpr std::uint64_t fnv1a(std::string_view bytes) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return hash;
}

}  // namespace ds
