#include "tuner/estimate/pass_model.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "simulator/program/schedule/schedule.h"

namespace ds::tuner {
namespace {

/// A pass, taken apart.
struct Parts {
  PassSeconds seconds;
  double take{};
  bool takes{}, sends{};
  std::vector<BucketPoint> needs, completes;
};

/// Takes a pass apart, point by point.
class Reader {
 public:
  /// False where its points come in an order that PassSeconds cannot say.
  bool read(const Point& point) {
    since_ += point.after;
    switch (point.stop) {
      case Stop::receive:
      case Stop::arrive: return take(point.seconds);
      case Stop::refill: return go_on(Reached::memory, parts_.seconds.begin);
      case Stop::send:
        parts_.sends = true;
        return go_on(Reached::sent, reached_ == Reached::memory ? parts_.seconds.end : parts_.seconds.begin);
      case Stop::release: return release(point.direction);
      case Stop::wait: parts_.needs.push_back({.at = since_}); return reached_ < Reached::memory;
      case Stop::begin:
        parts_.completes.push_back({.at = since_, .after_sent = parts_.sends});
        return reached_ != Reached::memory;
      case Stop::meet:
      case Stop::step: break;
    }
    return false;
  }

  Parts end(double rest) {
    (parts_.sends ? parts_.seconds.rest : parts_.seconds.begin) = since_ + rest;
    return std::move(parts_);
  }

 private:
  /// In this order, each at most once.
  enum class Reached : std::uint8_t { begin, message, memory, sent };

  /// What was done since the last of these is `seconds`.
  bool go_on(Reached to, double& seconds) {
    if (to <= reached_) return false;
    reached_ = to;
    seconds = std::exchange(since_, 0);
    return true;
  }
  bool take(double seconds) {
    parts_.takes = true;
    parts_.take = seconds;
    return go_on(Reached::message, parts_.seconds.ahead);
  }
  bool release(std::uint8_t direction) {
    const bool early = direction == kBackward;
    (early ? parts_.seconds.frees_early : parts_.seconds.frees_late) = since_;
    return early ? reached_ < Reached::memory : reached_ == Reached::sent;
  }

