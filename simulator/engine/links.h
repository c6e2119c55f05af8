#pragma once
// The links of one rank for each class, and which of its communications may have to share them.

#include <array>
#include <cstdint>
#include <vector>

#include "simulator/engine/engine.h"

namespace ds::engine {

class RankLinks {
 public:
  /// `shared`: false, or durations without loads: nobody shares anything.
  RankLinks(const program::Program& program, const Durations& durations, bool shared);

  /// A flow of a communication: the links it takes, and how much of them in a second alone.
  struct Flow {
    std::array<std::int32_t, 3> links{};
    std::int32_t count{};
    double rate{};
  };
  /// Those on links that would be too narrow if all lanes of the class used them at a time; none elsewhere.
  std::vector<Flow> flows(std::size_t rank_class, program::InstructionId id);
  bool contends(std::size_t rank_class, program::InstructionId id) const;
  /// For the solver; complete once the flows of all instructions have been asked.
  const std::vector<double>& capacities() const { return capacities_; }

 private:
  /// Of one rank: the network card and the link inside the node, each out and in.
  static constexpr std::size_t kLinks = 4;
  using Use = std::array<double, kLinks>;
  Use use_of(std::size_t rank_class, program::InstructionId id) const;

  const program::Program& program_;
  const Durations& durations_;
  std::vector<std::array<bool, kLinks>> narrow_;  // by class
  std::vector<double> capacities_;
};

}  // namespace ds::engine
