// On a device whose queues run by themselves every plan trains as on one core, to the bit: the interpreter waits wherever it
// must. Where communication is slow, whoever does not wait for a message reads what was there before; where computing is
// slow, a message that does not wait is sent before it is written.
#include "tests/executor/parallel/plans.h"
#include "tests/executor/parallel/thread_device.h"

namespace ds::support {
namespace {

template <Slow kSlow>
std::unique_ptr<executor::HostDevice> threads(std::byte* memory, Bytes size) {
  return std::make_unique<ThreadDevice>(memory, size, kSlow);
}

void expect_equal_bits(const Small& s, Team::MakeDevice make) {
  Team expected(small_job(s)), got(small_job(s), make);
  for (std::int64_t step = 0; step < 2; ++step) {
    const executor::StepResult one = expected.step(step), other = got.step(step);
    ASSERT_EQ(other.loss, one.loss) << "step " << step;
    ASSERT_EQ(other.grad_norm, one.grad_norm) << "step " << step;
  }
  expected.step(2, false), got.step(2, false);
  expect_same(got.gradients(), expected.gradients(), 0);
  expect_same(got.weights(), expected.weights(), 0);
}

class Asynchronous : public testing::TestWithParam<std::tuple<std::size_t, bool>> {
 protected:
  static Small plan() {
    Small s = small(plans()[std::get<0>(GetParam())], workload::Family::llama, true);
    const bool overlap = std::get<1>(GetParam());
    s.overlap = {.grad_reduce = overlap, .param_gather = overlap, .p2p = overlap};
    return s;
  }
};

TEST_P(Asynchronous, QueuesThatRunByThemselvesChangeNoBit) { expect_equal_bits(plan(), threads<Slow::none>); }
TEST_P(Asynchronous, SlowCommunicationChangesNoBit) { expect_equal_bits(plan(), threads<Slow::others>); }
TEST_P(Asynchronous, SlowComputingChangesNoBit) { expect_equal_bits(plan(), threads<Slow::compute>); }

INSTANTIATE_TEST_SUITE_P(Plans, Asynchronous,
                         testing::Combine(testing::Range<std::size_t>(0, plans().size()), testing::Bool()),
                         [](const auto& drawn) {
                           std::string name = plans()[std::get<0>(drawn.param)].name;
                           std::ranges::replace(name, ' ', '_');
                           return name + (std::get<1>(drawn.param) ? "_overlapped" : "_plain");
                         });

TEST(ThreadDevice, TakesCallsAtOnceAndRunsThemInTheOrderOfTheirEvents) {
  std::vector<std::byte> memory(64);
  ThreadDevice device(memory.data(), {64}, Slow::none);
  const executor::QueueId one{0}, other{1};
  // The queue waits for an event of another one that is recorded behind a gate which the host opens.
  static std::atomic<bool> open{false};
  static std::atomic<int> order{0}, first{0}, second{0};
  const ops::Op op{.what = ops::Zero{.elements = 1}, .pass = ops::Pass::update};
  device.launch(one,
                [](const ops::Op&, kernels::Addresses, kernels::Queue&) {
                  while (!open) std::this_thread::yield();
                  first = ++order;
                },
                op, {});
  device.wait(other, device.record(one));
  device.launch(other, [](const ops::Op&, kernels::Addresses, kernels::Queue&) { second = ++order; }, op, {});
  const executor::Event end = device.record(other);
  EXPECT_FALSE(device.completed(end));
  open = true;
  device.synchronize(end);
  EXPECT_EQ(first, 1);
  EXPECT_EQ(second, 2);
}

}  // namespace
}  // namespace ds::support
