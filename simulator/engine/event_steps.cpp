// Machines are shared by plans: files are read once, and what one plan has found out about a communication all know.
#include "simulator/engine/event_steps.h"

#include "simulator/engine/machines.h"
#include "simulator/engine/predict.h"

namespace ds::engine {

struct EventSteps::Impl {
  explicit Impl(const cost::Profile& profile) : machines(profile) {}
  Machines machines;
};

EventSteps::EventSteps(const cost::Profile& profile) : impl_(std::make_unique<Impl>(profile)) {}
EventSteps::~EventSteps() = default;

Seconds EventSteps::step_time(const workload::Job& job) {
  const program::Program program = program::lower(job, program::Classes::per_stage, program::Hash::left_out);
  const cost::Machine& machine = *impl_->machines.of(job).machine;
  return step(program, price(program, machine), job, machine, workload::Depth::event);
}

}  // namespace ds::engine
