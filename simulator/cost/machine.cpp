// Asks the model that serves this machine: profile, GPU operators or communications.
#include "simulator/cost/machine.h"

#include <algorithm>
#include <limits>

#include "simulator/base/error.h"

namespace ds::cost {
namespace {

/// Ranks that compute at once.
std::int64_t active(const workload::Job& job, const Profile& profile) {
  return std::min(job.cluster.ranks(), std::max<std::int64_t>(profile.cores, 1));
}

double factor_of(const ops::Op& op, const FittedConstants& fitted, bool by_blocks) {
  if (ops::is_on_host(op.what)) return 1;
  if (ops::multiplies_in_fp8(op.what)) return by_blocks ? fitted.block_products : fitted.narrow_products;
  if (ops::is_linear(op.what)) return fitted.products;
  return ops::is_attention(op.what) ? fitted.attention : fitted.memory_bound;
}

/// The library's run into the same limits of a whole step with scales of blocks as without.
bool by_blocks(const workload::Job& job) { return block_products_of(job) == BlockProducts::own; }

}  // namespace

Machine::Machine(const workload::Job& job, const Profile& profile, Fitted fitted)
    : fitted_(fitted),
      kind_(job.cluster.cpu()
                ? std::variant<Cpu, Gpus>(std::in_place_type<Cpu>, &profile,
                                          OperatorModel(profile, active(job, profile)),
                                          HostCommunication(profile))
                : std::variant<Cpu, Gpus>(std::in_place_type<Gpus>, GpuOperators(job),
                                          std::make_shared<const CommunicationModel>(job.cluster),
                                          read_fitted(job, fitted), by_blocks(job),
                                          job.cluster.groups.front().node.gpus_per_node, HostLaunches(job))) {
}

Machine::Machine(const workload::Job& job, const Machine& other)
    : fitted_(other.fitted_),
      kind_(std::in_place_type<Gpus>, GpuOperators(job, other.gpus().operators), other.gpus().communications,
            other.gpus().fitted, by_blocks(job), other.gpus().gpus_per_node, HostLaunches(job)) {}

const Machine::Gpus& Machine::gpus() const {
  const Gpus* gpus = std::get_if<Gpus>(&kind_);
  ensure(gpus != nullptr, "communications of GPUs are shared");
  return *gpus;
}

Estimate Machine::time(const ops::Op& op) const {
  if (const Cpu* cpu = std::get_if<Cpu>(&kind_)) return cpu->operators.time(op);
  const Gpus& gpus = std::get<Gpus>(kind_);
  Estimate estimate = gpus.operators.time(op);
  estimate.seconds = estimate.seconds * factor_of(op, gpus.fitted, gpus.by_blocks);
  return estimate;
}

Estimate Machine::time(const Communication& communication) const {
  if (const Cpu* cpu = std::get_if<Cpu>(&kind_))
    return cpu->communications.time(communication.message, communication.what, communication.group.size(),
                                    communication.bytes);
  const Gpus& gpus = std::get<Gpus>(kind_);
  const bool as_asked =
      gpus.communications->has(communication.what, communication.algorithm, communication.group);
  const auto algorithm = as_asked ? communication.algorithm : collective::Algorithm::automatic;
  Estimate estimate =
      communication.rows.top_k > 0
          ? gpus.communications->dispatch(communication.rows, communication.group, communication.bytes)
                .estimate
      : communication.message
          ? gpus.communications->point_to_point(communication.group, communication.bytes).estimate
          : gpus.communications
                ->collective(communication.what, algorithm, communication.group, communication.bytes)
                .estimate;
  estimate.seconds =
      estimate.seconds * (communication.group.leaves_node(gpus.gpus_per_node) ? gpus.fitted.links_across
                                                                              : gpus.fitted.links_inside);
  return estimate;
}

Seconds Machine::launch(const ops::Op& op, bool among_experts) const {
  const Gpus* gpus = std::get_if<Gpus>(&kind_);
  return gpus == nullptr ? Seconds{} : gpus->launches.time(op, among_experts);
}

Seconds Machine::launch_of_communication(bool among_experts) const {
  const Gpus* gpus = std::get_if<Gpus>(&kind_);
  return gpus == nullptr ? Seconds{} : gpus->launches.communication(among_experts);
}

bool Machine::host_waits_for_sizes() const {
  const Gpus* gpus = std::get_if<Gpus>(&kind_);
  return gpus != nullptr && gpus->launches.waits_for_sizes();
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
