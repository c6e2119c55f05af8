#pragma once
// Steps of pipelines as plain outlines: what lowering would make of a schedule, without a program. For tests and benchmarks.

#include <algorithm>
#include <cstdint>
#include <vector>

#include "simulator/maxplus/maxplus.h"
#include "simulator/program/schedule/schedule.h"

namespace ds::test {

struct Pipeline {
  workload::Schedule schedule = workload::Schedule::one_f_one_b;
  std::int32_t stages{4}, micro_batches{8}, chunks{1};
  bool beside{};           // messages are received beside the compute lane
  std::int32_t layers{1};  // of a chunk; each computes and has a collective within its class
  bool reduces{true};      // gradients by layer, beside the step's last backward
  bool gathers{true};      // weights by layer, behind the update, awaited by the next step's first forward
  bool norm{true};         // all stages meet before the update; without it steps have no cut
};

/// Durations of a stage, by their numbers. The same for all of its chunks but for kChunk numbers each.
inline constexpr std::int32_t kNorm = 0, kUpdate = 1, kReduce = 2, kGather = 3, kFirstOfChunk = 4;
inline constexpr std::int32_t kForward = 0, kBackward = 1, kWeights = 2, kInLayer = 3, kSendForward = 4,
                              kSendBackward = 5, kTakeForward = 6, kTakeBackward = 7, kOfChunk = 8;

class PipelineBuilder {
 public:
  explicit PipelineBuilder(const Pipeline& pipeline) : p_(pipeline) {
    for (std::int32_t s = 0; s < p_.stages; ++s) outlines_.push_back(stage(s));
  }
  std::vector<maxplus::Outline> take() { return std::move(outlines_); }
  static std::int32_t durations(const Pipeline& p) { return kFirstOfChunk + p.chunks * kOfChunk; }

 private:
  static constexpr std::int32_t kCompute = 0, kReduceLane = 1, kGatherLane = 2, kFirstMessageLane = 3;
  static constexpr std::int32_t kSendsForward = 0, kSendsBackward = 1, kTakesForward = 2, kTakesBackward = 3,
                                kWays = 4;

  bool mirrored() const { return p_.schedule == workload::Schedule::dualpipe; }
  std::int32_t pieces() const { return mirrored() ? 2 : p_.chunks; }
  /// Position of a stage's chunk in its pipeline; dualpipe: two pipelines, the second the other way round.
  std::int32_t position(std::int32_t s, std::int32_t chunk) const {
    if (mirrored()) return chunk == 0 ? s : p_.stages - 1 - s;
    return chunk * p_.stages + s;
  }
  std::int32_t positions() const { return mirrored() ? p_.stages : p_.stages * p_.chunks; }
  /// Between a position and the next one of a pipeline.
  std::int32_t channel(std::int32_t chunk, std::int32_t after, bool forward) const {
    const std::int32_t line = mirrored() ? chunk : 0;
    return 1 + 2 * (line * positions() + after) + (forward ? 0 : 1);
  }

  maxplus::Outline stage(std::int32_t s) {
    out_ = {.lanes = kFirstMessageLane + kWays * pieces(), .items = {}, .waits = {}};
    issued_.assign(static_cast<std::size_t>(out_.lanes), 0);
    ended_.assign(static_cast<std::size_t>(pieces()), {});
    call_ = 0;
    const auto order = program::order_of(p_.schedule, p_.stages, s, p_.micro_batches, p_.chunks);
    std::vector<std::int32_t> left(static_cast<std::size_t>(pieces()), 0);
    for (const auto& pass : order)
      if (program::runs(pass, program::Leg::weights)) ++left[static_cast<std::size_t>(pass.chunk)];
    slots_.clear();
    for (std::int32_t c = 0; c < pieces(); ++c)
      slots_.push_back(program::slots_for(program::most_in_flight(order, c), true, p_.micro_batches));
    std::vector<std::int32_t> forwards(left.size(), 0);
    for (const auto& pass : order) {
      if (!pass.merged) ++call_;
      const auto c = static_cast<std::size_t>(pass.chunk);
      const bool first = pass.forward && forwards[c]++ == 0;
      const bool last = program::runs(pass, program::Leg::weights) && --left[c] == 0;
      run(s, pass, first, last);
    }
    ++call_;
    std::vector<maxplus::Wait> all;
    for (std::int32_t lane = 1; lane < out_.lanes; ++lane)
      if (count(lane) > 0) all.push_back({lane, count(lane)});
    if (p_.norm) add(kCompute, kNorm, p_.stages > 1 ? 0 : maxplus::kNone, all);
    add(kCompute, kUpdate, maxplus::kNone, p_.norm ? std::vector<maxplus::Wait>{} : all);
    for (std::int32_t g = 0; p_.gathers && g < pieces() * p_.layers; ++g)
      add(kGatherLane, kGather, maxplus::kNone, {{kCompute, count(kCompute)}});
    return std::move(out_);
  }

