#pragma once
// A name for bytes: equal bytes, equal hash. Says which profile a number came from; no protection against forgery.

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace ds {

/// FNV-1a, 64 bits (Fowler, Noll & Vo; draft-eastlake-fnv, section 2).
constexpr std::uint64_t hash_of(std::string_view bytes) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char byte : bytes) {
    hash ^= static_cast<unsigned char>(byte);
    hash *= 0x100000001b3ULL;
  }
  return hash;
}

/// For tables in memory: of a few whole numbers that most keys differ by.
constexpr std::size_t bucket_of(std::initializer_list<std::int64_t> numbers) {
  std::size_t hash = 0;
  for (const std::int64_t one : numbers) hash = hash * 31 + static_cast<std::size_t>(one);
  return hash;
}

/// 16 lower-case hexadecimal digits.
inline std::string hex(std::uint64_t value) {
  std::string digits(16, '0');
  for (std::size_t i = 16; i-- > 0; value >>= 4U) digits[i] = "0123456789abcdef"[value & 15U];
  return digits;
}

}  // namespace ds
