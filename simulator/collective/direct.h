#pragma once
// Everyone sends to everyone at once.

#include "simulator/collective/steps.h"

namespace ds::collective {

/// One step of n - 1 messages a rank.
inline Steps direct_reduce_scatter(std::int32_t ranks) {
  Step step;
  for (std::int32_t from = 0; from < ranks; ++from)
    for (std::int32_t to = 0; to < ranks; ++to)
      if (from != to)
        step.transfers.push_back({.from = from, .to = to, .first = to, .count = 1, .add = true});
  return {.ranks = ranks, .chunks = ranks, .steps = {step}};
}

/// One step of n - 1 messages a rank.
inline Steps direct_all_gather(std::int32_t ranks) {
  Step step;
  for (std::int32_t from = 0; from < ranks; ++from)
    for (std::int32_t to = 0; to < ranks; ++to)
      if (from != to) step.transfers.push_back({.from = from, .to = to, .first = from, .count = 1});
  return {.ranks = ranks, .chunks = ranks, .steps = {step}};
}

/// Two steps: the sums, then everyone's to everyone.
inline Steps direct_all_reduce(std::int32_t ranks) {
  return then(direct_reduce_scatter(ranks), direct_all_gather(ranks));
}

/// One step: rank 0 sends everything to all others.
inline Steps direct_broadcast(std::int32_t ranks) {
  Step step;
  for (std::int32_t to = 1; to < ranks; ++to)
    step.transfers.push_back({.from = 0, .to = to, .first = 0, .count = 1});
  return {.ranks = ranks, .chunks = 1, .steps = {step}};
}

}  // namespace ds::collective
