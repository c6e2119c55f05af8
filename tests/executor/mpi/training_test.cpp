// Training over MPI has the bits of training over the pool: losses, norms, weights, and both moments, which every gradient
// has gone into.
#include "executor/arena.h"
#include "executor/mpi/mpi_communicators.h"
#include "tests/executor/mpi/world.h"
#include "tests/executor/parallel/plans.h"

namespace ds::support {
namespace {

constexpr std::int64_t kSteps = 3;
constexpr double kRate = 1e-2;

/// What one rank holds of it, or has lost or never had: the elements that are given.
void expect_equal_bits(const executor::Logical& a, const executor::Logical& b) {
  ASSERT_EQ(a.size(), b.size());
  for (const auto& [name, tensor] : a) {
    ASSERT_TRUE(b.contains(name)) << name;
    for (std::size_t s = 0; s < executor::kStates.size(); ++s) {
      EXPECT_EQ(tensor.states[s].given, b.at(name).states[s].given) << name;
      EXPECT_EQ(tensor.states[s].values, b.at(name).states[s].values) << name << ", state " << s;
    }
  }
}

void expect_as_over_the_pool(executor::World& world, const Small& s) {
  const workload::Job job = small_job(s);
  Team team(job);
  const program::Program& program = team.program();
  const memory::Layout layout = memory::layout(program, program::class_of(program, world.rank()));
  executor::Arena arena(layout.arena);
  Member mine(job, program, layout, world.rank(), Team::one_core(arena.base(), arena.size()),
              [&](executor::HostDevice& device) {
                const std::span memory(arena.base(), static_cast<std::size_t>(arena.size().value));
                return std::make_unique<executor::MpiCommunicators>(world, device, memory, program,
                                                                    Seconds{60});
              });
  for (std::int64_t step = 0; step < kSteps; ++step) {
    const executor::StepResult expected = team.step(step, true, kRate);
    mine.write_inputs(job, program, step, kRate);
    const executor::StepResult got = mine.interpreter.run_step(static_cast<std::int32_t>(step), nullptr);
    ASSERT_EQ(got.loss, expected.loss) << "step " << step;
    ASSERT_EQ(got.grad_norm, expected.grad_norm) << "step " << step;
  }
  mine.interpreter.drain();
  executor::Logical over_mpi, over_pool;
  executor::gather_state(program, world.rank(), mine.binding, mine.device, over_mpi);
  team.gather_state(world.rank(), over_pool);
  ASSERT_FALSE(over_mpi.empty());
  expect_equal_bits(over_mpi, over_pool);
}

class MpiTraining : public executor::InWorld {};

TEST_F(MpiTraining, HasTheBitsOfThePoolByEveryPlan) {
  int tried = 0;
  for (const Axes& axes : plans()) {
    if (axes.tp * axes.pp * axes.dp != world().ranks()) continue;
    for (const workload::Family family : {workload::Family::gpt, workload::Family::llama})
      for (const bool tied : {false, true})
        for (const workload::Precision precision : {workload::Precision::fp32, workload::Precision::fp64}) {
          Small s = small(axes, family, tied);
          s.precision = precision;
          SCOPED_TRACE(std::string(axes.name) + (tied ? ", tied, " : ", ") +
                       (family == workload::Family::gpt ? "gpt" : "llama") +
                       (precision == workload::Precision::fp32 ? " fp32" : " fp64"));
          expect_as_over_the_pool(world(), s);
          ++tried;
        }
  }
  if (world().ranks() == 1) GTEST_SKIP() << "no plan has one rank";
  EXPECT_GT(tried, 0);
}

}  // namespace
}  // namespace ds::support
