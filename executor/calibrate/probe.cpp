#include "executor/calibrate/probe.h"

#include <map>

#include "executor/calibrate/calibrate.h"

namespace ds::executor {
namespace {

constexpr int kRounds = 3;

/// How often each operator runs in a healthy step, for the products alone.
std::map<std::size_t, std::int64_t> count_products(const program::Program& program) {
  std::map<std::size_t, std::int64_t> counts;
  for (const program::Phase& phase : program.classes[0].phases)
    for (const program::Call& call : phase.calls)
      for (const program::Instruction& instruction : program.body(call).body)
        for (const program::Operator& o : program.operators_of(instruction))
          if (std::holds_alternative<ops::Linear>(program.op(o.op).what)) ++counts[program::index(o.op)];
  return counts;
}

}  // namespace

Probe probe_gemm() {
  const ops::Op op{ops::Linear{1024, 768, 768, false}, ops::Pass::forward, DataType::fp32};
  const Instant begin = now();
  const auto times = measure_operators({op}, {.rounds = 2 * kRounds});
  const Instant took = now() - begin;
  const FlopsPerSecond cpu{ops::flops(op).value / times.front().seconds};
  // By the clock: what share of the time that passed this thread was given.
  return {cpu, {cpu.value * (took.cpu / took.wall)}};
}

Seconds gemm_only(const program::Program& program) {
  std::vector<ops::Op> list;
  std::vector<double> counts;
  for (const auto& [id, count] : count_products(program)) {
    ops::Op op = program.ops[id];
    std::get<ops::Linear>(op.what).bias = false;
    list.push_back(op);
    counts.push_back(static_cast<double>(count));
  }
  Seconds sum{};
  const auto times = measure_operators(list, {.rounds = kRounds});
  for (std::size_t i = 0; i < times.size(); ++i) sum += Seconds{times[i].seconds * counts[i]};
  return sum;
}

}  // namespace ds::executor
