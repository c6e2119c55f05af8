// Who takes part in a communication, and what habits of the software make of its time.
#include "simulator/engine/price.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "simulator/engine/alone.h"
#include "simulator/program/rows.h"
#include "simulator/program/walk.h"
#include "simulator/workload/workload.h"

namespace ds::engine {
namespace {

using program::Instruction;
using program::Kind;

workload::Job job(const std::string& plan, const std::string& software = "megatron-lm-2021") {
  return workload::read_job_text(
      fmt::format(
          R"({{"model": {{"family": "gpt", "layers": 8, "hidden": 1024, "heads": 16, "ffn_hidden": 4096,
                                  "vocab": 50000}},
        "cluster": {{"node": "dgx-a100-80g", "nodes": 4}}, "software": "{}",
        "train": {{"sequence_length": 1024, "global_batch": 64}},
        "plan": {{"micro_batch": 1, "precision": "bf16", {}}}}})",
          software, plan),
      "job.json");
}

/// Calls fn(class, instruction, times) for every communication of the program.
template <class Fn>
void for_each_communication(const program::Program& program, Fn&& fn) {
  for (const program::RankClass& ranks : program.classes)
    for (const program::Phase& phase : ranks.phases)
      for (const program::Call& call : phase.calls)
        program::for_each_distinct(program.body(call), [&](program::InstructionId id, std::int32_t times) {
          if (program::communicates(program.instruction(id).kind)) fn(ranks, id, times);
        });
}

TEST(Price, TheRanksOfTheNetworkAreThoseOfTheProgram) {
  for (const char* plan :
       {R"("tp": 4, "pp": 2)", R"("tp": 2, "pp": 4, "vpp": 2)", R"("tp": 8, "dp": 4)", R"("pp": 8)"}) {
    const workload::Job asked = job(plan);
    const program::Program program = program::lower(asked);
    int seen = 0;
    for_each_communication(
        program, [&](const program::RankClass& ranks, program::InstructionId id, std::int32_t) {
          const Instruction& i = program.instruction(id);
          const cost::Communication c = communication_of(program, ranks, i);
          const std::int32_t me = ranks.first;
          std::vector<std::int32_t> members = c.group.ranks();
          if (i.kind == Kind::collective) {
            std::ranges::sort(members);
            EXPECT_EQ(members, program.grid.members(i.comm.group, me));
          } else {
            const std::int32_t from =
                i.kind == Kind::send ? me : program.grid.neighbour(i.comm.group, me, -i.comm.shift);
            const std::int32_t to =
                i.kind == Kind::send ? program.grid.neighbour(i.comm.group, me, i.comm.shift) : me;
            EXPECT_EQ(members, (std::vector{from, to}));
          }
          ++seen;
        });
    EXPECT_GT(seen, 0) << plan;
  }
}

Seconds message_time(const workload::Job& asked) {
  const cost::Profile unused = cost::rough_profile();
  const program::Program program = program::lower(asked);
  const Durations durations = price(program, cost::Machine(asked, unused));
  Seconds longest{};
  for_each_communication(program, [&](const program::RankClass& ranks, program::InstructionId id,
                                      std::int32_t) {
    if (program.instruction(id).kind == Kind::send)
      longest = std::max(longest, durations.communications.of(program::class_of(program, ranks.first), id));
  });
  return longest;
}

TEST(Price, ActivationsThatAllRanksHoldAreSentInShares) {
  // Stages are on different nodes, all eight ranks of a node send: an eighth each, and a gather in the node.
  const char* plan = R"("tp": 8, "pp": 4, "sequence_parallel": false)";
  workload::Job shares = job(plan), whole = shares;
  whole.habits.pipeline_scatter_gather = false;
  EXPECT_LT(message_time(shares).value, 0.7 * message_time(whole).value);
}

