#include "tuner/estimate/probe.h"

#include <algorithm>
#include <type_traits>
#include <utility>

#include "simulator/engine/price.h"
#include "simulator/ops/fields.h"

namespace ds::tuner {
namespace {

/// Calls fn(size) for every size of an operator.
template <class What, class Fn>
void for_each_size(What& what, Fn&& fn) {
  std::visit(
      [&](auto& one) {
        ops::for_each_field(one, [&](std::string_view, auto& field) {
          if constexpr (std::is_same_v<std::remove_cvref_t<decltype(field)>, std::int64_t>) fn(field);
        });
      },
      what);
}

std::int64_t scaled(std::int64_t one, std::int64_t two, std::int64_t n) { return one + (n - 1) * (two - one); }

}  // namespace

Probe::Probe(workload::Job job, const std::vector<std::int64_t>& layers, std::int64_t micro_batches)
    : job_(std::move(job)), micro_batches_(micro_batches) {
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
  program_ = lowered(1);
  one_ = sizes_of(program_);
}

program::Program Probe::lowered(std::int64_t micro_batch) {
  job_.plan.micro_batch = micro_batch;
  job_.train.global_batch = micro_batches_ * micro_batch * job_.plan.dp;
  return program::lower(job_);
}

Probe::Sizes Probe::sizes_of(const program::Program& program) {
  Sizes sizes{.ops = program.ops, .communications = {}};
  for (const program::Template& body : program.templates)
    for (const program::Instruction& instruction : body.body) sizes.communications.push_back(instruction.comm.bytes.bound);
  return sizes;
}

bool Probe::scale(std::int64_t micro_batch) {
  if (micro_batch > 1 && !two_) two_ = sizes_of(lowered(2));
  const Sizes& two = micro_batch > 1 ? *two_ : one_;
  if (two.ops.size() != one_.ops.size() || two.communications.size() != one_.communications.size()) return false;
  std::vector<std::int64_t> more;
  for (std::size_t i = 0; i < one_.ops.size(); ++i) {
    if (two.ops[i].what.index() != one_.ops[i].what.index() || two.ops[i].pass != one_.ops[i].pass) return false;
    ops::Op& op = program_.ops[i] = one_.ops[i];
    more.clear();
    for_each_size(two.ops[i].what, [&](std::int64_t size) { more.push_back(size); });
    auto next = more.begin();
    for_each_size(op.what, [&](std::int64_t& size) { size = scaled(size, *next++, micro_batch); });
  }
  std::size_t next = 0;
  for (program::Template& body : program_.templates)
    for (program::Instruction& instruction : body.body) {
      const std::int64_t bytes =
          scaled(one_.communications[next].value, two.communications[next].value, micro_batch);
      instruction.comm.bytes = {Bytes{bytes}, static_cast<double>(bytes)};
      ++next;
    }
  return true;
}

bool Probe::price(std::int64_t micro_batch, const program::Coordinates& extents, const cost::Machine& machine,
                  Zeroes zeroes) {
  if (!scale(micro_batch)) return false;
  // Priced as the large plan's: the last stage is its last, those in the middle its second.
  const program::Coordinates own = std::exchange(program_.extents, extents);
  const std::int32_t last = extents.pp - 1;
  for (program::RankClass& ranks : program_.classes)
    ranks.first.pp = ranks.first.pp + 1 == own.pp ? last : std::min({ranks.first.pp, 1, last});
  durations_ = engine::price(program_, job_, machine);
  program_.extents = own;
  for (std::size_t s = 0; s < program_.classes.size(); ++s) program_.classes[s].first.pp = static_cast<std::int32_t>(s);
  if (zeroes == Zeroes::left_out)
    for (std::size_t op = 0; op < program_.ops.size(); ++op)
      if (std::holds_alternative<ops::Zero>(program_.ops[op].what)) durations_.operators[op] = {};
  if (!collapsed_)
    collapsed_ = engine::collapse(program_, durations_);
  else
    engine::reprice(program_, durations_, *collapsed_);
  return true;
}

}  // namespace ds::tuner
