#pragma once
// Plays the steps of a collective with real content: what every rank holds afterwards, and what was sent. The content is
// any type with `+=`; a rank has one value a chunk.

#include <algorithm>
#include <cstdint>
#include <tuple>
#include <vector>

#include "simulator/collective/collective.h"

namespace ds::collective {

template <class Value>
using Contents = std::vector<std::vector<Value>>;  // [rank][chunk]

/// One step as collective.h defines it: reads come before writes, and what is added to a chunk is summed in rank order
/// with the receiver's own content in its place.
template <class Value>
Contents<Value> play(const Step& step, const Contents<Value>& before) {
  struct Addend {
    std::int32_t to, chunk, from;
  };
  Contents<Value> after = before;
  std::vector<Addend> addends;
  for (const Transfer& t : step.transfers)
    for (std::int32_t chunk = t.first; chunk < t.first + t.count; ++chunk)
      if (t.add)
        addends.push_back({t.to, chunk, t.from});
      else
        after.at(t.to).at(chunk) = before.at(t.from).at(chunk);

  const auto order = [](const Addend& a) { return std::tuple(a.to, a.chunk, a.from); };
  std::ranges::sort(addends, {}, order);
  for (auto first = addends.begin(); first != addends.end();) {
    const auto same = [&](const Addend& a) { return a.to != first->to || a.chunk != first->chunk; };
    const auto last = std::find_if(first, addends.end(), same);
    std::vector<std::int32_t> ranks{first->to};
    for (auto a = first; a != last; ++a) ranks.push_back(a->from);
    std::ranges::sort(ranks);
    Value sum = before.at(ranks.front()).at(first->chunk);
    for (auto rank = ranks.begin() + 1; rank != ranks.end(); ++rank) sum += before.at(*rank).at(first->chunk);
    after.at(first->to).at(first->chunk) = sum;
    first = last;
  }
  return after;
}

template <class Value>
Contents<Value> play(const Steps& plan, Contents<Value> contents) {
  for (const Step& step : plan.steps) contents = play(step, contents);
  return contents;
}

}  // namespace ds::collective
