#pragma once
// A rank that tests can look into: program, arena, interpreter, with tokens drawn from a formula.

#include <memory>
#include <span>
#include <vector>

#include "executor/arena.h"
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
        binding_(program_, layout_, arena_),
        interpreter_(program_, binding_, library),
        tokens_(job.micro_batch_tokens()),
        vocab_(job.model.vocab) {
    executor::write_start_values(program_, binding_, job.seed);
  }

  /// Tokens that repeat and that differ from step to step and micro-batch to micro-batch.
  void write_tokens(std::int64_t step) {
    for (std::int32_t m = 0; m < program_.micro_batches; ++m)
      for (std::int64_t t = 0; t < tokens_; ++t) {
        const std::int64_t at = step * 31 + m * 17 + t;
        ids(m)[t] = static_cast<std::int32_t>((at * at + 3 * at) % vocab_);
        targets(m)[t] = static_cast<std::int32_t>((at * at + 5 * at + 1) % vocab_);
      }
  }

  executor::StepResult step(std::int64_t number, double rate = 1e-2) {
    write_tokens(number);
    auto* control = binding_.as<double>(program_.host.control);
    control[0] = rate;
    control[1] = static_cast<double>(number + 1);
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

  std::vector<double> weights() const {
    std::vector<double> all;
    for (const program::TrainedTensor& tensor : program_.tensors) {
      const std::vector<double> one = values(tensor.weight);
      all.insert(all.end(), one.begin(), one.end());
    }
    return all;
  }

  std::vector<double> values(program::ViewId view) const {
    if (program_.view(view).type == DataType::fp64) {
      const std::span<double> v = binding_.tensor<double>(view);
      return {v.begin(), v.end()};
    }
    const std::span<float> v = binding_.tensor<float>(view);
    return {v.begin(), v.end()};
  }

  std::int32_t* ids(std::int32_t m) const { return binding_.as<std::int32_t>(program_.host.ids, m); }
  std::int32_t* targets(std::int32_t m) const { return binding_.as<std::int32_t>(program_.host.targets, m); }
  const program::Program& program() const { return program_; }
  const executor::Binding& binding() const { return binding_; }
  const memory::Layout& layout() const { return layout_; }
  const executor::Arena& arena() const { return arena_; }

 private:
  program::Program program_;
  memory::Layout layout_;
  executor::Arena arena_;
  executor::Binding binding_;
  executor::Interpreter interpreter_;
  std::int64_t tokens_, vocab_;
};

}  // namespace ds::support
