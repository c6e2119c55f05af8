#pragma once
// The world that this test was started in.

#include <gtest/gtest.h>

#include "executor/mpi/world.h"

namespace ds::executor {

/// Null where this was built without MPI.
extern World* the_world;

/// All ranks run the same tests in the same order.
class InWorld : public testing::Test {
 protected:
  void SetUp() override {
    if (the_world == nullptr) GTEST_SKIP() << "no MPI here: install libopenmpi-dev and openmpi-bin";
  }
  static World& world() { return *the_world; }
};

}  // namespace ds::executor
