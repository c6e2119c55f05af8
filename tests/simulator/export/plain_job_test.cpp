// What plain_job takes for the same is predicted the same, to the last bit: no key is called idle that is not.
#include "simulator/export/plain_job.h"

#include <gtest/gtest.h>

#include "simulator/cost/machine.h"
#include "simulator/engine/predict.h"
#include "simulator/workload/plan_keys.h"
#include "tests/simulator/export/drawn_jobs.h"
#include "tests/simulator/export/small_jobs.h"

namespace ds::exports {
namespace {

struct Predicted {
  double step{};
  std::int64_t peak{};
  bool operator==(const Predicted&) const = default;
};

Predicted predicted(const workload::Job& job) {
  const cost::Profile profile = cost::rough_profile();
  const cost::Machine machine(job, profile);
  const engine::Prediction p = engine::predict(job, machine, workload::Depth::analytic, engine::Rows::none);
  return {.step = p.summary.step_time.value, .peak = p.peak.value};
}

class PlainJob : public testing::TestWithParam<Trainer> {};

TEST_P(PlainJob, IsPredictedAsTheJob) {
  Drawer drawer(GetParam(), 7);
  for (int i = 0; i < 60; ++i) {
    const workload::Job job = drawer.next();
    SCOPED_TRACE(workload::write_plan(job.plan));
    const Predicted wanted = predicted(job), got = predicted(plain_job(job));
    EXPECT_EQ(wanted.step, got.step);
    EXPECT_EQ(wanted.peak, got.peak);
  }
}

INSTANTIATE_TEST_SUITE_P(Trainers, PlainJob,
                         testing::Values(Trainer::megatron, Trainer::torchtitan, Trainer::deepspeed));

TEST(PlainJob, IsPredictedAsTheJobForEveryArchitecture) {
  for (const support::Architecture& one : support::architectures()) {
    SCOPED_TRACE(one.name);
    const workload::Job job = job_of(one);
    EXPECT_EQ(predicted(job), predicted(plain_job(job)));
  }
}

TEST(PlainJob, IsPlain) {
  Drawer drawer(Trainer::megatron, 8);
  for (int i = 0; i < 20; ++i) {
    const workload::Job plain = plain_job(drawer.next());
    EXPECT_EQ(workload::write_job(plain_job(plain)), workload::write_job(plain));
  }
}

}  // namespace
}  // namespace ds::exports
