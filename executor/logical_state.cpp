// Between the parts that ranks hold and whole logical tensors: gathers and loads run by run.
#include "executor/logical_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "executor/element_run.h"
#include "simulator/base/error.h"

namespace ds::executor {
namespace {

using program::TrainedTensor;

// Elements that are copied at once: the host holds the logical tensors and no second copy of a rank's part.
constexpr std::int64_t kPiece = 1 << 16;

std::string_view name_of(State state) {
  switch (state) {
    case State::weight: return "weight";
    case State::first_moment: return "first moment";
    case State::second_moment: return "second moment";
  }
  return "?";
}

ops::Shape real_shape(const TrainedTensor& tensor) {
  ops::Shape shape = graph::logical_shape(tensor.shape, tensor.cut);
  shape.size[0] -= tensor.cut.padding_rows;
  return shape;
}

ElementRun run_of(const program::Program& program, const TrainedTensor& tensor, State state,
                  std::int32_t copy, std::int32_t rank, const Binding& binding) {
  switch (state) {
    case State::weight:
      ensure(tensor.master == program::BufferId{-1}, "weights of the working type are those trained");
      return kept_weights(program, tensor, copy, rank, binding);
    case State::first_moment: return in_shard(program, tensor, tensor.first_moment, copy, rank, binding);
    case State::second_moment: return in_shard(program, tensor, tensor.second_moment, copy, rank, binding);
  }
  return {};
}

const program::RankClass& class_at(const program::Program& program, std::int32_t rank) {
  return program.classes[program::class_of(program, rank)];
}

/// Visits a run in pieces: fn(first element of the part, elements, offset).
template <class Fn>
void for_each_piece(const ElementRun& run, Fn&& fn) {
  for (std::int64_t done = 0; done < run.count; done += kPiece)
    fn(run.first + done, std::min(kPiece, run.count - done), run.begin + Bytes{done * size_of(run.type)});
}

/// Where the elements of a rank's part lie in the logical tensor.
struct Places {
  const TrainedTensor& tensor;
  graph::PartPlace part;
  std::size_t operator()(std::int64_t element) const {
    return static_cast<std::size_t>(graph::logical_element(tensor.shape, tensor.cut, part, element));
  }
};

/// Calls fn(T{}) with the type that a run is stored in.
template <class Fn>
void by_type(const ElementRun& run, Fn&& fn) {
  ensure(run.type == DataType::fp32 || run.type == DataType::fp64, "states are fp32 or fp64");
  if (run.type == DataType::fp64)
    fn(double{});
  else
    fn(float{});
}

template <class T>
void gather_run(const ElementRun& run, const Places& place, Device& device, LogicalState& into) {
  for_each_piece(run, [&](std::int64_t first, std::int64_t count, Bytes begin) {
    const std::vector<T> values = device.read_values<T>(begin, count);
    for (std::size_t i = 0; i < values.size(); ++i) {
      const std::size_t at = place(first + static_cast<std::int64_t>(i));
      if (at >= into.values.size()) continue;  // padding comes last
      into.values[at] = static_cast<double>(values[i]);
      into.missing -= into.given[at] ? 0 : 1;
      into.given[at] = true;
    }
  });
}

template <class T>
void load_run(const ElementRun& run, const Places& place, Device& device, const LogicalState& from) {
  for_each_piece(run, [&](std::int64_t first, std::int64_t count, Bytes begin) {
    std::vector<T> values(static_cast<std::size_t>(count));
    std::size_t real = 0;
    for (; real < values.size(); ++real) {
      const std::size_t at = place(first + static_cast<std::int64_t>(real));
      if (at >= from.values.size()) break;  // padding comes last, in the rank's part as well
      values[real] = static_cast<T>(from.values[at]);
    }
    device.write_values<T>(begin, std::span(values).first(real));
  });
}

/// The tensor to give to; empty at first.
LogicalTensor& entry(Logical& into, const TrainedTensor& tensor, const std::string& name) {
  const auto [found, is_new] = into.try_emplace(name);
  LogicalTensor& logical = found->second;
  const ops::Shape shape = real_shape(tensor);
  if (is_new) {
    const auto elements = static_cast<std::size_t>(shape.elements());
    logical.shape = shape;
    for (LogicalState& state : logical.states)
      state = {std::vector<double>(elements), std::vector<bool>(elements), shape.elements()};
  }
  ensure(logical.shape == shape, "ranks of one program agree on the shape of a logical tensor");
  return logical;
}

std::string text_of(const ops::Shape& shape) {
  return fmt::format("[{}]", fmt::join(shape.size.begin(), shape.size.begin() + shape.rank, ", "));
}

/// Throws where the tensor cannot be loaded.
void expect_whole(const Logical& from, const TrainedTensor& tensor, const std::string& name) {
  const auto found = from.find(name);
  if (found == from.end())
    throw InputError(name, "the trained state lacks this tensor, which the program trains",
                     "state of the same model can be loaded");
  const LogicalTensor& logical = found->second;
  if (const ops::Shape shape = real_shape(tensor); logical.shape != shape)
    throw InputError(name,
                     fmt::format("its trained state has the shape {}, the program's tensor {}",
                                 text_of(logical.shape), text_of(shape)),
                     "state of the same model can be loaded");
  for (const State state : kStates)
    if (const std::int64_t missing = logical.states[static_cast<std::size_t>(state)].missing; missing > 0)
      throw InputError(name,
                       fmt::format("{} of {} elements of its {} are missing", missing,
                                   logical.shape.elements(), name_of(state)),
                       "every rank of the program before gives its part");
}

}  // namespace

void gather_state(const program::Program& program, std::int32_t rank, const Binding& binding, Device& device,
                  Logical& into) {
  program::for_each_tensor(
      program, class_at(program, rank),
      [&](const TrainedTensor& tensor, std::int32_t copy, const std::string& name) {
        LogicalTensor& logical = entry(into, tensor, name);
        const graph::PartPlace part = program::part_of(program.grid, tensor.cut, rank);
        for (const State state : kStates) {
          LogicalState& values = logical.states[static_cast<std::size_t>(state)];
          if (values.missing == 0) continue;
          const ElementRun run = run_of(program, tensor, state, copy, rank, binding);
          by_type(run, [&](auto type) { gather_run<decltype(type)>(run, {tensor, part}, device, values); });
        }
      });
}

void load_state(const program::Program& program, std::int32_t rank, const Binding& binding, Device& device,
                const Logical& from) {
  const program::RankClass& ranks = class_at(program, rank);
  program::for_each_tensor(program, ranks,
                           [&](const TrainedTensor& tensor, std::int32_t, const std::string& name) {
                             expect_whole(from, tensor, name);
                           });
  program::for_each_tensor(
      program, ranks, [&](const TrainedTensor& tensor, std::int32_t copy, const std::string& name) {
        const graph::PartPlace part = program::part_of(program.grid, tensor.cut, rank);
        for (const State state : kStates) {
          const LogicalState& values = from.at(name).states[static_cast<std::size_t>(state)];
          const ElementRun run = run_of(program, tensor, state, copy, rank, binding);
          by_type(run, [&](auto type) { load_run<decltype(type)>(run, {tensor, part}, device, values); });
        }
      });
}

}  // namespace ds::executor
