// Backwards in two parts, and calls that run a forward and a backward: what lowering makes of ZB-H1 and DualPipe.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <stdexcept>

#include "simulator/memory/live_bytes.h"
#include "simulator/program/program.h"
#include "simulator/program/walk.h"
#include "tests/support/jobs.h"

namespace ds::program {
namespace {

support::Small pipeline(workload::Schedule schedule, std::int64_t pp, std::int64_t micro_batches) {
  support::Small s{.layers = 8, .hidden = 16, .heads = 4, .kv_heads = 4, .ffn = 24, .sequence = 6};
  s.tied = schedule != workload::Schedule::dualpipe && schedule != workload::Schedule::zb_v;
  s.micro_batches = micro_batches;
  s.pp = pp;
  s.schedule = schedule;
  return s;
}

/// A pipeline under every other feature that changes what is lowered.
std::vector<support::Small> with_everything(const support::Small& plain) {
  std::vector<support::Small> all;
  for (const auto family : {workload::Family::gpt, workload::Family::llama})
    for (const bool recompute : {false, true})
      for (const std::int64_t ranks : {1, 2})
        for (const bool overlap : {false, true}) {
          support::Small s = plain;
          s.family = family;
          s.full_recompute = recompute;
          s.tp = s.dp = ranks;
          s.overlap = {.grad_reduce = overlap, .param_gather = overlap, .p2p = overlap};
          all.push_back(s);
        }
  return all;
}

/// The most activations that a rank has at its peak, of layers as LLaMA's.
double activations(workload::Schedule schedule, std::int64_t pp, std::int64_t tp) {
  support::Small s = pipeline(schedule, pp, 2 * pp + 3);
  s.family = workload::Family::llama;
  s.layers = 10 * pp, s.hidden = 1024, s.heads = 8, s.kv_heads = 2, s.ffn = 3584, s.sequence = 512;
  s.tied = false, s.tp = tp;
  workload::Job job = support::small_job(s);
  job.habits.allocator = "torch_caching";
  double most = 0;
  for (const memory::LiveBytes& one : memory::live_bytes(lower(job)))
    most = std::max(most, static_cast<double>(one.parts.activations.value));
  return most;
}

/// ZB-V keeps as much as 1F1B (Qi et al. 2024, table 2), whose first stage has the most: 2 p halves of a stage's activations, if what
/// waits for the gradients of weights is no more than what waited for the backward. Of a layer of LLaMA it is: 33.5 against 33 bytes
/// times tokens and width in 16 bits. Here inputs and gradients of two norms wait as well, for the gradients of their gains: 8 more, so on
/// the last rank of many it is up to a sixth more. Under tensor parallelism gradients of what was scattered wait gathered.
TEST(SplitBackward, AVKeepsWhatOneForwardOneBackwardKeeps) {
  for (const std::int64_t pp : {2, 4, 8}) {
    const double v = activations(workload::Schedule::zb_v, pp, 1);
    const double usual = activations(workload::Schedule::one_f_one_b, pp, 1);
    EXPECT_LT(v / usual, 1 + 8 / 33.0) << pp;
    EXPECT_GT(v / usual, 0.95) << pp;
    EXPECT_LT(v, activations(workload::Schedule::zb_h1, pp, 1)) << pp;
  }
  EXPECT_GT(activations(workload::Schedule::zb_v, 4, 2), activations(workload::Schedule::one_f_one_b, 4, 2));
}

TEST(SplitBackward, ProgramsPassTheChecker) {
  using workload::Schedule;
  std::vector<support::Small> plans;
  for (const std::int64_t pp : {1, 2, 4, 8})
    for (const std::int64_t m : {1, 3, 8}) plans.push_back(pipeline(Schedule::zb_h1, pp, m));
  for (const std::int64_t pp : {2, 4, 8})
    for (const std::int64_t m : {2 * pp, 2 * pp + 2}) plans.push_back(pipeline(Schedule::dualpipe, pp, m));
  for (const std::int64_t pp : {2, 4})
    for (const std::int64_t m : {std::int64_t{1}, std::int64_t{2}, 2 * pp - 1, std::int64_t{9}})
      plans.push_back(pipeline(Schedule::zb_v, pp, m));
  for (const support::Small& plain : plans)
    for (const support::Small& s : with_everything(plain))
      for (const Classes classes : {Classes::per_stage, Classes::per_rank}) {
        SCOPED_TRACE(testing::Message() << support::describe(s) << " pp " << s.pp << " tp " << s.tp << " m "
                                        << s.micro_batches << " overlap " << s.overlap.p2p);
        EXPECT_EQ(check(lower(support::small_job(s), classes)), std::nullopt);
      }
}

/// The operators of all calls of a step, by how often they run. Whether a gradient is written or added to is left out.
std::map<std::string, int> work_of(const Program& program) {
  std::map<std::string, int> work;
  for (const RankClass& ranks : program.classes)
    for (const Call& call : ranks.phases[0].calls)
      for_each_distinct(program.body(call), [&](InstructionId id, std::int32_t times) {
        const Instruction& i = program.instruction(id);
        if (i.kind == Kind::compute) work[class_name(program, i)] += times;
      });
  return work;
}

TEST(SplitBackward, IsTheSameWork) {
  for (const bool recompute : {false, true}) {
    support::Small whole = pipeline(workload::Schedule::one_f_one_b, 4, 8);
    whole.full_recompute = recompute;
    support::Small split = whole;
    split.schedule = workload::Schedule::zb_h1;
    EXPECT_EQ(work_of(lower(support::small_job(split))), work_of(lower(support::small_job(whole))));
  }
}

/// No gradient of a weight delays the gradient that the stage before waits for.
TEST(SplitBackward, WeightGradientsAreInPassesOfTheirOwn) {
  const Program program = lower(support::small_job(pipeline(workload::Schedule::zb_h1, 4, 8)));
  int apart = 0, elsewhere = 0;
  for (const Template& body : program.templates) {
    for_each_distinct(body, [&](InstructionId id, std::int32_t) {
      for (const Operator& op : program.operators_of(program.instruction(id)))
        if (program.op(op.op).pass == ops::Pass::weight_gradient)
          ++(body.pass == Pass::weight_gradient ? apart : elsewhere);
    });
  }
  EXPECT_GT(apart, 0);
  EXPECT_EQ(elsewhere, 0);
}

void expect_as_many_slots(const Program& plain, const Program& bubble) {
  const auto slots_by_name = [](const Program& program) {
    std::map<std::string, std::int32_t> by_name;
    const RankClass& ranks = program.classes[0];
    for (std::size_t b = 0; b < ranks.slots.size(); ++b) {
      const Buffer& buffer = program.buffers_of(ranks)[b];
      if (buffer.life == Life::slot && buffer.part == Part::activations)
        by_name[buffer.name] = ranks.slots[b];
    }
    return by_name;
  };
  int saved = 0;
  const std::map<std::string, std::int32_t> split = slots_by_name(bubble);
  for (const auto& [name, slots] : slots_by_name(plain)) {
    ++saved;
    EXPECT_EQ(split.at(name), slots) << name;
  }
  EXPECT_GT(saved, 10);
}

/// What forward saves has as many slots on the first stage as with 1f1b, and on no stage more.
TEST(ZeroBubble, SavesNoMoreActivationsThan1f1b) {
  for (const std::int64_t pp : {2, 4, 8}) {
    const Program plain = lower(support::small_job(pipeline(workload::Schedule::one_f_one_b, pp, 16)));
    const Program bubble = lower(support::small_job(pipeline(workload::Schedule::zb_h1, pp, 16)));
    expect_as_many_slots(plain, bubble);
    for (const RankClass& ranks : bubble.classes)
      for (std::size_t b = 0; b < ranks.slots.size(); ++b) {
        const Buffer& buffer = bubble.buffers_of(ranks)[b];
        if (buffer.life != Life::slot) continue;
        EXPECT_LE(ranks.slots[b], pp + 1) << buffer.name;  // one more where it is sent
      }
  }
}

/// The rank at the mirrored place holds the same tensors, and their gradients are summed over both.
TEST(DualPipe, RanksAtMirroredPlacesHoldTheSame) {
  const Program program = lower(support::small_job(pipeline(workload::Schedule::dualpipe, 4, 8)));
  const auto tensors = [&](std::size_t c) {
    std::multiset<std::string> names;
    for_each_tensor(program, program.classes[c],
                    [&](const TrainedTensor&, std::int32_t, const std::string& name) { names.insert(name); });
    return names;
  };
  EXPECT_EQ(tensors(0), tensors(3));
  EXPECT_EQ(tensors(1), tensors(2));
  EXPECT_NE(tensors(0), tensors(1));
  for (const RankClass& ranks : program.classes) {
    std::int64_t gradients = 0, summed = 0;
    for (const Buffer& buffer : program.buffers_of(ranks))
      if (buffer.part == Part::gradients) gradients += buffer.size.bound.value * buffer.copies;
    for_each_distinct(program.body(ranks.phases[0].calls.back()), [&](InstructionId id, std::int32_t times) {
      const Comm& comm = program.instruction(id).comm;
      if (comm.group == kMirrors) summed += comm.bytes.bound.value * times;
    });
    EXPECT_EQ(summed, gradients);
  }
}

TEST(DualPipe, MergedCallsNameTwoMicroBatches) {
  const Program program = lower(support::small_job(pipeline(workload::Schedule::dualpipe, 4, 8)));
  for (const RankClass& ranks : program.classes) {
    int merged = 0;
    for (const Call& call : ranks.phases[0].calls) {
      const bool two = call.micro[1] >= 0;
      EXPECT_EQ(two, program.body(call).pass == Pass::forward_backward);
      merged += two ? 1 : 0;
    }
    EXPECT_GT(merged, 0);
  }
}

/// No user meets this: such plans are not supported, which is asked before anything is lowered.
TEST(DualPipe, WithTiedEmbeddingsIsOurOwnMistake) {
  support::Small s = pipeline(workload::Schedule::dualpipe, 4, 8);
  s.tied = true;
  EXPECT_THROW(lower(support::small_job(s)), std::logic_error);
}

}  // namespace
}  // namespace ds::program
