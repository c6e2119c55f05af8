// The analytic depth of a program that is asked once.
#include "simulator/engine/analysis.h"
#include "simulator/program/walk.h"

namespace ds::engine {
namespace {

/// Instructions of a template that are reduced to longest paths: about a thousand layers. Where lanes wait for each other in
/// each of some thousand layers, that takes gigabytes and minutes, since all pairs of their points are looked at.
constexpr std::int64_t kMostReduced = 40'000;

bool is_long(const program::Program& program) {
  std::int64_t longest = 0;
  for (const program::Template& body : program.templates)
    longest = std::max<std::int64_t>(longest, program::length_of(body));
  return longest > kMostReduced;
}

}  // namespace

program::StepSummary analyse(const program::Program& program, const Durations& durations) {
  // Played without sharing, the same longest paths come out.
  if (is_long(program)) return play(program, durations, {.sharing = false}).summary;
  return Analysis(program, durations).summary();
}

Seconds bound(const program::Program& program, const Durations& durations) {
  return Analysis(program, durations).bound();
}

}  // namespace ds::engine
