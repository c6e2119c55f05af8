#include "simulator/cost/machine.h"

#include <limits>

namespace ds::cost {
namespace {

// Of a communication between processes that nobody has measured: a few microseconds, and every byte read and written once.
constexpr double kRoughLatency = 5e-6, kPasses = 2, kRoughSigma = 0.5;

Estimate rough(const Profile& profile, const Communication& communication) {
  if (communication.group.size() == 1) return {.source = Source::roofline};
  const double moving =
      kPasses * static_cast<double>(communication.bytes.value) / profile.memory_bandwidth.value;
  return {.seconds = Seconds{kRoughLatency + moving}, .sigma = kRoughSigma, .source = Source::roofline};
}

}  // namespace

Machine::Machine(const workload::Job& job, const Profile& profile)
    : kind_(job.cluster.cpu()
                ? std::variant<Cpu, Gpus>(std::in_place_type<Cpu>, &profile, OperatorModel(profile))
                : std::variant<Cpu, Gpus>(std::in_place_type<Gpus>, GpuOperators(job),
                                          CommunicationModel(job.cluster))) {}

Estimate Machine::time(const ops::Op& op) const {
  return std::visit([&](const auto& kind) { return kind.operators.time(op); }, kind_);
}

Estimate Machine::time(const Communication& communication) const {
  if (const Cpu* cpu = std::get_if<Cpu>(&kind_)) return rough(*cpu->profile, communication);
  const CommunicationModel& model = std::get<Gpus>(kind_).communications;
  if (communication.message) return model.point_to_point(communication.group, communication.bytes).estimate;
  return model.collective(communication.what, Method::automatic, communication.group, communication.bytes)
      .estimate;
}

FlopsPerSecond Machine::peak_per_rank() const {
  if (const Cpu* cpu = std::get_if<Cpu>(&kind_)) return cpu->profile->gemm_peak;
  return std::get<Gpus>(kind_).operators.peak();
}

std::string Machine::peak_source() const {
  return std::holds_alternative<Cpu>(kind_) ? "best GEMM rate of one core in the profile"
                                            : "dense rate of the GPU's datasheet in the training precision";
}

double Machine::cores() const {
  if (const Cpu* cpu = std::get_if<Cpu>(&kind_)) return static_cast<double>(cpu->profile->cores);
  return std::numeric_limits<double>::infinity();
}

}  // namespace ds::cost
