#pragma once
// A ticket is the exchange's kind and its number, from 1, among those of its kind.

#include <cstdint>

#include "executor/communicator.h"

namespace ds::executor {

inline constexpr int kNumberBits = 62;

inline Ticket ticket_of(ExchangeKind what, std::uint64_t number) {
  return static_cast<Ticket>(static_cast<std::uint64_t>(what) << kNumberBits | number);
}
inline ExchangeKind what_of(Ticket ticket) {
  return static_cast<ExchangeKind>(static_cast<std::uint64_t>(ticket) >> kNumberBits);
}
inline std::uint64_t number_of(Ticket ticket) {
  return static_cast<std::uint64_t>(ticket) & ((std::uint64_t{1} << kNumberBits) - 1);
}

}  // namespace ds::executor