  static std::int32_t lane(const program::ScheduledPass& pass, std::int32_t way) {
    return kFirstMessageLane + kWays * pass.chunk + way;
  }

  /// The message that a pass takes from a channel; `begin`: what the pass then waits for.
  void take(const program::ScheduledPass& pass, std::int32_t from, std::int32_t seconds,
            std::vector<maxplus::Wait>& begin) {
    if (!p_.beside) {
      add(kCompute, seconds, from, {});
      return;
    }
    const auto c = static_cast<std::size_t>(pass.chunk);
    const std::int32_t taking = lane(pass, pass.forward ? kTakesForward : kTakesBackward);
    std::vector<maxplus::Wait> slot;
    // Its memory is free once that one's backward has ended.
    const std::int32_t before = count(taking) - (pass.forward ? slots_[c] : 2);
    if (before >= 0) slot.push_back({kCompute, ended_[c][static_cast<std::size_t>(before)]});
    add(taking, seconds, from, slot);
    begin.push_back({taking, count(taking)});
  }

  void run(std::int32_t s, const program::ScheduledPass& pass, bool first, bool last) {
    const auto c = static_cast<std::size_t>(pass.chunk);
    const std::int32_t at = position(s, pass.chunk);
    const std::int32_t own = kFirstOfChunk + (mirrored() ? 0 : pass.chunk) * kOfChunk;
    const bool weights_only = pass.gradients == program::Gradients::weights;
    const bool takes = !weights_only && (pass.forward ? at > 0 : at + 1 < positions());
    const bool sends = !weights_only && (pass.forward ? at + 1 < positions() : at > 0);
    std::vector<maxplus::Wait> begin;
    if (takes) {
      const std::int32_t from = channel(pass.chunk, pass.forward ? at - 1 : at, pass.forward);
      take(pass, from, own + (pass.forward ? kTakeForward : kTakeBackward), begin);
    }
    const std::int32_t work = own + (pass.forward ? kForward : weights_only ? kWeights : kBackward);
    for (std::int32_t l = 0; l < p_.layers; ++l) {
      if (first && p_.gathers) {
        const std::int32_t all = pieces() * p_.layers;
        begin.push_back({kGatherLane, pass.chunk * p_.layers + l + 1 - all});
      }
      add(kCompute, work, maxplus::kNone, begin);
      begin.clear();
      if (p_.layers > 1) add(kCompute, own + kInLayer, maxplus::kNone, {});
      if (last && p_.reduces) add(kReduceLane, kReduce, maxplus::kNone, {{kCompute, count(kCompute)}});
    }
    if (sends) {
      // Its memory: two messages.
      const std::int32_t sending = lane(pass, pass.forward ? kSendsForward : kSendsBackward);
      if (count(sending) >= 2) begin.push_back({sending, count(sending) - 1});
      add(kCompute, work, maxplus::kNone, begin);
      add(sending, own + (pass.forward ? kSendForward : kSendBackward),
          channel(pass.chunk, pass.forward ? at : at - 1, pass.forward), {{kCompute, count(kCompute)}});
    }
    if (!pass.forward && !weights_only) {
      ended_[c].push_back(count(kCompute));
    }
  }

  std::int32_t count(std::int32_t lane) const { return issued_[static_cast<std::size_t>(lane)]; }
  void add(std::int32_t lane, std::int32_t duration, std::int32_t channel,
           const std::vector<maxplus::Wait>& waits) {
    out_.add({.lane = lane, .duration = duration, .call = call_, .channel = channel}, waits);
    ++issued_[static_cast<std::size_t>(lane)];
  }

  Pipeline p_;
  std::vector<maxplus::Outline> outlines_;
  maxplus::Outline out_;
  std::vector<std::int32_t> issued_, slots_;
  std::vector<std::vector<std::int32_t>> ended_;  // by chunk: where its backwards ended in the compute lane
  std::int32_t call_{};
};

}  // namespace ds::test
