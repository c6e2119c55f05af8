// What waits in the memory of the host comes back as it was: training is that of one process. On processors the host's memory is
// a part of the arena.
#include "simulator/program/program.h"
#include "tests/executor/parallel/plans.h"

namespace ds::support {
namespace {

struct Case {
  const char* name;
  std::int64_t activations;  // layers of a stage
  bool optimizer;
  std::int64_t tp{1}, pp{1}, dp{1}, vpp{1};
  std::int64_t recompute_layers{0};
  bool selective{false};
  std::int64_t states{workload::kMillionths};
  bool weights{false};  // shards of them, with ZeRO 3
};

constexpr Case kCases[] = {
    {"one layer", 1, false},
    {"all layers", 4, false},
    {"states", 0, true},
    {"both", 3, true},
    {"with tensor parallel ranks", 2, true, 2},
    {"with stages", 2, true, 1, 2},
    {"with shards", 3, true, 1, 1, 2},
    {"interleaved", 1, true, 1, 2, 1, 2},
    {"all axes", 2, true, 2, 2, 2},
    {"beside layers that are recomputed", 3, false, 1, 1, 1, 1, 1},
    {"with attention recomputed", 3, false, 1, 1, 1, 1, 0, true},
    {"half of the states", 0, true, 1, 1, 1, 1, 0, false, 500'000},
    {"a third of the states, in shards", 0, true, 1, 2, 2, 1, 0, false, 333'333},
    {"next to no states, interleaved", 0, true, 1, 2, 1, 2, 0, false, 100'000},
    {"weights", 0, true, 1, 1, 2, 1, 0, false, workload::kMillionths, true},
    {"weights and activations", 2, true, 2, 1, 2, 1, 0, false, workload::kMillionths, true},
    {"weights of stages", 0, true, 1, 2, 2, 1, 1, false, workload::kMillionths, true},
};

class Offloading : public testing::TestWithParam<Case> {};

workload::Job offloading(const Case& one, workload::Family family) {
  Small s = small({"", one.tp, one.pp, one.dp, one.vpp, {}}, family, one.pp == 1);
  s.recompute_layers = one.recompute_layers;
  s.selective_recompute = one.selective;
  workload::Job job = small_job(s);
  job.plan.offload_activations = one.activations;
  job.plan.offload_optimizer = one.optimizer;
  job.plan.offloaded_states = one.states;
  job.plan.offload_weights = one.weights;
  if (one.weights) job.plan.zero = 3;
  return job;
}

TEST_P(Offloading, TrainsAsOnOneRankThatKeepsAll) {
  for (const auto family : {workload::Family::gpt, workload::Family::llama}) {
    const Case& one = GetParam();
    const workload::Job many = offloading(one, family);
    EXPECT_EQ(program::check(program::lower(many)), std::nullopt);
    Team team(many),
        alone(small_job(on_one_rank(small({"", one.tp, one.pp, one.dp, one.vpp, {}}, family, one.pp == 1))));
    for (std::int64_t step = 0; step < 2; ++step) {
      const double loss = alone.step(step).loss;
      EXPECT_NEAR(team.step(step).loss, loss, 1e-12 * loss);
    }
    const executor::StepResult expected = alone.step(2, false), got = team.step(2, false);
    EXPECT_NEAR(got.grad_norm, expected.grad_norm, 1e-10 * expected.grad_norm);
    expect_same_states(team.state(), alone.state(), 1e-10);
    if (one.weights) continue;  // what is gathered is gone, and gradients are behind their reduction
    expect_same(team.gradients(), alone.gradients(), 1e-10);
    expect_same(team.weights(), alone.weights(), 1e-10);
  }
}

INSTANTIATE_TEST_SUITE_P(Plans, Offloading, testing::ValuesIn(kCases),
                         [](const testing::TestParamInfo<Case>& one) {
                           std::string name = one.param.name;
                           std::erase(name, ',');
                           std::ranges::replace(name, ' ', '_');
                           return name;
                         });

}  // namespace
}  // namespace ds::support