TEST(Price, TensorParallelCollectivesBesideTheirProductsCostAtLeastOnePiece) {
  const auto tensor_time = [](bool overlap) {
    const workload::Job asked =
        job(fmt::format(R"("tp": 8, "dp": 4, "overlap": {{"tp_comm": {}, "grad_reduce": false,
                            "param_gather": false, "p2p": false}})",
                        overlap),
            "megatron-te");
    const cost::Profile unused = cost::rough_profile();
    const program::Program program = program::lower(asked);
    const Durations durations = price(program, cost::Machine(asked, unused));
    Seconds sum{};
    for_each_communication(
        program, [&](const program::RankClass& ranks, program::InstructionId id, std::int32_t times) {
          if (program.instruction(id).comm.group == program::kTensorGroup)
            sum += durations.communications.of(program::class_of(program, ranks.first), id) * times;
        });
    return sum.value;
  };
  const double beside = tensor_time(true), alone = tensor_time(false);
  EXPECT_LT(beside, alone);
  EXPECT_GT(beside, alone / 8);
}

struct Priced {
  cost::Machine machine;
  program::Program program;
  Durations durations;
};

/// Tensor-parallel collectives run beside the products next to them.
Priced priced_beside_products() {
  static const cost::Profile unused = cost::rough_profile();
  const workload::Job asked = job(R"("tp": 8, "dp": 4, "overlap": {"tp_comm": true})", "megatron-te");
  Priced result{.machine = cost::Machine(asked, unused), .program = program::lower(asked), .durations = {}};
  result.durations = price(result.program, result.machine);
  return result;
}

/// Of a product that is cut into pieces a rank, each fills the GPU less well; what that costs is said with the collective, which never
/// costs more than one after the other.
TEST(Price, ProductsInPiecesTakeLonger) {
  const auto [machine, program, durations] = priced_beside_products();
  std::size_t met = 0;
  for (std::size_t i = 0; i < program.instructions.size(); ++i) {
    const program::Instruction& one = program.instructions[i];
    if (one.comm.beside < 0) continue;
    ops::Op op = program.op(program.operators[static_cast<std::size_t>(one.comm.beside)].op);
    auto* product = std::get_if<ops::Linear>(&op.what);
    if (product == nullptr || op.pass == ops::Pass::weight_gradient) continue;
    const double whole = machine.time(op).seconds.value;
    product->tokens /= 8;
    const double longer = 8 * machine.time(op).seconds.value - whole;
    const program::RankClass& ranks = program.classes.front();
    const double alone = machine.time(communication_of(program, ranks, one)).seconds.value;
    EXPECT_GT(longer, 0);
    EXPECT_GE(durations.communications.of(0, static_cast<program::InstructionId>(i)).value,
              std::min(alone, longer) * (1 - 1e-12));
    ++met;
  }
  EXPECT_GT(met, 4U);
}

/// A gather in front of a product and a reduction behind it: together they hide behind no more than all pieces of it but one.
TEST(Price, CollectivesOnBothSidesOfAProductShareWhatItCanHide) {
  const auto [machine, program, durations] = priced_beside_products();
  std::map<std::int32_t, std::pair<int, double>> hidden;  // by product: of how many, seconds
  for (std::size_t i = 0; i < program.instructions.size(); ++i) {
    const program::Comm& comm = program.instructions[i].comm;
    if (comm.beside < 0) continue;
    auto& [count, seconds] = hidden[comm.beside];
    ++count;
    seconds += machine.time(communication_of(program, program.classes.front(), program.instructions[i]))
                   .seconds.value -
               durations.communications.of(0, static_cast<program::InstructionId>(i)).value;
  }
  int on_both_sides = 0;
  for (const auto& [product, of] : hidden) {
    const ops::Op& op = program.op(program.operators[static_cast<std::size_t>(product)].op);
    EXPECT_LE(of.second, machine.time(op).seconds.value * 7 / 8 * (1 + 1e-9)) << of.first;
    on_both_sides += of.first == 2 ? 1 : 0;
  }
  EXPECT_GT(on_both_sides, 0);
}

/// Seconds of one all-reduce over tensor-parallel ranks, with that algorithm for them.
double tensor_sum_time(const char* algorithm) {
  const workload::Job asked = job(fmt::format(
      R"("tp": 8, "dp": 4, "sequence_parallel": false, "collectives": {{"tp": "{}"}})", algorithm));
  const cost::Profile unused = cost::rough_profile();
  const program::Program program = program::lower(asked);
  const Durations durations = price(program, cost::Machine(asked, unused));
  double longest = 0;
  for_each_communication(
      program, [&](const program::RankClass& ranks, program::InstructionId id, std::int32_t) {
        if (program.instruction(id).comm.group == program::kTensorGroup)
          longest = std::max(longest,
                             durations.communications.of(program::class_of(program, ranks.first), id).value);
      });
  return longest;
}

