#include "tuner/estimate/peak_probe.h"

#include <algorithm>
#include <tuple>
#include <utility>
#include <vector>

#include "simulator/base/error.h"
#include "simulator/memory/lifetimes.h"
#include "simulator/program/walk.h"

namespace ds::tuner {
namespace {

using program::Buffer;
using program::Life;
using program::Part;
using program::Program;
using workload::Job;

struct Probe {
  std::int64_t stages{}, micro_batch{1}, dp{1};
  std::vector<std::int64_t> layers;  // by stage
};

Job probe_job(const Job& base, const Probe& probe) {
  Job job = base;
  workload::Plan& plan = job.plan;
  plan.pp = probe.stages;
  plan.dp = plan.zero_group = probe.dp;
  plan.vpp = plan.cp = plan.ep = plan.etp = 1;
  plan.zero = 0;
  plan.schedule = workload::Schedule::one_f_one_b;
  plan.micro_batch = probe.micro_batch;
  plan.stage_layers.clear();
  for (const std::int64_t layers : probe.layers) plan.stage_layers.push_back({layers});
  job.train.global_batch = probe.micro_batch * probe.dp;
  return job;
}

Job with_key(const Job& base, const ChunkKey& key) {
  Job job = base;
  workload::Plan& plan = job.plan;
  plan.tp = plan.tp_columns = key.tp;
  plan.sequence_parallel = key.sequence_parallel;
  plan.overlap = {.p2p = key.receives_aside};
  plan.recompute = key.recompute;
  plan.precision = key.precision;
  plan.attention = key.attention;
  plan.dropout = key.dropout;
  return job;
}

Program lowered(const Job& job) {
  return program::unroll(program::lower(job, program::Classes::per_stage, program::Hash::left_out));
}

/// How buffers grow with the micro-batch, by what they are and how large for one sequence: learned from a program that was
/// lowered for one and for two sequences.
class Growth {
 public:
  Growth(const Program& one, const Program& two) {
    ensure(one.buffers.size() == two.buffers.size(), "the size of a micro-batch changes sizes alone");
    for (std::size_t b = 0; b < one.buffers.size(); ++b) {
      const std::int64_t bytes = one.buffers[b].size.bound.value;
      const std::int64_t more = two.buffers[b].size.bound.value - bytes;
      known_.push_back({key_of(one.buffers[b]), {more, bytes - more}});
    }
    std::ranges::sort(known_, {}, &Known::key);
    for (std::size_t i = 1; i < known_.size(); ++i)
      if (known_[i].key == known_[i - 1].key && known_[i].bytes != known_[i - 1].bytes)
        known_[i].unclear = known_[i - 1].unclear = true;
  }
  /// Nothing where no such buffer is known, or two that grow in different ways.
  std::optional<BatchBytes> of(const Buffer& buffer) const {
    const auto found = std::ranges::lower_bound(known_, key_of(buffer), {}, &Known::key);
    if (found == known_.end() || found->key != key_of(buffer) || found->unclear) return std::nullopt;
    return found->bytes;
  }

 private:
  using Key = std::tuple<Part, DataType, std::int64_t>;
  struct Known {
    Key key;
    BatchBytes bytes;
    bool unclear{false};
  };
  static Key key_of(const Buffer& buffer) { return {buffer.part, buffer.type, buffer.size.bound.value}; }
  std::vector<Known> known_;
};

/// Whether a buffer's size depends on the micro-batch: those of weights and gradients do not.
bool of_micro_batch(const Buffer& buffer) {
  return buffer.life == Life::slot || buffer.life == Life::call || buffer.host == program::Host::writes;
}

/// A program for micro-batches of one sequence, and how its buffers grow with more.
struct Lowered {
  Program program;
  std::vector<BatchBytes> sizes;  // by buffer

  /// Where `growth` does not know a buffer, a second program has to say.
  Lowered(const Job& base, Probe probe, const Growth* growth = nullptr)
      : program(lowered(probe_job(base, probe))), sizes(program.buffers.size()) {
    if (growth != nullptr && know(*growth)) return;
    probe.micro_batch = 2;
    const Program two = lowered(probe_job(base, probe));
    for (std::size_t b = 0; b < sizes.size(); ++b) {
      const std::int64_t bytes = program.buffers[b].size.bound.value;
      const std::int64_t more = two.buffers[b].size.bound.value - bytes;
      sizes[b] = {more, bytes - more};
    }
    learned.emplace(program, two);
  }
  BatchBytes bytes(program::BufferId buffer) const { return sizes[program::index(buffer)]; }

