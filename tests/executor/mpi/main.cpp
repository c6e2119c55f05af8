#include <gtest/gtest.h>

#include "executor/one_blas_thread.h"
#include "tests/executor/mpi/world.h"

namespace ds::executor {

World* the_world = nullptr;

}  // namespace ds::executor

int main(int argc, char** argv) {
  ds::executor::start_with_one_blas_thread(argv);
  testing::InitGoogleTest(&argc, argv);
  if (!ds::executor::World::built_in()) return RUN_ALL_TESTS();
  // Messages in parts of some elements, so that every one of more than a few goes out in several.
  ds::executor::World world({1000});
  ds::executor::the_world = &world;
  const int status = RUN_ALL_TESTS();
  if (status != 0) world.end_all(status);  // the others may wait for this rank
  world.leave();
  return status;
}