/// The library takes the fastest of ring, tree and nvls; an algorithm that is asked for is taken where the group can, as
/// NCCL_ALGO is: nothing adds in the switches of an A100's node.
TEST(Price, CollectivesTakeTheAlgorithmThatIsAskedFor) {
  const double automatic = tensor_sum_time("auto"), ring = tensor_sum_time("ring"),
               tree = tensor_sum_time("tree");
  EXPECT_EQ(automatic, std::min(ring, tree));
  EXPECT_NE(ring, tree);
  EXPECT_EQ(tensor_sum_time("nvls"), automatic);
  EXPECT_GT(tensor_sum_time("direct"), 0);
}

/// A layer's worth of bytes over the link to the host, at the share of PCIe's rate that is reached; a rank's part of the
/// host's memory for what its processors update.
TEST(Price, WhatIsOnTheHostTakesTheHostsTime) {
  const workload::Job asked = job(R"("tp": 8, "dp": 4)");
  const cost::Profile unused = cost::rough_profile();
  const cost::Machine machine(asked, unused);
  const ops::Op copy{.what = ops::host_copy({{1 << 15, 1 << 12}, 2}, true), .type = DataType::bf16};
  const double bytes = 2.0 * (1 << 27);
  EXPECT_NEAR(machine.time(copy).seconds.value, bytes / (3.15e10 * 0.785), 1e-5);
  const ops::Op adam{
      .what =
          ops::AdamW{
              .elements = 1 << 27, .copies_down = true, .working_type = DataType::bf16, .on_host = true},
      .pass = ops::Pass::update,
      .type = DataType::fp32};
  // Gradient read, master and moments read and written, a weight written.
  const double moved = (4.0 + 3 * 2 * 4 + 2) * (1 << 27);
  EXPECT_NEAR(machine.time(adam).seconds.value, moved / (4.096e11 / 8 * 0.8), 1e-4);
}

/// Of a block, work and what is left to wait for the host add up to no less than launches; where the device is slower, nothing is
/// waited for. Returns how often something is.
int expect_the_slower_of_both(const program::Program& program, const cost::Machine& machine,
                              const Durations& durations, const program::Block& block) {
  int waits = 0;
  double device = 0, host = 0, wait = -1;
  for (std::int32_t i = block.body.first; i < block.body.first + block.body.count; ++i) {
    const auto id = static_cast<program::InstructionId>(i);
    const Instruction& one = program.instruction(id);
    if (!program::is_own_work(one)) continue;
    const double seconds = alone(program, durations, 0, id).value;
    if (one.kind == Kind::launches) {
      wait = seconds;
      waits += wait > 0 ? 1 : 0;
      continue;
    }
    device += seconds;
    if (one.kind == Kind::collective) host += machine.launch_of_communication(false).value;
    for (const program::Operator& op : program.operators_of(one))
      if (!op.fused) host += machine.launch(program.op(op.op), false).value;
    if (wait < 0) continue;
    EXPECT_NEAR(device + wait, std::max(device, host), 1e-15);
    device = host = 0, wait = -1;
  }
  return waits;
}

TEST(Price, ABlockTakesAsLongAsTheSlowerOfHostAndDevice) {
  for (const bool small : {true, false}) {
    workload::Job asked = job(R"("tp": 4, "dp": 8)");
    if (!small) asked.habits.host = {.kernel_s = 1e-9, .communication_s = 1e-9};
    const cost::Profile unused = cost::rough_profile();
    const cost::Machine machine(asked, unused);
    const program::Program program = program::lower(asked);
    const Durations durations = price(program, machine);
    int waits = 0;
    for (const program::Template& body : program.templates)
      for (const program::Block& block : body.blocks)
        waits += expect_the_slower_of_both(program, machine, durations, block);
    EXPECT_EQ(waits > 0, small);
  }
}

