#pragma once
// A rank that tests can look into: program, arena, interpreter, with tokens drawn from a formula.

#include <algorithm>
#include <array>
#include <span>
#include <vector>

#include "executor/arena.h"
#include "executor/device/cpu_device.h"
#include "executor/interpreter.h"
#include "executor/start_values.h"
#include "simulator/memory/memory.h"
#include "simulator/program/program.h"
#include "tests/support/jobs.h"

namespace ds::support {

class Trainer {
 public:
  explicit Trainer(const workload::Job& job, kernels::Library library = kernels::Library::simd)
      : program_(program::lower(job)),
        layout_(memory::layout(program_, 0)),
        arena_(layout_.arena),
        device_(arena_.base(), arena_.size()),
        binding_(program_, layout_, 0, device_),
        interpreter_(program_, 0, binding_, device_, nullptr, library),
        tokens_(job.micro_batch_tokens()),
        sequence_(job.train.sequence_length),
        vocab_(job.model.vocab) {
    executor::write_start_values(program_, 0, binding_, device_, job.seed);
  }

  /// Tokens that repeat and that differ from step to step and sequence to sequence; how sequences are cut into
  /// micro-batches does not matter.
  void write_tokens(std::int64_t step) {
    std::vector<std::int32_t> ids(static_cast<std::size_t>(tokens_)), targets(ids.size());
    for (std::int32_t m = 0; m < program_.micro_batches; ++m) {
      for (std::int64_t t = 0; t < tokens_; ++t) {
        const std::int64_t sequence = (m * tokens_ + t) / sequence_;
        const std::int64_t at = step * 31 + sequence * 17 + t % sequence_;
        ids[static_cast<std::size_t>(t)] = static_cast<std::int32_t>((at * at + 3 * at) % vocab_);
        targets[static_cast<std::size_t>(t)] = static_cast<std::int32_t>((at * at + 5 * at + 1) % vocab_);
      }
      device_.write_values<std::int32_t>(binding_.slot(program_.classes[0].host.ids, m), ids);
      device_.write_values<std::int32_t>(binding_.slot(program_.classes[0].host.targets, m), targets);
    }
  }

  executor::StepResult step(std::int64_t number, double rate = 1e-2) {
    write_tokens(number);
    const std::array control{rate, static_cast<double>(number + 1)};
    device_.write_values<double>(binding_.slot(program_.classes[0].host.control), control);
    return interpreter_.run_step(static_cast<std::int32_t>(number), nullptr);
  }

  /// Forward, backward and norm, without the update: gradients stand in their buffers, weights are as before.
  executor::StepResult gradients_only(std::int64_t number) {
    std::vector<program::Phase>& phases = program_.classes[0].phases;
    const program::Phase update = phases.back();
    phases.pop_back();
    const executor::StepResult result = step(number);
    phases.push_back(update);
    return result;
  }

  double forward() { return interpreter_.run_forward(); }

  std::vector<double> weights() {
    std::vector<double> all;
    for (const Tensor& tensor : tensors()) {
      const std::vector<double> one = values(tensor.weight);
      all.insert(all.end(), one.begin(), one.end());
    }
    return all;
  }

  /// A view, of a tensor in layers that of one of them.
  struct Place {
    program::ViewId view{};
    std::int32_t copy{};
  };
  struct Tensor {
    std::string name;
    Place weight, gradient;
  };
  std::vector<Tensor> tensors() const {
    std::vector<Tensor> list;
    program::for_each_tensor(
        program_, program_.classes[0],
        [&](const program::TrainedTensor& tensor, std::int32_t copy, const std::string& name) {
          list.push_back({name, {tensor.weight, copy}, {tensor.gradient, copy}});
        });
    return list;
  }
  Tensor tensor(std::string_view name) const {
    const std::vector<Tensor> all = tensors();
    return *std::ranges::find(all, name, &Tensor::name);
  }

  std::vector<double> values(Place place) {
    const program::View& v = program_.view(place.view);
    const Bytes at = binding_.offset(place.view, place.copy);
    if (v.type == DataType::fp64) return device_.read_values<double>(at, v.shape.elements());
    const std::vector<float> narrow = device_.read_values<float>(at, v.shape.elements());
    return {narrow.begin(), narrow.end()};
  }
  /// Overwrites elements of a tensor of an fp64 program, from element `first` on.
  void set_values(Place place, std::int64_t first, std::span<const double> values) {
    device_.write_values<double>(binding_.offset(place.view, place.copy) + Bytes{first * 8}, values);
  }

  const program::Program& program() const { return program_; }
  const executor::Binding& binding() const { return binding_; }
  const memory::Layout& layout() const { return layout_; }

 private:
  program::Program program_;
  memory::Layout layout_;
  executor::Arena arena_;
  executor::CpuDevice device_;
  executor::Binding binding_;
  executor::Interpreter interpreter_;
  std::int64_t tokens_, sequence_, vocab_;
};

}  // namespace ds::support
