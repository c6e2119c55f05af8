// Times matrix products: a large one, and those of a program alone.
#include "executor/calibrate/probe.h"

#include <algorithm>
#include <map>

#include "executor/calibrate/calibrate.h"
#include "simulator/program/walk.h"

namespace ds::executor {
namespace {

constexpr int kRounds = 3;

using Counts = std::map<std::size_t, double>;  // by OpId

/// How often each operator runs in a healthy step of a class, for the products alone.
Counts count_products(const program::Program& program, const program::RankClass& ranks) {
  Counts counts;
  for (const program::Phase& phase : ranks.phases)
    for (const program::Call& call : phase.calls)
      program::for_each_distinct(program.body(call), [&](program::InstructionId id, std::int32_t times) {
        for (const program::Operator& o : program.operators_of(program.instruction(id)))
          if (std::holds_alternative<ops::Linear>(program.op(o.op).what))
            counts[program::index(o.op)] += times;
      });
  return counts;
}

}  // namespace

GemmProbe probe_gemm() {
  const ops::Op op{ops::Linear{1024, 768, 768, false}, ops::Pass::forward, DataType::fp32};
  const Instant begin = now();
  const auto times = measure_operators({op}, {.rounds = 2 * kRounds});
  const Instant took = now() - begin;
  const FlopsPerSecond cpu{ops::flops(op).value / times.front().seconds};
  // By the clock: what share of the time that passed this thread was given.
  return {cpu, {cpu.value * (took.cpu / took.wall)}};
}

Seconds gemm_only(const program::Program& program) {
  std::vector<Counts> classes;
  std::map<std::size_t, std::size_t> place;  // in the list, by OpId
  std::vector<ops::Op> list;
  for (const program::RankClass& ranks : program.classes) {
    classes.push_back(count_products(program, ranks));
    for (const auto& [id, count] : classes.back()) {
      if (!place.try_emplace(id, list.size()).second) continue;
      ops::Op op = program.ops[id];
      std::get<ops::Linear>(op.what).bias = false;
      list.push_back(op);
    }
  }
  const auto times = measure_operators(list, {.rounds = kRounds});
  Seconds longest{};
  for (const Counts& counts : classes) {
    Seconds sum{};
    for (const auto& [id, count] : counts) sum += Seconds{times[place[id]].seconds * count};
    longest = std::max(longest, sum);
  }
  return longest;
}

}  // namespace ds::executor