  Parts parts_;
  double since_{0};  // work since what was reached last
  Reached reached_{Reached::begin};
};

std::optional<Parts> parts_of(const Pass& pass) {
  Reader reader;
  for (const Point& point : pass.points)
    if (!reader.read(point)) return std::nullopt;
  return reader.end(pass.rest);
}

constexpr std::size_t kBeforePasses = 3;  // visits of a line: clip factor, update, the step's begin

/// The passes of a stage of the probe by what they are.
struct StageParts {
  Parts first_forward, forward, first_backward, backward, last_backward;
};

std::optional<StageParts> stage_parts(const Probe& probe, std::size_t stage) {
  const Line& line = probe.line(stage);
  const std::int32_t micro_batches = probe.program().micro_batches;
  const std::vector<program::ScheduledPass> order = workload::one_forward_one_backward(
      static_cast<std::int32_t>(probe.stages()), static_cast<std::int32_t>(stage), micro_batches);
  if (line.visits.size() != kBeforePasses + order.size() + 1) return std::nullopt;
  const auto pass = [&](bool forward, std::int32_t micro) {
    const auto found = std::ranges::find(order, program::ScheduledPass{.forward = forward, .micro = micro});
    const auto visit = kBeforePasses + static_cast<std::size_t>(found - order.begin());
    return parts_of(line.passes[static_cast<std::size_t>(line.visits[visit])]);
  };
  // One in the middle waits for memory, and sets memory free that a later message needs.
  const auto first_forward = pass(true, 0), forward = pass(true, micro_batches - 1), first = pass(false, 0),
             middle = pass(false, (micro_batches - 1) / 2), last = pass(false, micro_batches - 1);
  if (!first_forward || !forward || !first || !middle || !last) return std::nullopt;
  return StageParts{*first_forward, *forward, *first, *middle, *last};
}

ChunkModel model_of(const StageParts& parts) {
  ChunkModel model;
  model.seconds = {.forward = parts.forward.seconds,
                   .backward = parts.backward.seconds,
                   .first_backward = parts.first_backward.seconds,
                   .last_backward = parts.last_backward.seconds,
                   .take_forward = parts.forward.take,
                   .take_backward = parts.backward.take,
                   .takes_forward = parts.forward.takes,
                   .takes_backward = parts.backward.takes};
  model.needs = parts.first_forward.needs;
  model.completes = parts.last_backward.completes;
  return model;
}

/// Seconds of a layer: what a pass of two takes more than one of one. Nothing where more than that differs.
std::optional<double> layer_of(const PassSeconds& one, const PassSeconds& two) {
  // Both are differences of times since the pass began, rounded as these are.
  const double rounding = 1e-13 * (two.ahead + two.begin + two.end + two.rest);
  const auto alike = [&](double a, double b) { return std::abs(a - b) <= rounding; };
  if (!alike(one.end, two.end) || !alike(one.rest, two.rest) || !alike(one.frees_early, two.frees_early) ||
      !alike(one.frees_late, two.frees_late))
    return std::nullopt;
  return two.begin - one.begin;
}

/// Seconds of the collectives that a stage begins in a pass.
std::vector<double> collectives_of(const Pass& pass) {
  std::vector<double> seconds;
  for (const Point& point : pass.points)
    if (point.stop == Stop::begin) seconds.push_back(point.seconds);
  return seconds;
}

/// Marks the points that are the layer's. Parameters are needed in the order in which the update gathers them.
bool mark_layer(ChunkModel& model, const Probe& one, const Probe& two) {
  constexpr std::size_t kUpdate = 1;  // visit
  const auto list = [&](const Probe& probe, bool update) {
    const Line& line = probe.line(0);
    const std::size_t visit = update ? kUpdate : line.visits.size() - 2;
    return collectives_of(line.passes[static_cast<std::size_t>(line.visits[visit])]);
  };
  const auto needed = layer_among(list(one, true), list(two, true));
  const auto completes = layer_among(list(one, false), list(two, false));
  if (!needed || !completes || *needed >= model.needs.size()) return false;
  model.needs[*needed].layer = true;
  if (*completes < model.completes.size()) model.completes[*completes].layer = true;
  return true;
}

}  // namespace

std::optional<PassModel> PassModel::read(const Probe& probe, const Probe* further) {
  PassModel model;
  std::vector<StageParts> stages;
  for (const Probe* one : {&probe, further}) {
    if (one == nullptr) continue;
    for (std::size_t s = 0; s < one->stages(); ++s) {
      const std::optional<StageParts> parts = stage_parts(*one, s);
      if (!parts) return std::nullopt;
      stages.push_back(*parts);
    }
  }
  const bool pipeline = further == nullptr;
  const StageParts& one = pipeline ? stages[1] : stages[0];
  const StageParts& two = pipeline ? stages[2] : stages[1];
  const auto forward = layer_of(one.forward.seconds, two.forward.seconds),
             first_backward = layer_of(one.first_backward.seconds, two.first_backward.seconds),
             backward = layer_of(one.backward.seconds, two.backward.seconds),
             last_backward = layer_of(one.last_backward.seconds, two.last_backward.seconds);
  if (!forward || !first_backward || !backward || !last_backward) return std::nullopt;
  model.layer_ = {*forward, *first_backward, *backward, *last_backward};
  const auto keep = [&](Kind kind, const StageParts& parts) {
    ChunkModel& kept = model.kinds_[static_cast<std::size_t>(kind)] = model_of(parts);
    return &kept;
  };
  if (!pipeline)
    return mark_layer(*keep(Kind::only, stages[0]), probe, *further) ? std::optional(model) : std::nullopt;
  // Embeddings are needed before the layers and complete after them, the head the other way round. Where layers are reduced
  // only behind the last backward, a middle stage has none to mark.
  const bool layers_complete = !stages[1].last_backward.completes.empty();
  const auto mark = [](std::vector<BucketPoint>& points, bool front) {
    if (!points.empty()) (front ? points.front() : points.back()).layer = true;
  };
  for (const auto& [kind, stage] :
       {std::pair(Kind::first, 0U), std::pair(Kind::middle, 1U), std::pair(Kind::last, 3U)}) {
    ChunkModel& kept = *keep(kind, stages[stage]);
    mark(kept.needs, kind != Kind::first);
    if (layers_complete) mark(kept.completes, kind == Kind::first);
  }
  return model;
}

ChunkSeconds PassModel::seconds(Kind kind, std::int64_t layers, bool beside) const {
  ChunkSeconds chunk = one_layer(kind).seconds;
  if (!beside)
    for (PassSeconds* pass : {&chunk.forward, &chunk.first_backward, &chunk.backward, &chunk.last_backward})
      pass->begin += std::exchange(pass->ahead, 0);
  const auto more = static_cast<double>(layers - 1);
  chunk.forward.begin += more * layer_.forward;
  chunk.first_backward.begin += more * layer_.first_backward;
  chunk.backward.begin += more * layer_.backward;
  chunk.last_backward.begin += more * layer_.last_backward;
  return chunk;
}

std::vector<double> PassModel::numbers() const {
  std::vector<double> list{layer_.forward, layer_.first_backward, layer_.backward, layer_.last_backward};
  for (const ChunkModel& kind : kinds_) {
    const ChunkSeconds& chunk = kind.seconds;
    for (const PassSeconds* pass :
         {&chunk.forward, &chunk.backward, &chunk.first_backward, &chunk.last_backward})
      list.insert(list.end(),
                  {pass->ahead, pass->begin, pass->end, pass->rest, pass->frees_early, pass->frees_late});
    list.insert(list.end(), {chunk.take_forward, chunk.take_backward, chunk.takes_forward ? 1.0 : 0.0,
                             chunk.takes_backward ? 1.0 : 0.0});
  }
  return list;
}

}  // namespace ds::tuner
