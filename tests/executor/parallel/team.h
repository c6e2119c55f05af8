#pragma once
// All ranks of a plan as threads of the test, over one pool: what they hold together is put together again.

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "executor/binding.h"
#include "executor/device/cpu_device.h"
#include "executor/interpreter.h"
#include "executor/logical_state.h"
#include "executor/pool/pool_communicators.h"
#include "executor/start_values.h"
#include "simulator/memory/memory.h"
#include "simulator/program/program.h"
#include "tests/executor/pool/threads.h"
#include "tests/support/jobs.h"

namespace ds::support {

/// Logical tensors by name.
using Tensors = std::map<std::string, std::vector<double>>;

/// One rank with all that it needs, whatever its communicators talk over.
struct Member {
  using MakeCommunicators =
      std::function<std::unique_ptr<executor::Communicators>(executor::HostDevice& device)>;
  /// The device has as much memory as the layout asks for.
  Member(const workload::Job& job, const program::Program& program, const memory::Layout& layout,
         std::int32_t rank, std::unique_ptr<executor::HostDevice> device,
         const MakeCommunicators& make_communicators);

  /// Tokens that depend on the step's number alone, not on how sequences are cut over ranks.
  void write_inputs(const workload::Job& job, const program::Program& program, std::int64_t step,
                    double rate);

  std::int32_t rank;
  std::unique_ptr<executor::Communicators>
      communicators;  // outlives the device, which may still work with it
  std::unique_ptr<executor::HostDevice> owned;
  executor::HostDevice& device;
  executor::Binding binding;
  executor::Interpreter interpreter;
};

class Team {
 public:
  /// A device over memory that outlives it.
  using MakeDevice = std::unique_ptr<executor::HostDevice> (*)(std::byte* memory, Bytes size);
  static std::unique_ptr<executor::HostDevice> one_core(std::byte* memory, Bytes size) {
    return std::make_unique<executor::CpuDevice>(memory, size);
  }

  /// `program`: lowered from the job, perhaps changed since.
  Team(const workload::Job& job, program::Program program, MakeDevice make_device = one_core);
  explicit Team(const workload::Job& job, MakeDevice make_device = one_core)
      : Team(job, program::lower(job), make_device) {}

  /// A step with tokens that depend on its number alone, not on how sequences are cut over ranks. Without `update`, gradients
  /// stand in their buffers and weights are as before.
  executor::StepResult step(std::int64_t number, bool update = true, double rate = 1e-2);

  /// Gradients of whole tensors after a step without update, as the optimizer would take them.
  Tensors gradients();
  Tensors weights();

  /// Trained state of all ranks, and training on from that of another team.
  executor::Logical state();
  void gather_state(std::int32_t rank, executor::Logical& into);
  void load_state(const executor::Logical& state);

  std::int32_t ranks() const { return program_.grid.ranks(); }
  Bytes highest_byte(std::int32_t rank) const { return members_[index(rank)]->binding.highest_byte(); }
  Bytes predicted(std::int32_t rank) const { return layouts_[program::class_of(program_, rank)].arena; }
  const program::Program& program() const { return program_; }

 private:
  static std::size_t index(std::int32_t rank) { return static_cast<std::size_t>(rank); }
  /// Nothing is under way on any rank.
  void drain();
  std::vector<double> read(std::int32_t rank, Bytes from, std::int64_t elements);
  /// Puts the elements that a rank holds of each of its tensors into the logical ones.
  template <class Elements>
  Tensors gather(Elements&& elements);

  workload::Job job_;
  program::Program program_;
  std::vector<memory::Layout> layouts_;  // by class
  executor::Pool pool_;
  std::vector<std::unique_ptr<Member>> members_;
};

}  // namespace ds::support
