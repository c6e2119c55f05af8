#include "tuner/estimate/peak_profile.h"

#include <algorithm>

namespace ds::tuner {
namespace {

Level difference(const Level& a, const Level& b) {
  Level result{{a.bytes.per_sequence - b.bytes.per_sequence, a.bytes.fixed - b.bytes.fixed}, {}};
  for (std::size_t i = 0; i < kSizes; ++i) result.born[i] = a.born[i] - b.born[i];
  return result;
}

bool tops(const BatchBytes& a, const BatchBytes& b) {
  return a.per_sequence >= b.per_sequence && a.fixed >= b.fixed;
}
bool tops(const Level& a, const Level& b) {
  if (!tops(a.bytes, b.bytes)) return false;
  for (std::size_t i = 0; i < kSizes; ++i)
    if (a.born[i] < b.born[i]) return false;
  return true;
}

/// Adds what none of `kept` tops, and drops those that it tops.
template <class T>
void keep_highest(std::vector<T>& kept, const T& one) {
  if (std::ranges::any_of(kept, [&](const T& other) { return tops(other, one); })) return;
  std::erase_if(kept, [&](const T& other) { return tops(one, other); });
  kept.push_back(one);
}

std::int64_t bytes_of(const Level& level, std::int64_t micro_batch, const Sizes& sizes) {
  std::int64_t sum = level.bytes.at(micro_batch);
  for (std::size_t i = 0; i < kSizes; ++i) sum += level.born[i] * sizes[i];
  return sum;
}

}  // namespace

BatchBytes& BatchBytes::operator+=(const BatchBytes& other) {
  per_sequence += other.per_sequence;
  fixed += other.fixed;
  return *this;
}

Profile::Part Profile::part_of(std::span<const Level> levels) {
  Part part;
  for (const Level& level : levels) {
    keep_highest(part.levels, level);
    keep_highest(part.bytes, level.bytes);
  }
  return part;
}

Profile Profile::fixed(std::span<const Level> levels) {
  Profile profile;
  profile.head_ = part_of(levels);
  return profile;
}

std::optional<Profile> Profile::grown(std::span<const Level> one, std::span<const Level> two) {
  if (one.empty() || two.size() < one.size()) return std::nullopt;
  const std::size_t shorter = one.size(), block = two.size() - one.size();
  Profile profile;
  profile.head_step_ = difference(two.front(), one.front());
  profile.tail_step_ = difference(two.back(), one.back());
  std::size_t head = 0, tail = 0;
  while (head < shorter && difference(two[head], one[head]) == profile.head_step_) ++head;
  while (tail < shorter - head &&
         difference(two[two.size() - 1 - tail], one[shorter - 1 - tail]) == profile.tail_step_)
    ++tail;
  if (head + tail < shorter) return std::nullopt;
  profile.head_ = part_of(one.first(head));
  profile.block_ = part_of(two.subspan(head, block));
  profile.tail_ = part_of(one.subspan(head));
  return profile;
}

/// With L layers, L - 1 blocks: the k-th of them has risen with each of those before it as the tail does, with each of
/// those after it as the head does; so the first or the last is highest.
template <class Highest, class Step>
std::int64_t Profile::highest(std::int64_t layers, const Highest& highest_of,
                              const Step& bytes_of_step) const {
  const std::int64_t more = std::max<std::int64_t>(layers - 1, 0);
  const std::int64_t head_step = bytes_of_step(head_step_), tail_step = bytes_of_step(tail_step_);
  std::int64_t most = 0;
  if (const auto head = highest_of(head_)) most = *head + more * head_step;
  if (const auto tail = highest_of(tail_)) most = std::max(most, *tail + more * tail_step);
  if (more > 0)
    if (const auto block = highest_of(block_))
      most = std::max(most, *block + (more - 1) * std::max(head_step, tail_step));
  return most;
}

std::int64_t Profile::peak(At at, const Sizes& sizes) const {
  const auto step = [&](const Level& level) { return bytes_of(level, at.micro_batch, sizes); };
  const auto highest_of = [&](const Part& part) {
    std::optional<std::int64_t> most;
    for (const Level& level : part.levels) most = std::max(most, std::optional(step(level)));
    return most;
  };
  return highest(at.layers, highest_of, step);
}

std::int64_t Profile::peak(At at) const {
  const auto highest_of = [&](const Part& part) {
    std::optional<std::int64_t> most;
    for (const BatchBytes& bytes : part.bytes) most = std::max(most, std::optional(bytes.at(at.micro_batch)));
    return most;
  };
  return highest(at.layers, highest_of, [&](const Level& level) { return level.bytes.at(at.micro_batch); });
}

}  // namespace ds::tuner