  std::optional<Growth> learned;

 private:
  bool know(const Growth& growth) {
    for (std::size_t b = 0; b < sizes.size(); ++b) {
      if (!of_micro_batch(program.buffers[b])) continue;
      const std::optional<BatchBytes> bytes = growth.of(program.buffers[b]);
      if (!bytes) return false;
      sizes[b] = *bytes;
    }
    return true;
  }
};

/// Instructions of a call, as positions of memory::Lifetimes; both belong to it.
struct Positions {
  std::int32_t first{1}, last{0};
};

/// One rank class of a probe: a step of one micro-batch.
class Reading {
 public:
  Reading(const Lowered& lowered, std::size_t rank_class)
      : lowered_(lowered),
        program_(lowered.program),
        ranks_(program_.classes[rank_class]),
        lives_(memory::lifetimes(program_, rank_class)) {
    std::int32_t next = 1;
    for (const program::Phase& phase : ranks_.phases)
      for (const program::Call& call : phase.calls) {
        const auto count = program::length_of(program_.body(call));
        calls_.push_back({next, next + count - 1});
        next += count;
      }
    for (const Buffer& buffer : program_.buffers_of(ranks_))
      if (buffer.part == Part::gradients) elements_.push_back(elements_of(buffer));
    std::ranges::sort(elements_);
    const auto twice = std::ranges::unique(elements_);
    elements_.erase(twice.begin(), twice.end());
  }

  /// Distinct sizes of gradient buffers.
  const std::vector<std::int64_t>& elements() const { return elements_; }

  std::vector<Level> forward() const { return levels(calls_[kForward]); }
  std::vector<Level> backward() const { return levels(calls_[kBackward]); }
  /// Of the norm, where nothing changes from layer to layer. The update begins nothing and only ends lives.
  std::vector<Level> rest() const {
    std::vector<Level> distinct = levels(calls_[kNorm]);
    const auto again = std::ranges::unique(distinct);
    distinct.erase(again.begin(), again.end());
    return distinct;
  }

  BatchBytes stash() const {
    BatchBytes sum;
    each_in_pass([&](const memory::Instance& instance, const memory::Interval& interval) {
      if (interval.begin <= calls_[kForward].last && interval.end > calls_[kForward].last)
        sum += lowered_.bytes(instance.buffer);
    });
    return sum;
  }

  /// Fills what does not depend on the layers.
  void describe(Chunk& chunk) const {
    const std::vector<unsigned> touched = calls_touching();
    for (std::size_t i = 0; i < lives_.instances.size(); ++i) {
      const memory::Instance& instance = lives_.instances[i];
      const Buffer& buffer = program_.buffer(instance.buffer);
      if (!aside(i) || buffer.life != Life::slot) continue;
      const bool kept = touched[program::index(instance.buffer)] == (1U << kForward | 1U << kBackward);
      (kept ? chunk.kept_slot : chunk.sent_slot) += lowered_.bytes(instance.buffer);
    }
    const program::HostBuffers& host = ranks_.host;
    if (host.ids != program::BufferId{-1}) chunk.ids = lowered_.bytes(host.ids);
    if (host.targets != program::BufferId{-1}) chunk.targets = lowered_.bytes(host.targets);
    if (host.losses != program::BufferId{-1}) chunk.loss = program_.buffer(host.losses).size.bound.value;
    for (const program::BufferId always : {host.control, host.rope_table})
      if (always != program::BufferId{-1}) chunk.constants += program_.buffer(always).size.bound.value;
    for (const Buffer& buffer : program_.buffers_of(ranks_))
      if (buffer.part == Part::other) chunk.dummy_gradients += buffer.size.bound;
    describe_widths(chunk);
  }

  Counts count(Part part) const {
    Counts counts{};
    for (const Buffer& buffer : program_.buffers_of(ranks_))
      if (buffer.part == part) ++counts[size_index(elements_of(buffer))];
    return counts;
  }

