#include "executor/start_values.h"

#include <algorithm>
#include <cmath>

#include "simulator/base/error.h"
#include "simulator/base/hash.h"
#include "simulator/base/random.h"

namespace ds::executor {
namespace {

constexpr double kRopeBase = 10000;  // Su et al. 2021

template <class T>
void start_tensor(const program::TrainedTensor& tensor, const Binding& binding, std::uint64_t seed) {
  const std::span<T> weight = binding.tensor<T>(tensor.weight);
  switch (tensor.init) {
    case graph::Init::zero: std::ranges::fill(weight, T{0}); break;
    case graph::Init::one: std::ranges::fill(weight, T{1}); break;
    case graph::Init::normal: {
      const RandomStream random(seed, hash_of(tensor.name));
      for (std::size_t i = 0; i < weight.size(); ++i)
        weight[i] = static_cast<T>(tensor.deviation * random.normal(i));
      break;
    }
  }
  std::ranges::fill(binding.tensor<T>(tensor.first_moment), T{0});
  std::ranges::fill(binding.tensor<T>(tensor.second_moment), T{0});
}

/// table [sequence, head_dim]: cos(position * base^(-2 i / head_dim)) in the first half, sines in the second.
template <class T>
void write_rope_table(const ops::Rope& rope, T* table) {
  const std::int64_t half = rope.head_dim / 2;
  for (std::int64_t position = 0; position < rope.sequence; ++position)
    for (std::int64_t i = 0; i < half; ++i) {
      const double exponent = -2.0 * static_cast<double>(i) / static_cast<double>(rope.head_dim);
      const double angle = static_cast<double>(position) * std::pow(kRopeBase, exponent);
      table[position * rope.head_dim + i] = static_cast<T>(std::cos(angle));
      table[position * rope.head_dim + half + i] = static_cast<T>(std::sin(angle));
    }
}

template <class T>
void write_all(const program::Program& program, const Binding& binding, std::uint64_t seed) {
  for (const program::TrainedTensor& tensor : program.tensors) start_tensor<T>(tensor, binding, seed);
  for (const ops::Op& op : program.ops)
    if (const auto* rope = std::get_if<ops::Rope>(&op.what))
      write_rope_table(*rope, binding.as<T>(program.host.rope_table));
}

}  // namespace

void write_start_values(const program::Program& program, const Binding& binding, std::uint64_t seed) {
  ensure(!program.tensors.empty(), "a program trains something");
  const DataType type = program.view(program.tensors.front().weight).type;
  if (type == DataType::fp64)
    write_all<double>(program, binding, seed);
  else
    write_all<float>(program, binding, seed);
}

}  // namespace ds::executor