TEST(Price, GraphsTakeWaitsForTheHostAway) {
  const auto step = [](const char* graphs) {
    const workload::Job asked = job(fmt::format(R"("tp": 4, "dp": 8, "cuda_graphs": "{}")", graphs));
    const cost::Profile unused = cost::rough_profile();
    const program::Program program = program::lower(asked);
    return analyse(program, price(program, cost::Machine(asked, unused)));
  };
  const program::StepSummary eager = step("none"), replayed = step("full");
  EXPECT_GT(eager.parts.host.value, 0.2 * eager.step_time.value);
  EXPECT_EQ(replayed.parts.host.value, 0);
  EXPECT_NEAR(eager.step_time.value - replayed.step_time.value, eager.parts.host.value,
              1e-9 * eager.step_time.value);
}

/// Bias and dropout of a projection are done by the residual add that takes them in, where the software fuses them.
TEST(Price, FusedOperatorsTakeNoTimeOfTheirOwn) {
  const auto seconds_of_bias = [](const char* software) {
    const workload::Job asked = job(R"("tp": 4, "dropout": 0.1)", software);
    const cost::Profile unused = cost::rough_profile();
    const program::Program program = program::lower(asked);
    const Durations durations = price(program, cost::Machine(asked, unused));
    double sum = 0;
    int seen = 0;
    for (std::size_t i = 0; i < program.instructions.size(); ++i)
      for (const program::Operator& one : program.operators_of(program.instructions[i])) {
        const ops::Op& op = program.op(one.op);
        if (!std::holds_alternative<ops::Bias>(op.what) || op.pass != ops::Pass::forward) continue;
        ++seen;
        sum += alone(program, durations, 0, static_cast<program::InstructionId>(i)).value;
      }
    EXPECT_GT(seen, 0);
    return sum;
  };
  EXPECT_EQ(seconds_of_bias("megatron-te"), 0);
  EXPECT_GT(seconds_of_bias("deepspeed"), 0);
}

/// Stages of two ranks on nodes of eight: the first three send within their node, the fourth to the next node. They share
/// their instructions and not how long these take.
TEST(Price, StagesOfAKindAreUnequallyFarFromTheirNeighbours) {
  const workload::Job asked = job(R"("tp": 2, "pp": 8, "sequence_parallel": true)", "megatron-te");
  ASSERT_EQ(asked.plan.dp, 2);
  const cost::Profile unused = cost::rough_profile();
  const program::Program program = program::lower(asked);
  const Durations durations = price(program, cost::Machine(asked, unused));
  std::map<std::pair<std::int32_t, std::size_t>, double> sends;  // by kind of stage and class
  for_each_communication(program,
                         [&](const program::RankClass& ranks, program::InstructionId id, std::int32_t) {
                           const Instruction& i = program.instruction(id);
                           const std::size_t c = program::class_of(program, ranks.first);
                           if (i.kind == Kind::send && i.comm.shift > 0)
                             sends[{ranks.buffers.first, c}] = durations.communications.of(c, id).value;
                         });
  const std::int32_t middle = program.classes[1].buffers.first;
  EXPECT_EQ(program.classes[2].buffers.first, middle);
  // Four ranks a stage: stage 1 sends to ranks 8 to 11, which are on the next node; stage 2 stays on it.
  EXPECT_GT(sends.at({middle, 1}), 2 * sends.at({middle, 2}));
}

/// The rank at the mirrored place and the rank itself: two, however many stages there are.
TEST(Price, DualPipeSumsGradientsOverTwoRanks) {
  const workload::Job asked =
      workload::read_job_text(R"({"model": {"family": "gpt", "layers": 8, "hidden": 1024,
      "heads": 16, "ffn_hidden": 4096, "vocab": 50000, "tied_embeddings": false},
      "cluster": {"node": "dgx-a100-80g", "nodes": 4}, "train": {"sequence_length": 1024, "global_batch": 64},
      "plan": {"pp": 8, "dp": 4, "micro_batch": 1, "schedule": "dualpipe", "precision": "bf16"}})",
                              "job.json");
  const program::Program program = program::lower(asked);
  int seen = 0;
  for_each_communication(program,
                         [&](const program::RankClass& ranks, program::InstructionId id, std::int32_t) {
                           const Instruction& i = program.instruction(id);
                           if (i.comm.group != program::kMirrors) return;
                           EXPECT_EQ(communication_of(program, ranks, i).group.size(), 2);
                           ++seen;
                         });
  EXPECT_GT(seen, 0);
}

}  // namespace
}  // namespace ds::engine
