// Draws weights element by element, each from its own place in the logical tensor.
#include "executor/start_values.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "executor/element_run.h"
#include "simulator/base/error.h"
#include "simulator/base/hash.h"
#include "simulator/base/random.h"

namespace ds::executor {
namespace {

constexpr double kRopeBase = 10000;  // Su et al. 2021

// Values are made on the host piece by piece: a whole table of GPT-2 would take 150 MB beside the arena.
constexpr std::int64_t kPiece = 1 << 16;

/// Writes elements of a buffer's only slot from `begin` on: element i becomes value(i).
template <class T, class Value>
void write_elements(Device& device, Bytes begin, std::int64_t elements, Value&& value) {
  std::vector<T> piece;
  for (std::int64_t first = 0; first < elements; first += kPiece) {
    piece.resize(static_cast<std::size_t>(std::min(kPiece, elements - first)));
    for (std::size_t i = 0; i < piece.size(); ++i)
      piece[i] = static_cast<T>(value(first + static_cast<std::int64_t>(i)));
    device.write_values<T>(begin + Bytes{first * static_cast<std::int64_t>(sizeof(T))}, piece);
  }
}

template <class T>
void start_tensor(const program::TrainedTensor& tensor, const ElementRun& run, const std::string& name,
                  const graph::PartPlace& part, Device& device, std::uint64_t seed) {
  const RandomStream random(seed, hash_of(name));
  write_elements<T>(device, run.begin, run.count, [&](std::int64_t i) {
    switch (tensor.init) {
      case graph::Init::zero: return 0.0;
      case graph::Init::one: return 1.0;
      case graph::Init::normal: {
        const std::int64_t place = graph::logical_element(tensor.shape, tensor.cut, part, run.first + i);
        return tensor.deviation * random.normal(static_cast<std::uint64_t>(place));
      }
    }
    return 0.0;
  });
}

/// Buckets have padding and moments, which begin as zero.
template <class T>
void clear_buffers(const program::Program& program, const program::RankClass& ranks, const Binding& binding,
                   Device& device) {
  for (std::int32_t b = ranks.buffers.first; b < ranks.buffers.first + ranks.buffers.count; ++b) {
    const program::Buffer& buffer = program.buffers[static_cast<std::size_t>(b)];
    const bool of_bucket = buffer.part == program::Part::weights || buffer.part == program::Part::optimizer;
    if (!of_bucket) continue;
    const std::int64_t elements = buffer.size.bound.value / static_cast<std::int64_t>(sizeof(T));
    for (std::int32_t copy = 0; copy < buffer.copies; ++copy)
      write_elements<T>(device, binding.slot_at({static_cast<program::BufferId>(b), copy}, 0), elements,
                        [](std::int64_t) { return 0.0; });
  }
}

/// Of the ranks that share a sequence out.
struct RankShare {
  std::int64_t ranks{}, rank{};
};

/// table [sequence, width]: cos(position * base^(-2 i / width)) in the first half, sines in the second; of the rank's tokens.
template <class T>
void write_rope_table(const ops::Rope& rope, const RankShare& share, program::BufferId buffer,
                      const Binding& binding, Device& device) {
  const std::int64_t width = rope.width(), half = width / 2;
  std::vector<T> table(static_cast<std::size_t>(rope.sequence * width));
  for (std::int64_t token = 0; token < rope.sequence; ++token) {
    const std::int64_t position = ops::place_in_sequence(rope.sequence, share.ranks, share.rank, token);
    for (std::int64_t i = 0; i < half; ++i) {
      const double exponent = -2.0 * static_cast<double>(i) / static_cast<double>(width);
      const double angle = static_cast<double>(position) * std::pow(kRopeBase, exponent);
      T* row = &table[static_cast<std::size_t>(token * width)];
      row[i] = static_cast<T>(std::cos(angle));
      row[half + i] = static_cast<T>(std::sin(angle));
    }
  }
  device.write_values<T>(binding.slot(buffer), table);
}

template <class T>
void write_all(const program::Program& program, std::int32_t rank, const Binding& binding, Device& device,
               std::uint64_t seed) {
  const program::RankClass& ranks = program.classes[program::class_of(program, rank)];
  clear_buffers<T>(program, ranks, binding, device);
  program::for_each_tensor(
      program, ranks, [&](const program::TrainedTensor& tensor, std::int32_t copy, const std::string& name) {
        start_tensor<T>(tensor, kept_weights(program, tensor, copy, rank, binding), name,
                        program::part_of(program.grid, tensor.cut, rank), device, seed);
      });
  if (ranks.host.rope_table == program::BufferId{-1}) return;
  const RankShare share{program.grid.size(program::Axis::cp), program.grid.at(rank).cp};
  for (const ops::Op& op : program.ops)
    if (const auto* rope = std::get_if<ops::Rope>(&op.what)) {
      write_rope_table<T>(*rope, share, ranks.host.rope_table, binding, device);
      return;
    }
}

}  // namespace

void write_start_values(const program::Program& program, std::int32_t rank, const Binding& binding,
                        Device& device, std::uint64_t seed) {
  ensure(!program.tensors.empty(), "a program trains something");
  const DataType type = program.view(program.tensors.front().weight).type;
  if (type == DataType::fp64)
    write_all<double>(program, rank, binding, device, seed);
  else
    write_all<float>(program, rank, binding, device, seed);
}

}  // namespace ds::executor
