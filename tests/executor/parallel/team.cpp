#include "tests/executor/parallel/team.h"

#include <array>

namespace ds::support {
namespace {

using program::TrainedTensor;

std::vector<memory::Layout> layouts_of(const program::Program& program) {
  std::vector<memory::Layout> layouts;
  for (std::size_t c = 0; c < program.classes.size(); ++c) layouts.push_back(memory::layout(program, c));
  return layouts;
}

executor::Pool pool_for(const program::Program& program, const std::vector<memory::Layout>& layouts) {
  executor::PoolShape shape{.arenas = {}, .mailbox = {4096}};
  for (std::int32_t rank = 0; rank < program.grid.ranks(); ++rank)
    shape.arenas.push_back(layouts[program::class_of(program, rank)].arena);
  shape.channels =
      std::max<std::int32_t>(1, static_cast<std::int32_t>(executor::channels_of(program).size()));
  return executor::Pool::create(shape);
}

}  // namespace

Member::Member(const workload::Job& job, const program::Program& program, const memory::Layout& layout,
               std::int32_t its_rank, std::unique_ptr<executor::HostDevice> its_device,
               const MakeCommunicators& make_communicators)
    : rank(its_rank),
      communicators(make_communicators(*its_device)),
      owned(std::move(its_device)),
      device(*owned),
      binding(program, layout, rank, device),
      interpreter(program, rank, binding, device, communicators.get(), kernels::Library::simd) {
  executor::write_start_values(program, rank, binding, device, job.seed);
}

Team::Team(const workload::Job& job, program::Program program, MakeDevice make_device)
    : job_(job),
      program_(std::move(program)),
      layouts_(layouts_of(program_)),
      pool_(pool_for(program_, layouts_)) {
  for (std::int32_t rank = 0; rank < ranks(); ++rank) {
    const memory::Layout& layout = layouts_[program::class_of(program_, rank)];
    const auto communicators = [&](executor::HostDevice& device) {
      return std::make_unique<executor::PoolCommunicators>(pool_, device, program_, rank, Seconds{20});
    };
    members_.push_back(std::make_unique<Member>(
        job_, program_, layout, rank, make_device(pool_.arena(rank).data(), layout.arena), communicators));
  }
}

void Member::write_inputs(const workload::Job& job, const program::Program& program, std::int64_t number,
                          double rate) {
  const program::HostBuffers& host = program.classes[program::class_of(program, rank)].host;
  const program::Coordinates at = program.grid.at(rank);
  const std::int64_t own = job.train.sequence_length / job.plan.cp, tokens = job.plan.micro_batch * own;
  // Of two pipelines in opposite directions the first one's has the first half of the micro-batches; it begins at the first rank.
  const bool both_ways = job.plan.schedule == workload::Schedule::dualpipe;
  const auto all = static_cast<std::int32_t>(job.micro_batches()), each = both_ways ? all / 2 : all;
  const bool first_rank = at.pp == 0;
  const auto write = [&](program::BufferId buffer, std::int32_t begin, std::int64_t factor) {
    std::vector<std::int32_t> values(static_cast<std::size_t>(tokens));
    for (std::int32_t m = 0; m < each; ++m) {
      for (std::int64_t t = 0; t < tokens; ++t) {
        const std::int64_t row = (at.dp * all + begin + m) * job.plan.micro_batch + t / own;
        const std::int64_t place =
            number * 31 + row * 17 + ops::place_in_sequence(own, job.plan.cp, at.cp, t % own);
        values[static_cast<std::size_t>(t)] =
            static_cast<std::int32_t>((place * place + factor * place + factor / 5) % job.model.vocab);
      }
      device.write_values<std::int32_t>(binding.slot(buffer, m), values);
    }
  };
  constexpr program::BufferId kNone{-1};
  if (host.ids != kNone) write(host.ids, both_ways && !first_rank ? each : 0, 3);
  const std::int32_t targets_from = both_ways && first_rank ? each : 0;
  if (host.targets != kNone) write(host.targets, targets_from, 5);
  const program::RankClass& ranks = program.classes[program::class_of(program, rank)];
  std::int64_t factor = 7;  // of the tokens behind the next one
  for (std::int32_t b = ranks.buffers.first; b < ranks.buffers.first + ranks.buffers.count; ++b)
    if (const auto id = static_cast<program::BufferId>(b);
        program.buffer(id).name.starts_with("mtp") && program.buffer(id).name.ends_with("targets"))
      write(id, targets_from, factor++);
  const std::array control{rate, static_cast<double>(number + 1)};
  device.write_values<double>(binding.slot(host.control), control);
}

executor::StepResult Team::step(std::int64_t number, bool update, double rate) {
  std::vector<std::vector<program::Phase>> phases;
  for (program::RankClass& ranks : program_.classes) {
    phases.push_back(ranks.phases);
    if (!update) ranks.phases.pop_back();
  }
  std::vector<executor::StepResult> results(members_.size());
  executor::run_ranks(pool_, [&](std::int32_t rank) {
    members_[index(rank)]->write_inputs(job_, program_, number, rate);
    results[index(rank)] =
        members_[index(rank)]->interpreter.run_step(static_cast<std::int32_t>(number), nullptr);
  });
  for (std::size_t c = 0; c < phases.size(); ++c) program_.classes[c].phases = phases[c];
  for (const executor::StepResult& result : results) {
    const bool same = result.loss == results[0].loss && result.grad_norm == results[0].grad_norm;
    if (!same) throw std::logic_error("ranks disagree on loss or norm");
  }
  return results[0];
}

void Team::drain() {
  executor::run_ranks(pool_, [&](std::int32_t rank) { members_[index(rank)]->interpreter.drain(); });
}

std::vector<double> Team::read(std::int32_t rank, Bytes from, std::int64_t elements) {
  executor::Device& device = members_[index(rank)]->device;
  if (job_.plan.precision == workload::Precision::fp64) return device.read_values<double>(from, elements);
  const std::vector<float> narrow = device.read_values<float>(from, elements);
  return {narrow.begin(), narrow.end()};
}

template <class Elements>
Tensors Team::gather(Elements&& elements) {
  drain();
  Tensors tensors;
  for (std::int32_t rank = 0; rank < ranks(); ++rank) {
    const program::RankClass& ranks = program_.classes[program::class_of(program_, rank)];
    program::for_each_tensor(
        program_, ranks, [&](const TrainedTensor& tensor, std::int32_t copy, const std::string& name) {
          const graph::PartPlace part = program::part_of(program_.grid, tensor.cut, rank);
          std::vector<double>& whole = tensors[name];
          whole.resize(static_cast<std::size_t>(graph::logical_shape(tensor.shape, tensor.cut).elements()));
          const auto [first, values] = elements(rank, tensor, copy);
          for (std::size_t i = 0; i < values.size(); ++i)
            whole[static_cast<std::size_t>(graph::logical_element(
                tensor.shape, tensor.cut, part, first + static_cast<std::int64_t>(i)))] = values[i];
        });
  }
  return tensors;
}

Tensors Team::weights() {
  return gather([&](std::int32_t rank, const TrainedTensor& tensor, std::int32_t copy) {
    return std::pair(std::int64_t{0}, read(rank, members_[index(rank)]->binding.offset(tensor.weight, copy),
                                           tensor.shape.elements()));
  });
}

executor::Logical Team::state() {
  drain();
  executor::Logical state;
  for (std::int32_t rank = 0; rank < ranks(); ++rank) gather_state(rank, state);
  return state;
}

void Team::gather_state(std::int32_t rank, executor::Logical& into) {
  Member& member = *members_[index(rank)];
  executor::gather_state(program_, rank, member.binding, member.device, into);
}

void Team::load_state(const executor::Logical& state) {
  for (std::int32_t rank = 0; rank < ranks(); ++rank) {
    Member& member = *members_[index(rank)];
    executor::load_state(program_, rank, member.binding, member.device, state);
  }
}

Tensors Team::gradients() {
  return gather([&](std::int32_t rank, const TrainedTensor& tensor, std::int32_t copy) {
    const program::View& view = program_.view(tensor.gradient);
    const std::int64_t bucket = program_.buffer(view.buffer).size.bound.value / size_of(view.type);
    const std::int64_t shard = bucket / tensor.shards;
    const std::int64_t mine = program_.grid.index(tensor.shard_group, rank) % tensor.shards * shard;
    // The part of the tensor that lies in this rank's shard of the bucket.
    const std::int64_t begin = std::max<std::int64_t>(mine - tensor.first_in_bucket, 0);
    const std::int64_t end = std::min(mine + shard - tensor.first_in_bucket, tensor.shape.elements());
    if (begin >= end) return std::pair(std::int64_t{0}, std::vector<double>{});
    const Bytes from =
        members_[index(rank)]->binding.offset(tensor.gradient, copy) + Bytes{begin * size_of(view.type)};
    return std::pair(begin, read(rank, from, end - begin));
  });
}

}  // namespace ds::support