 private:
  // Calls of a step, in order.
  static constexpr std::size_t kForward = 0, kBackward = 1, kNorm = 2;
  static std::int64_t elements_of(const Buffer& buffer) {
    return buffer.size.bound.value / size_of(buffer.type);
  }
  std::size_t size_index(std::int64_t elements) const {
    return static_cast<std::size_t>(std::ranges::lower_bound(elements_, elements) - elements_.begin());
  }
  bool aside(std::size_t instance) const {
    const std::vector<memory::Interval>& alive = lives_.alive[instance];
    return !alive.empty() && alive.front().begin == 0;
  }

  /// What is alive at each position of a call.
  std::vector<Level> levels(Positions in) const {
    std::vector<Level> levels(static_cast<std::size_t>(in.last - in.first + 1));
    const auto each_of = [&](const memory::Interval& interval, const auto& change) {
      for (std::int32_t p = std::max(interval.begin, in.first); p <= std::min(interval.end, in.last); ++p)
        change(levels[static_cast<std::size_t>(p - in.first)]);
    };
    each_in_pass([&](const memory::Instance& instance, const memory::Interval& interval) {
      const BatchBytes bytes = lowered_.bytes(instance.buffer);
      each_of(interval, [&](Level& level) { level.bytes += bytes; });
    });
    for (std::size_t i = 0; i < lives_.instances.size(); ++i) {
      const program::BufferId id = lives_.instances[i].buffer;
      const Buffer& buffer = program_.buffer(id);
      if (buffer.life != Life::step || buffer.host == program::Host::writes) continue;
      const bool losses = id == ranks_.host.losses, gradient = buffer.part == Part::gradients;
      const std::size_t born = losses ? kLosses : gradient ? size_index(elements_of(buffer)) : 0;
      for (const memory::Interval& interval : lives_.alive[i])
        each_of(interval, [&](Level& level) {
          if (losses || gradient)
            ++level.born[born];
          else
            level.bytes.fixed += lives_.instances[i].bytes;
        });
    }
    return levels;
  }

  /// By buffer, a bit for each call.
  std::vector<unsigned> calls_touching() const {
    std::vector<unsigned> touched(program_.buffers.size(), 0);
    unsigned bit = 1;
    for (const program::Call& call : ranks_.phases.front().calls) {
      program::for_each_distinct(program_.body(call), [&](program::InstructionId id, std::int32_t) {
        program::for_each_use(program_, program_.instruction(id), [&](const program::Use& use) {
          touched[program::index(program_.view(use.view).buffer)] |= bit;
        });
      });
      bit <<= 1U;
    }
    return touched;
  }

  /// Activations and workspace that share their bytes with others: fn(instance, interval).
  template <class Fn>
  void each_in_pass(const Fn& fn) const {
    for (std::size_t i = 0; i < lives_.instances.size(); ++i) {
      const Life life = program_.buffer(lives_.instances[i].buffer).life;
      if ((life != Life::slot && life != Life::call) || aside(i)) continue;
      for (const memory::Interval& interval : lives_.alive[i]) fn(lives_.instances[i], interval);
    }
  }

  void describe_widths(Chunk& chunk) const {
    std::int64_t elements = 0, optimizer = 0;
    for (const Buffer& buffer : program_.buffers_of(ranks_)) {
      if (buffer.part == Part::weights) {
        elements += elements_of(buffer);
        chunk.weight_width = size_of(buffer.type);
      }
      if (buffer.part == Part::optimizer) optimizer += buffer.size.bound.value;
      if (buffer.part == Part::gradients) {
        chunk.gradient_type = buffer.type;
        chunk.gradient_width = size_of(buffer.type);
      }
    }
    if (elements > 0) chunk.optimizer_width = optimizer / elements;
  }

