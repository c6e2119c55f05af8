#pragma once
// Tokens exchanged for heads over the ranks of a sequence: which stretch of whose memory goes where.

#include <array>
#include <cstdint>
#include <vector>

#include "simulator/ops/sequence_halves.h"

namespace ds::ops {

/// Rows of a rank's tokens hold all queries, then all keys, then all values. With heads exchanged, each rank has the rows of all
/// tokens, in the order of their sequences, and of each of the three the part that is its own.
struct HeadExchange {
  std::int64_t sequences{0};             // 0: no such exchange, rank r is sent the r-th chunk
  std::array<std::int64_t, 3> widths{};  // of a row: queries, keys, values
  bool to_heads{};                       // or back to tokens
  bool
      in_order{};  // a rank's tokens follow those of the rank before; else it has two stretches of each sequence
  bool operator==(const HeadExchange&) const = default;
};

/// Elements that a rank reads at `from` of what a peer sends, and puts at `to` of what it receives.
struct Stretch {
  std::int32_t peer{};
  std::int64_t from{}, to{}, elements{};
};

/// What rank `me` receives of all, itself among them. `elements`: what each rank sends and receives.
inline std::vector<Stretch> stretches(const HeadExchange& exchange, std::int64_t elements, std::int32_t ranks,
                                      std::int32_t me) {
  std::int64_t width = 0;
  for (const std::int64_t one : exchange.widths) width += one;
  if (width == 0) return {};
  const std::int64_t own = elements / width / exchange.sequences, whole = own * ranks;
  std::vector<Stretch> list;
  for (std::int32_t peer = 0; peer < ranks; ++peer) {
    const std::int32_t of_tokens = exchange.to_heads ? peer : me, of_heads = exchange.to_heads ? me : peer;
    for (std::int64_t s = 0; s < exchange.sequences; ++s)
      for (std::int64_t i = 0; i < own; ++i) {
        std::int64_t tokens = (s * own + i) * width;  // in the rows of the rank that has the token
        const std::int64_t place =
            exchange.in_order ? of_tokens * own + i : place_in_sequence(own, ranks, of_tokens, i);
        std::int64_t heads = (s * whole + place) * (width / ranks);
        for (const std::int64_t one : exchange.widths) {
          const std::int64_t part = one / ranks, at = tokens + of_heads * part;
          if (part > 0)
            list.push_back({peer, exchange.to_heads ? at : heads, exchange.to_heads ? heads : at, part});
          tokens += one, heads += part;
        }
      }
  }
  return list;
}

}  // namespace ds::ops
