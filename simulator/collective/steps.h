#pragma once
// For the files of algorithms, one each, which catalogue.cpp lists: every function is for at least two ranks (halving and
// doubling: a power of two) and returns the steps in order; ranks and chunks as collective.h has them.

#include "simulator/collective/collective.h"

namespace ds::collective {

/// `second` behind `first`; both of the same ranks and chunks.
Steps then(Steps first, const Steps& second);

}  // namespace ds::collective
