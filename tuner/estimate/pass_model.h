#pragma once
// What the passes of a chunk take: of one layer, and how much more with every further layer.

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "tuner/estimate/pipeline.h"
#include "tuner/estimate/probe.h"

namespace ds::tuner {

/// A point of a pass that belongs to a bucket of parameters: where it is needed, or its gradients are complete.
struct BucketPoint {
  double at{};        // seconds of work from where the pass has taken its message
  bool after_sent{};  // or from where it has sent its own
  bool layer{};       // a layer's; each further layer's comes a layer later
};

/// A chunk of one layer.
struct ChunkModel {
  ChunkSeconds seconds;
  std::vector<BucketPoint> needs;      // in the first forward, in order
  std::vector<BucketPoint> completes;  // in the last backward, in order
};

/// The passes of one kind of micro-batch. Chunks of more layers differ from those of one by `layer` for each.
class PassModel {
 public:
  /// `probe`: lowered with messages received beside the compute lane, gradients reduced beside the last backward, and
  /// parameters gathered beside the first forward, so that all points where that matters are in it. `further`: of a
  /// probe of one stage, that of two layers.
  static std::optional<PassModel> read(const Probe& probe, const Probe* further);

  const ChunkModel& one_layer(Kind kind) const { return kinds_[static_cast<std::size_t>(kind)]; }
  /// Seconds of a layer.
  struct Layer {
    double forward{}, first_backward{}, backward{}, last_backward{};
  };
  const Layer& layer() const { return layer_; }
  /// `beside`: messages are received beside the compute lane. Where not, taking them is the first that a pass does.
  ChunkSeconds seconds(Kind kind, std::int64_t layers, bool beside) const;
  /// All that ChunkSeconds are made from.
  std::vector<double> numbers() const;
  /// What the last backward then does between taking its message and where points count from.
  double ahead(Kind kind, bool beside) const {
    return beside ? 0 : one_layer(kind).seconds.last_backward.ahead;
  }

 private:
  std::array<ChunkModel, 4> kinds_;
  Layer layer_;
};

}  // namespace ds::tuner
