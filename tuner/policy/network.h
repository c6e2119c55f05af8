#pragma once
// The learned part of a tuner, as the rest of the program sees it. It is built with LibTorch into a library of its own
// (network_library.h beside this), which is loaded when somebody asks for it.
//
// A network says of a plan by how much its step exceeds the bound of its work, and how sure that is; what becomes of the first
// plans of a job corrects it for the rest. The order in which plans are asked for is the policy.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace ds::tuner {

/// Plans of one job, flat: of each as many features as the network has inputs, and the logarithm of the bound of its work.
struct PlanRows {
  std::vector<float> features, log_bounds;
  std::size_t size() const { return log_bounds.size(); }
};

/// Plans of one job with the logarithms of their steps, to learn from.
struct Lesson {
  PlanRows plans;
  std::vector<float> log_steps;
};

/// Told from time to time: share done, and a figure that should fall.
using Watch = std::function<void(double share, double figure)>;

/// To foresee steps, and which of a job's plans are fastest.
struct Imitation {
  int rounds{4000};
  int lessons{8}, plans{256};  // of a round
  double rate{2e-3};
  std::uint64_t seed{1};
  Watch watch;  // the loss
};

/// To choose plans one by one so that the best comes early: REINFORCE (Williams 1992), each rollout against the mean of the
/// others (Kool et al. 2019, "Buy 4 REINFORCE samples, get a baseline for free!").
struct Reinforcement {
  int rounds{400};
  int lessons{4}, plans{256}, rollouts{16}, choices{12};
  double rate{3e-4};
  double entropy{0.003};
  std::uint64_t seed{1};
  Watch watch;  // mean regret over the choices
};

/// Plans of one search, in the order in which the policy would ask for them. Equal questions have equal answers.
class Ranking {
 public:
  Ranking() = default;
  Ranking(const Ranking&) = delete;
  Ranking& operator=(const Ranking&) = delete;
  virtual ~Ranking() = default;

  /// Further plans, numbered on.
  virtual void add(const PlanRows& plans) = 0;
  /// That plan's step took so long; it does not come again.
  virtual void observe(std::size_t plan, double log_step) = 0;
  /// It does not come again.
  virtual void leave_out(std::size_t plan) = 0;
  /// None when all have been.
  virtual std::optional<std::size_t> best() = 0;
};

class Network {
 public:
  Network() = default;
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;
  virtual ~Network() = default;

  virtual std::size_t inputs() const = 0;
  /// Must not outlive the network.
  virtual std::unique_ptr<Ranking> ranking() = 0;

  virtual void imitate(std::span<const Lesson> lessons, const Imitation& how) = 0;
  virtual void reinforce(std::span<const Lesson> lessons, const Reinforcement& how) = 0;
  /// Mean relative error of foreseen steps of the lessons, and mean regret after 1 and after 10 choices.
  struct Score {
    double error{}, first{}, tenth{};
  };
  virtual Score score(std::span<const Lesson> lessons) = 0;

  /// Its weights, as bytes that `load_network` reads.
  virtual std::string save() const = 0;
};

}  // namespace ds::tuner
