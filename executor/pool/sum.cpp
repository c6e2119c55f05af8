// Sums of parts in rank order, by element type.
#include "executor/pool/sum.h"

#include <algorithm>
#include <cstring>

#include "simulator/base/error.h"

namespace ds::executor {
namespace {

// The sum of a block is kept where it is hot, and written to each destination once.
constexpr std::int64_t kBlock = 8192;  // bytes

template <class T>
void add(T* __restrict sum, const T* __restrict a, const T* __restrict b, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) sum[i] = a[i] + b[i];
}

template <class T>
void add_to(T* __restrict sum, const T* __restrict a, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) sum[i] += a[i];
}

template <class T>
void combine_typed(std::span<const std::byte* const> sources, std::span<std::byte* const> destinations,
                   std::int64_t bytes) {
  alignas(64) T sum[kBlock / sizeof(T)];
  for (std::int64_t begin = 0; begin < bytes; begin += kBlock) {
    const std::int64_t size = std::min(kBlock, bytes - begin);
    const auto n = size / static_cast<std::int64_t>(sizeof(T));
    const auto source = [&](std::size_t s) { return reinterpret_cast<const T*>(sources[s] + begin); };
    add(sum, source(0), source(1), n);
    for (std::size_t s = 2; s < sources.size(); ++s) add_to(sum, source(s), n);
    for (std::byte* destination : destinations)
      std::memcpy(destination + begin, sum, static_cast<std::size_t>(size));
  }
}

}  // namespace

void combine(DataType type, std::span<const std::byte* const> sources,
             std::span<std::byte* const> destinations, std::int64_t bytes) {
  if (bytes <= 0) return;
  if (sources.size() == 1) {
    for (std::byte* destination : destinations)
      if (destination != sources[0]) std::memcpy(destination, sources[0], static_cast<std::size_t>(bytes));
    return;
  }
  ensure(!sources.empty() && can_add(type), "sums are of fp32 or fp64");
  if (type == DataType::fp32)
    combine_typed<float>(sources, destinations, bytes);
  else
    combine_typed<double>(sources, destinations, bytes);
}

}  // namespace ds::executor
