#pragma once
// What a stage does once a step: gradients reduced, their norm, the update, parameters gathered.

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "tuner/estimate/probe.h"

namespace ds::tuner {

/// A collective of one bucket of parameters that runs beside the compute lane.
struct BucketCollective {
  double after{};    // seconds of work in the compute lane since the one before
  double seconds{};  // alone
  bool layer{};      // a layer's: there is one for each
  bool in_pass{};    // of a reduction: begins in the last backward, not behind it
};

/// What ends a step, from the last backward on. Stages meet: the ends of a pipeline about their tied table, then all.
struct Finish {
  enum class Until : std::uint8_t { reduced, ends_meet, all_meet };
  struct Item {
    double before{};  // seconds of work since the item before
    Until until{};
    std::size_t number{};  // reduced: which of the stage's reductions, counted from its last or
    bool from_first{};     // from its first one
    double seconds{};      // of the meeting
  };
  std::vector<Item> items;
  std::size_t layers_summed{};  // item in whose work stands what the compute lane reduces of layers
};

/// A stage with one layer.
struct StageUpdate {
  double clip{};                          // before the update
  double update{};                        // with what is gathered in the compute lane
  double zero{};                          // before the first backward: what pads gradients
  std::vector<BucketCollective> gathers;  // in the update, in the order of the model
  std::vector<BucketCollective> reduces;  // in the last backward and behind it, in their order
  Finish finish;
};

class UpdateModel {
 public:
  /// `probe`: with as many data-parallel ranks as the plan.
  static std::optional<UpdateModel> read(const Probe& probe, const Probe* further);

  const StageUpdate& one_layer(Kind kind) const { return kinds_[static_cast<std::size_t>(kind)]; }
  /// What a further layer of the stage adds in the compute lane.
  struct Layer {
    double update{}, zero{}, reduce{}, norm{};
  };
  const Layer& layer() const { return layer_; }

 private:
  std::array<StageUpdate, 4> kinds_;
  Layer layer_;
};

}  // namespace ds::tuner
