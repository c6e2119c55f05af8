// The checker across classes of ranks: programs that lowering makes keep its laws, and each mistake is named.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <functional>

#include "simulator/base/error.h"
#include "simulator/program/program.h"
#include "tests/support/edit_program.h"
#include "tests/support/jobs.h"

namespace ds::program {
namespace {

support::Small plan_of(std::int64_t tp, std::int64_t pp, std::int64_t dp, std::int64_t vpp, bool overlap) {
  support::Small s{
      .layers = 8, .hidden = 16, .heads = 4, .kv_heads = 4, .ffn = 24, .sequence = 6, .micro_batches = 8};
  s.tp = tp, s.pp = pp, s.dp = dp, s.vpp = vpp;
  if (vpp > 1) s.schedule = workload::Schedule::interleaved;
  s.overlap = {.grad_reduce = overlap, .param_gather = overlap, .p2p = overlap};
  return s;
}

TEST(Meetings, EveryPlanPassesTheChecker) {
  for (const auto& [tp, pp, dp, vpp] : std::vector<std::array<std::int64_t, 4>>{{2, 1, 1, 1},
                                                                                {1, 2, 1, 1},
                                                                                {1, 1, 2, 1},
                                                                                {2, 2, 2, 1},
                                                                                {1, 2, 2, 2},
                                                                                {1, 4, 1, 2},
                                                                                {1, 8, 1, 1},
                                                                                {4, 4, 4, 2}})
    for (const bool overlap : {false, true})
      for (const Classes classes : {Classes::per_stage, Classes::per_rank}) {
        SCOPED_TRACE(testing::Message() << "tp " << tp << " pp " << pp << " dp " << dp << " vpp " << vpp);
        const workload::Job job = support::small_job(plan_of(tp, pp, dp, vpp, overlap));
        EXPECT_EQ(check(lower(job, classes)), std::nullopt);
      }
}

/// The template of a class's call.
Template& body_of(Program& program, std::size_t rank_class, std::size_t call) {
  return program.templates[index(program.classes[rank_class].phases[0].calls[call].body)];
}

template <class Condition>
Instruction& first_where(Program& program, const Template& body, Condition condition) {
  Instruction* found = nullptr;
  support::for_each(program, body, [&](Instruction& i) {
    if (found == nullptr && condition(i)) found = &i;
  });
  ensure(found != nullptr, "the program has one");
  return *found;
}
Instruction& first_of(Program& program, const Template& body, Kind kind) {
  return first_where(program, body, [&](const Instruction& i) { return i.kind == kind; });
}

Template& norm_of(Program& program, std::size_t rank_class) {
  return body_of(program, rank_class, program.classes[rank_class].phases[0].calls.size() - 1);
}

/// Two stages, 1f1b: calls of the first are F0 F1 B0 F2 B1 ..., of the second F0 B0 F1 B1 ...
struct Mistake {
  const char* what;
  const char* said;
  std::function<void(Program&)> make;
};

void expect_named(const Program& good, const std::vector<Mistake>& mistakes) {
  ASSERT_EQ(check(good), std::nullopt);
  for (const Mistake& mistake : mistakes) {
    SCOPED_TRACE(mistake.what);
    Program broken = good;
    mistake.make(broken);
    broken.hash = hash_of(broken);
    const std::optional<std::string> fault = check(broken);
    EXPECT_NE(fault.value_or("nothing").find(mistake.said), std::string::npos) << fault.value_or("nothing");
  }
}

TEST(Meetings, MistakesInMessagesAreNamed) {
  const auto shift = [](Kind kind, std::size_t rank_class, std::int8_t by) {
    return [=](Program& p) { first_of(p, body_of(p, rank_class, 0), kind).comm.shift = by; };
  };
  const std::vector<Mistake> mistakes = {
      {"a receive is dropped", "reads input before it is written",
       [](Program& p) {
         support::erase_if(p, body_of(p, 1, 0), [](const Instruction& i) { return i.kind == Kind::receive; });
       }},
      {"a send is dropped", "ranks of stage 0 send 0 times by shift 1, ranks of stage 1 receive 8 times",
       [](Program& p) {
         support::erase_if(p, body_of(p, 0, 0), [](const Instruction& i) { return i.kind == Kind::send; });
       }},
      {"a receive listens to the other side", "by shift", shift(Kind::receive, 1, -1)},
      {"a send goes to the rank itself", "by shift", shift(Kind::send, 0, 2)},
      {"the message is shorter than the view", "bytes where its largest operand has",
       [](Program& p) { first_of(p, body_of(p, 0, 0), Kind::send).comm.bytes.bound.value -= 8; }},
      {"a send writes what it sends", "has operands that no message has",
       [](Program& p) {
         p.uses[static_cast<std::size_t>(first_of(p, body_of(p, 0, 0), Kind::send).uses.first)].access =
             Access::add;
       }},
      {"sends of a shift sit on two lanes", "sits on another lane",
       [](Program& p) {
         first_of(p, support::copy_of(p, body_of(p, 0, 1)), Kind::send).lane = LaneId{0};
         p.classes[0].phases[0].calls[1].body = static_cast<TemplateId>(p.templates.size() - 1);
       }},
      {"a stage forgets its update", "classes have different phases",
       [](Program& p) { p.classes[1].phases.pop_back(); }},
  };
  expect_named(lower(support::small_job(plan_of(1, 2, 1, 1, false))), mistakes);
}

TEST(Meetings, AMessageAsLongAsItsOwnViewsOnlyIsNoticed) {
  // Both ends are sound by themselves; they are of different sizes.
  const Program good = lower(support::small_job(plan_of(1, 2, 1, 1, false)));
  expect_named(good, {{"half of the activations are sent", "meeting 0", [](Program& p) {
                         Instruction& send = first_of(p, body_of(p, 0, 0), Kind::send);
                         Use& use = p.uses[static_cast<std::size_t>(send.uses.first)];
                         View half = p.view(use.view);
                         half.shape.size[0] /= 2;
                         use.view = static_cast<ViewId>(p.views.size());
                         p.views.push_back(half);
                         send.comm.bytes = {half.bytes(), static_cast<double>(half.bytes().value)};
                       }}});
}

TEST(Meetings, MistakesInCollectivesAreNamed) {
  const auto world = [](Program& p, std::size_t rank_class) -> Instruction& {
    return first_where(p, norm_of(p, rank_class),
                       [](const Instruction& i) { return i.comm.group == kWorld; });
  };
  const std::vector<Mistake> mistakes = {
      {"a stage leaves the sum of the norm out", "meet",
       [&](Program& p) {
         support::erase_if(p, norm_of(p, 1), [](const Instruction& i) { return i.comm.group == kWorld; });
       }},
      {"one end adds the tied table before the sums, the other after", "meet",
       [](Program& p) {
         support::erase_if(p, norm_of(p, 0),
                           [](const Instruction& i) { return i.comm.group == kPipelineEnds; });
       }},
      {"a stage gathers where the other sums", "works in place, which this collective cannot",
       [&](Program& p) { world(p, 1).comm.what = collective::Collective::all_gather; }},
      {"a stage sums by another algorithm", "on the other",
       [&](Program& p) { world(p, 1).comm.algorithm = 1; }},
      {"gradients are reduced over the pipeline", "not the rank's own",
       [](Program& p) {
         support::for_each(p, norm_of(p, 0), [](Instruction& i) {
           if (i.comm.group == kDataGroup) i.comm.group = kPipeline;
         });
       }},
      {"a gradient is scattered over the wrong ranks", "is over one rank alone",
       [](Program& p) {
         support::for_each(p, norm_of(p, 0), [](Instruction& i) {
           if (i.comm.group == kDataGroup) i.comm.group = kTensorGroup;
         });
       }},
  };
  expect_named(lower(support::small_job(plan_of(1, 2, 2, 1, false))), mistakes);
}

/// Both stages say the same of every collective, but in another order.
TEST(Meetings, CollectivesOfAGroupInTwoOrdersAreNoticed) {
  Program program = lower(support::small_job(plan_of(1, 2, 1, 1, false)));
  for (const std::size_t c : {std::size_t{0}, std::size_t{1}}) {
    support::edit(program, norm_of(program, c), [&](std::vector<Instruction>& body) {
      const auto sum =
          std::ranges::find_if(body, [](const Instruction& i) { return i.comm.group == kWorld; });
      if (sum == body.end()) return;
      Instruction other = *sum;
      other.comm.algorithm = 2;
      body.insert(c == 0 ? sum : sum + 1, other);
    });
  }
  program.hash = hash_of(program);
  EXPECT_NE(check(program).value_or("").find("meeting 0"), std::string::npos);
}

/// Sends that block the stage which computes. The second stage sends gradient 0 before it receives activation 1, the first
/// sends activation 1 before it receives gradient 0: each waits for the other.
TEST(Meetings, DeadlocksAreNoticed) {
  Program program = lower(support::small_job(plan_of(1, 2, 1, 1, false)));
  for (Instruction& i : program.instructions)
    if (i.kind == Kind::send) i.lane = LaneId{0};
  program.hash = hash_of(program);
  EXPECT_EQ(check(program),
            "deadlock: ranks of stage 0 wait for ever at pp send of forward of micro-batch 1");
}

}  // namespace
}  // namespace ds::program
