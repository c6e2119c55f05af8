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

program::Coordinates extents_of(const workload::Plan& plan) {
  return {static_cast<std::int32_t>(plan.tp), static_cast<std::int32_t>(plan.cp),
          static_cast<std::int32_t>(plan.dp), static_cast<std::int32_t>(plan.pp)};
}

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

Probe::Probe(workload::Job job, const std::vector<std::int64_t>& layers, std::int64_t micro_batches,
             program::StageGraphs& graphs)
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
  program_ = program::lower(job_, program::Classes::per_stage, program::Hash::left_out, &graphs);
  ops_ = program_.ops;
  for (std::size_t t = 0; t < program_.templates.size(); ++t) {
    const std::vector<program::Instruction>& body = program_.templates[t].body;
    for (std::size_t i = 0; i < body.size(); ++i)
      if (moves_activations(program_, body[i]))
        activations_.push_back({static_cast<program::TemplateId>(t), i, body[i].comm.bytes.bound});
  }
}

void Probe::scale(std::int64_t micro_batch) {
  for (std::size_t op = 0; op < ops_.size(); ++op) program_.ops[op] = scaled(ops_[op], micro_batch);
  for (const Message& message : activations_) {
    const Bytes bytes{message.bytes.value * micro_batch};
    program_.templates[program::index(message.body)].body[message.instruction].comm.bytes = {
        bytes, static_cast<double>(bytes.value)};
  }
}

void Probe::price(std::int64_t micro_batch, const program::Coordinates& extents, const cost::Machine& machine,
                  Zeroes zeroes) {
  scale(micro_batch);
  // Priced as the large plan's: the last stage is its last, those in the middle its second.
  const program::Coordinates own = std::exchange(program_.extents, extents);
  const std::int32_t last = extents.pp - 1;
  for (program::RankClass& ranks : program_.classes)
    ranks.first.pp = ranks.first.pp + 1 == own.pp ? last : std::min({ranks.first.pp, 1, last});
  durations_ = engine::price(program_, job_, machine);
  program_.extents = own;
  for (std::size_t s = 0; s < program_.classes.size(); ++s)
    program_.classes[s].first.pp = static_cast<std::int32_t>(s);
  if (zeroes == Zeroes::left_out)
    for (std::size_t op = 0; op < program_.ops.size(); ++op)
      if (std::holds_alternative<ops::Zero>(program_.ops[op].what)) durations_.operators[op] = {};
  if (std::exchange(priced_, true))
    engine::reprice(program_, durations_, collapsed_);
  else
    collapse();
}

/// What only the first pricing needs goes: a search keeps many probes.
void Probe::collapse() {
  collapsed_ = engine::collapse(program_, durations_);
  collapsed_.places = {};
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
