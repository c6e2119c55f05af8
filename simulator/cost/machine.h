#pragma once
// The machine of a job, asked for seconds: CPU ranks by a profile that was measured there, GPUs by published figures.
//
//   const Machine machine(job, profile);
//   machine.time(op).seconds
//   machine.time({.what = Collective::all_reduce, .group = group, .bytes = Bytes{64 << 20}}).seconds

#include <memory>
#include <string>
#include <variant>

#include "simulator/cost/collective_time.h"
#include "simulator/cost/cost.h"
#include "simulator/cost/fitted.h"
#include "simulator/cost/gpu_operators.h"
#include "simulator/cost/host_communication.h"
#include "simulator/cost/host_launches.h"

namespace ds::cost {

/// A collective over the group, or one message between two.
struct Communication {
  bool message{false};
  collective::Collective what{};
  network::Group group;
  ops::RowExchange rows;  // of an all-to-all that takes each token to each node once
  Bytes bytes;            // of the whole, as CommunicationModel takes them
  // The one asked for, where the group can do the collective that way; else the library's choice, as NCCL takes NCCL_ALGO.
  collective::Algorithm algorithm{collective::Algorithm::automatic};
};

class Machine {
 public:
  /// `profile` serves jobs on CPUs and has to outlive the machine.
  Machine(const workload::Job& job, const Profile& profile, Fitted fitted = Fitted::all);
  /// Of another plan on the GPUs of `other`, whose communications and products it shares: what one has found
  /// out, both know.
  Machine(const workload::Job& job, const Machine& other);

  Estimate time(const ops::Op& op) const;
  Estimate time(const Communication& communication) const;

  /// What the host takes to launch it. On processors it is part of time().
  Seconds launch(const ops::Op& op, bool among_experts) const;
  Seconds launch_of_communication(bool among_experts) const;
  /// Whether the host waits for how many rows each expert has.
  bool host_waits_for_sizes() const;

  /// Whether ranks that communicate share links: GPUs do, in their node or its cards; between processes it is their own work.
  bool shares_links() const { return std::holds_alternative<Gpus>(kind_); }
  /// Ranks of a node, where they do.
  std::int64_t ranks_per_node() const { return gpus().gpus_per_node; }

  /// Which of the constants that were fitted on whole steps it has.
  Fitted fitted() const { return fitted_; }
  /// What mfu is a share of.
  FlopsPerSecond peak_per_rank() const;
  std::string peak_source() const;
  /// Cores that ranks share; infinite where each has a device of its own.
  double cores() const;

 private:
  struct Cpu {
    const Profile* profile;
    OperatorModel operators;
    HostCommunication communications;
  };
  struct Gpus {
    GpuOperators operators;
    std::shared_ptr<const CommunicationModel> communications;
    FittedConstants fitted;
    bool by_blocks{};  // products in 8 bits have scales of blocks
    std::int64_t gpus_per_node{1};
    HostLaunches launches;
  };
  const Gpus& gpus() const;

  Fitted fitted_{Fitted::all};
  std::variant<Cpu, Gpus> kind_;
};

}  // namespace ds::cost
