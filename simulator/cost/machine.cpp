#include "simulator/cost/machine.h"

#include <algorithm>
#include <limits>
#include <vector>

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

/// Whether a group has members in several nodes.
bool leaves_node(const network::Group& group, std::int64_t gpus_per_node) {
  const std::vector<std::int32_t> ranks = group.ranks();
  return std::ranges::any_of(
      ranks, [&](std::int32_t rank) { return rank / gpus_per_node != ranks.front() / gpus_per_node; });
}

}  // namespace

Machine::Machine(const workload::Job& job, const Profile& profile, Fitted fitted)
    : kind_(job.cluster.cpu()
                ? std::variant<Cpu, Gpus>(std::in_place_type<Cpu>, &profile, OperatorModel(profile))
                : std::variant<Cpu, Gpus>(std::in_place_type<Gpus>, GpuOperators(job),
                                          CommunicationModel(job.cluster), read_fitted(job, fitted),
                                          job.cluster.groups.front().node.gpus_per_node)) {}

Estimate Machine::time(const ops::Op& op) const {
  if (const Cpu* cpu = std::get_if<Cpu>(&kind_)) return cpu->operators.time(op);
  const Gpus& gpus = std::get<Gpus>(kind_);
  const bool product =
      std::holds_alternative<ops::Linear>(op.what) || std::holds_alternative<ops::Attention>(op.what);
  Estimate estimate = gpus.operators.time(op);
  estimate.seconds = estimate.seconds * (product ? gpus.fitted.products : gpus.fitted.memory_bound);
  return estimate;
}

Estimate Machine::time(const Communication& communication) const {
  if (const Cpu* cpu = std::get_if<Cpu>(&kind_)) return rough(*cpu->profile, communication);
  const Gpus& gpus = std::get<Gpus>(kind_);
  Estimate estimate =
      communication.message
          ? gpus.communications.point_to_point(communication.group, communication.bytes).estimate
          : gpus.communications
                .collective(communication.what, Method::automatic, communication.group, communication.bytes)
                .estimate;
  estimate.seconds =
      estimate.seconds * (leaves_node(communication.group, gpus.gpus_per_node) ? gpus.fitted.links_across
                                                                               : gpus.fitted.links_inside);
  return estimate;
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
