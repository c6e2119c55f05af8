// The catalogue of methods: each is a file beside this one, declared and listed here.
#include <algorithm>

#include "tuner/search/search.h"

namespace ds::tuner {

/// Every candidate, by number.
std::unique_ptr<Searcher> in_order(const Space& space, std::uint64_t seed);
/// Every candidate, in an order that the seed says.
std::unique_ptr<Searcher> random_order(const Space& space, std::uint64_t seed);

namespace {

constexpr Method kMethods[] = {{"exhaustive", in_order}, {"random", random_order}};

}  // namespace

std::span<const Method> methods() { return kMethods; }

const Method* find_method(std::string_view name) {
  const auto* const found = std::ranges::find(kMethods, name, &Method::name);
  return found == std::end(kMethods) ? nullptr : found;
}

}  // namespace ds::tuner
