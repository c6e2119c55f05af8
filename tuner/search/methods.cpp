// The catalogue of methods: a new one is a row.
#include "tuner/search/search.h"

namespace ds::tuner {
namespace {

constexpr Method kMethods[] = {{"exhaustive", in_order}, {"random", random_order}};

}  // namespace

std::span<const Method> methods() { return kMethods; }

}  // namespace ds::tuner
