#include "tuner/estimate/probe.h"

#include <algorithm>
#include <cmath>
#include <type_traits>
#include <utility>

#include "simulator/engine/price.h"
#include "simulator/ops/fields.h"

namespace ds::tuner {
namespace {

/// The operator for micro-batches of so many sequences: its tokens, or sequences, are those of a micro-batch.
ops::Op scaled(ops::Op op, std::int64_t micro_batch) {
  std::visit(
      [&](auto& what) {
        ops::for_each_field(what, [&](std::string_view name, auto& field) {
          if constexpr (std::is_same_v<std::remove_cvref_t<decltype(field)>, std::int64_t>)
            if (name == "tokens" || name == "batch") field *= micro_batch;
        });
      },
      op.what);
  return op;
}

/// Whether a communication is about activations, not parameters or their gradients.
bool moves_activations(const program::Program& program, const program::Instruction& instruction) {
  return std::ranges::any_of(program.uses_of(instruction), [&](const program::Use& use) {
    const program::Buffer& buffer = program.buffer(program.view(use.view).buffer);
    return buffer.part == program::Part::activations ||
           (buffer.part == program::Part::buffers && buffer.life != program::Life::step);
  });
}

}  // namespace

std::optional<std::size_t> layer_among(const std::vector<double>& one, const std::vector<double>& two) {
  if (two.size() == one.size()) return one.size();
  if (two.size() != one.size() + 1) return std::nullopt;
  const auto same = [](double a, double b) {
    return std::abs(a - b) <= 1e-12 * std::max(std::abs(a), std::abs(b));
  };
  for (std::size_t i = 0; i < one.size(); ++i) {
    const auto split = static_cast<std::ptrdiff_t>(i) + 1;
    if (std::equal(one.begin(), one.begin() + split, two.begin(), same) &&
        std::equal(one.begin() + split - 1, one.end(), two.begin() + split, same))
      return i;
  }
  return std::nullopt;
}

Probe::Probe(workload::Job job, const std::vector<std::int64_t>& layers, std::int64_t micro_batches)
    : job_(std::move(job)) {
  workload::Plan& plan = job_.plan;
  plan.schedule = workload::Schedule::one_f_one_b;
  plan.pp = std::ssize(layers);
  plan.vpp = 1;
  plan.stage_layers.clear();
  job_.model.layers = 0;
  for (const std::int64_t n : layers) {
    plan.stage_layers.push_back({n});
    job_.model.layers += n;
  }
  plan.stage_layers_given = true;
  plan.micro_batch = 1;
  job_.train.global_batch = micro_batches * plan.dp;
  program_ = program::unroll(program::lower(job_, program::Classes::per_stage, program::Hash::left_out));
  ops_ = program_.ops;
  for (std::size_t i = 0; i < program_.instructions.size(); ++i)
    if (moves_activations(program_, program_.instructions[i]))
      activations_.push_back({i, program_.instructions[i].comm.bytes.bound});
}

void Probe::scale(std::int64_t micro_batch) {
  for (std::size_t op = 0; op < ops_.size(); ++op) program_.ops[op] = scaled(ops_[op], micro_batch);
  for (const Message& message : activations_) {
    const Bytes bytes{message.bytes.value * micro_batch};
    program_.instructions[message.instruction].comm.bytes = {bytes, static_cast<double>(bytes.value)};
  }
}

void Probe::price(std::int64_t micro_batch, const program::Grid& grid, const cost::Machine& machine,
                  Zeroes zeroes) {
  scale(micro_batch);
  // Priced as the large plan's: the last stage is its last, those in the middle its second.
  const program::Grid own = std::exchange(program_.grid, grid);
  const auto stages = static_cast<std::int32_t>(program_.classes.size());
  const std::int32_t last = grid.size(program::Axis::pp) - 1;
  for (std::int32_t s = 0; s < stages; ++s)
    program_.classes[static_cast<std::size_t>(s)].first =
        grid.rank_at({.pp = s + 1 == stages ? last : std::min({s, 1, last})});
  durations_ = engine::price(program_, machine);
  program_.grid = own;
  for (std::int32_t s = 0; s < stages; ++s)
    program_.classes[static_cast<std::size_t>(s)].first = own.rank_at({.pp = s});
  if (zeroes == Zeroes::left_out)
    for (std::size_t op = 0; op < program_.ops.size(); ++op)
      if (std::holds_alternative<ops::Zero>(program_.ops[op].what)) durations_.operators[op] = {};
  if (std::exchange(priced_, true))
    reprice(program_, durations_, collapsed_);
  else
    collapse();
}

/// What only the first pricing needs goes: a search keeps many probes.
void Probe::collapse() {
  collapsed_ = tuner::collapse(program_, durations_);
  for (engine::StepSchedule& schedule : collapsed_.schedules) {
    schedule.segments = {};
    schedule.waits = {};
  }
  program_.buffers = {};
  program_.views = {};
  program_.uses = {};
  program_.tensors = {};
}

}  // namespace ds::tuner