  const Lowered& lowered_;
  const Program& program_;
  const program::RankClass& ranks_;
  memory::Lifetimes lives_;
  std::vector<Positions> calls_;
  std::vector<std::int64_t> elements_;
};

BatchBytes less(const BatchBytes& a, const BatchBytes& b) {
  return {a.per_sequence - b.per_sequence, a.fixed - b.fixed};
}

std::array<Buffers, kSizes> buffers_of(const std::vector<std::int64_t>& elements, const Counts& one,
                                       const Counts& two) {
  std::array<Buffers, kSizes> buffers{};
  for (std::size_t i = 0; i < elements.size(); ++i) buffers[i] = {elements[i], one[i], two[i] - one[i]};
  return buffers;
}

/// From a class with one layer and the same with two.
std::optional<Chunk> grown(const Lowered& with_one, const Lowered& with_two, std::size_t rank_class) {
  const Reading one(with_one, rank_class), two(with_two, rank_class);
  if (one.elements() != two.elements() || one.elements().size() > kLosses) return std::nullopt;
  const auto forward = Profile::grown(one.forward(), two.forward());
  const auto backward = Profile::grown(one.backward(), two.backward());
  const auto rest = Profile::grown(one.rest(), two.rest());
  if (!forward || !backward || !rest) return std::nullopt;
  Chunk chunk{.forward = *forward, .backward = *backward, .rest = *rest};
  one.describe(chunk);
  chunk.stash = one.stash();
  chunk.stash_per_layer = less(two.stash(), chunk.stash);
  chunk.weights = buffers_of(one.elements(), one.count(Part::weights), two.count(Part::weights));
  chunk.gradients = buffers_of(one.elements(), one.count(Part::gradients), two.count(Part::gradients));
  return chunk;
}

/// Of a class without layers.
std::optional<Chunk> fixed(const Lowered& lowered, std::size_t rank_class) {
  const Reading reading(lowered, rank_class);
  if (reading.elements().size() > kLosses) return std::nullopt;
  Chunk chunk{.forward = Profile::fixed(reading.forward()),
              .backward = Profile::fixed(reading.backward()),
              .rest = Profile::fixed(reading.rest())};
  reading.describe(chunk);
  chunk.stash = reading.stash();
  const Counts weights = reading.count(Part::weights), gradients = reading.count(Part::gradients);
  chunk.weights = buffers_of(reading.elements(), weights, weights);
  chunk.gradients = buffers_of(reading.elements(), gradients, gradients);
  return chunk;
}

std::optional<std::array<Chunk, 3>> all_of(std::optional<Chunk> first, std::optional<Chunk> middle,
                                           std::optional<Chunk> last) {
  if (!first || !middle || !last) return std::nullopt;
  return std::array<Chunk, 3>{*std::move(first), *std::move(middle), *std::move(last)};
}

}  // namespace

Chunks probe_chunks(const Job& base, const ChunkKey& key) {
  const Job job = with_key(base, key);
  const Lowered whole_one(job, {.stages = 1, .layers = {1}});
  const Growth* const growth = whole_one.learned
                                   ? &*whole_one.learned
                                   : nullptr;  // a chunk in a pipeline has tensors of the same sizes
  const Lowered whole_two(job, {.stages = 1, .layers = {2}}, growth);
  const Lowered one(job, {.stages = 3, .layers = {1, 1, 1}}, growth);
  const Lowered two(job, {.stages = 3, .layers = {2, 2, 2}}, growth);
  return {grown(whole_one, whole_two, 0), all_of(grown(one, two, 0), grown(one, two, 1), grown(one, two, 2))};
}

std::optional<std::array<Chunk, 3>> probe_empty_ends(const Job& base, const ChunkKey& key) {
  const Lowered empty(with_key(base, key), {.stages = 3, .layers = {0, 1, 0}});
  return all_of(fixed(empty, 0), fixed(empty, 1), fixed(empty, 2));
}

DataParallel probe_data_parallel(const Job& base, int zero, const workload::Overlap& overlap) {
  Job job = probe_job(base, {.stages = 1, .dp = 2, .layers = {1}});
  job.plan.tp = job.plan.tp_columns = 1;
  job.plan.sequence_parallel = false;
  job.plan.zero = zero;
  job.plan.overlap = overlap;
  const Program program = lowered(job);
  const memory::Lifetimes lives = memory::lifetimes(program, 0);
  DataParallel result{.sharded = program.tensors.front().shards > 1};
  for (std::size_t i = 0; i < lives.instances.size(); ++i)
    if (program.buffer(lives.instances[i].buffer).part == Part::gradients)
      result.aside |= lives.alive[i].front().begin == 0;
  return result;
}

}  // namespace ds::tuner
