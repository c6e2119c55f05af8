// Who takes part in a communication, and what habits of the software make of its time.
#include "simulator/engine/price.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

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
          if (!program::computes(program.instruction(id).kind)) fn(ranks, id, times);
        });
}

TEST(Price, TheRanksOfTheNetworkAreThoseOfTheProgram) {
  for (const char* plan :
       {R"("tp": 4, "pp": 2)", R"("tp": 2, "pp": 4, "vpp": 2)", R"("tp": 8, "dp": 4)", R"("pp": 8)"}) {
    const workload::Job asked = job(plan);
    const program::Program program = program::lower(asked);
    int seen = 0;
    for_each_communication(program, [&](const program::RankClass& ranks, program::InstructionId id, std::int32_t) {
      const Instruction& i = program.instruction(id);
      const cost::Communication c = communication_of(program, ranks, i);
      const std::int32_t me = ranks.first;
      std::vector<std::int32_t> members = c.group.ranks();
      if (i.kind == Kind::collective) {
        std::ranges::sort(members);
        EXPECT_EQ(members, program.grid.members(i.comm.group, me));
      } else {
        const std::int32_t from = i.kind == Kind::send ? me : program.grid.neighbour(i.comm.group, me, -i.comm.shift);
        const std::int32_t to = i.kind == Kind::send ? program.grid.neighbour(i.comm.group, me, i.comm.shift) : me;
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
  for_each_communication(
      program, [&](const program::RankClass& ranks, program::InstructionId id, std::int32_t) {
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
    for_each_communication(program, [&](const program::RankClass& ranks, program::InstructionId id, std::int32_t times) {
      if (program.instruction(id).comm.group == program::kTensorGroup)
        sum += durations.communications.of(program::class_of(program, ranks.first), id) * times;
    });
    return sum.value;
  };
  const double beside = tensor_time(true), alone = tensor_time(false);
  EXPECT_LT(beside, alone);
  EXPECT_GT(beside, alone / 8);
}

}  // namespace
}  // namespace ds::engine
