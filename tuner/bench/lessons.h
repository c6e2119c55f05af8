#pragma once
// What a policy learns from: plans of an instance that several methods have come to, with their steps event by event.

#include <cstdint>

#include "simulator/cost/cost.h"
#include "tuner/bench/instance.h"
#include "tuner/policy/policy.h"

namespace ds::tuner {

/// Some `plans` of them; by rules of thumb, annealing, evolution, least work first, and by chance. Empty where none fits.
Lesson lesson_of(const Instance& instance, const cost::Profile& profile, std::int64_t plans,
                 std::uint64_t seed, std::size_t threads);

/// For a file, so that they need not be made again: numbers as they are in memory of this machine.
std::string to_bytes(const std::vector<Lesson>& lessons);
/// Throws InputError.
std::vector<Lesson> lessons_of_bytes(std::string_view bytes, const std::string& file);

}  // namespace ds::tuner
