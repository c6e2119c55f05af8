#pragma once
// The analytic depth for pipelines of many equal stages, pass by pass: what a search runs for tens of thousands of plans a
// second. Equal to it up to rounding; a test holds the two together.
//
//   PipelineRun run(turns);
//   run.play({.schedule = Schedule::one_f_one_b, .stages = 64, .micro_batches = 512}, inputs);
//   run.stage_end(s)[lane]
//
// Two observations make it fast. Plans with pipelines of one shape make the same passes in the same order, so eight of them
// are gone through at a time, one in each lane of vectors. And a schedule in full swing repeats itself: once all passes of
// some periods come as much later than those of the period before, the remaining periods are skipped.

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "tuner/estimate/turns.h"

namespace ds::tuner {

/// Plans that are gone through at a time.
inline constexpr std::size_t kLanes = 8;

/// A number of each.
struct alignas(64) Lanes {
  /// All of them at once; compilers know no such type in the standard yet.
  using Vector __attribute__((vector_size(kLanes * sizeof(double)), may_alias)) = double;

  std::array<double, kLanes> of{};
  double& operator[](std::size_t lane) { return of[lane]; }
  double operator[](std::size_t lane) const { return of[lane]; }
  Vector& all() { return *reinterpret_cast<Vector*>(of.data()); }
  const Vector& all() const { return *reinterpret_cast<const Vector*>(of.data()); }
};

/// Seconds of a pass between its messages.
template <class Number>
struct PassOf {
  Number ahead{};  // before its message is taken
  Number begin{};  // from there to where the memory of the message that it sends has to be free
  Number end{};    // from there to where this message is complete
  Number rest{};   // after that
  // Where receiving goes on beside the compute lane:
  Number frees_early{};  // from taking the message to where its memory is free
  Number frees_late{};   // from the message that is sent to where the memory of a forward's message is free
};

/// What a stage does with one of its chunks. A chunk at the model's end takes or sends no message in that direction.
template <class Number>
struct ChunkOf {
  PassOf<Number> forward, backward;
  PassOf<Number> first_backward, last_backward;  // of the step; the same one where there is one micro-batch
  Number take_forward{}, take_backward{};        // what a message takes
  bool takes_forward{}, takes_backward{};
};
using PassSeconds = PassOf<double>;
using ChunkSeconds = ChunkOf<double>;

/// Of pipelines of one shape; cells are stage * chunks + chunk.
struct PipelineInputs {
  std::span<const ChunkOf<Lanes>* const> chunks;  // by cell
  std::span<const Lanes> weights_come;            // by cell: the first forward ends no earlier
  std::span<const Lanes> start;                   // by stage
  bool beside{};                                  // messages are received beside the compute lane
};

/// When the message of a chunk's first forward was there, and when its own was complete but for the weights' coming.
struct FirstForward {
  Lanes came, sent;
};
/// When a chunk's last backward has taken its message, and when it has sent its own.
struct LastBackward {
  Lanes taken, sent;
};

/// Keeps its memory from one run to the next.
class PipelineRun {
 public:
  explicit PipelineRun(std::shared_ptr<TurnsOfShapes> turns) : turns_(std::move(turns)) {}

  /// Schedules gpipe, one_f_one_b, interleaved. False where the schedule cannot go on (it is none of these).
  bool play(const Shape& shape, const PipelineInputs& inputs);

  /// When the stage has done all of its passes.
  const Lanes& stage_end(std::size_t stage) const { return end_[stage]; }
  const FirstForward& first_forward(std::size_t cell) const { return first_[cell]; }
  const LastBackward& last_backward(std::size_t cell) const { return last_[cell]; }

 private:
  /// Messages of one direction: when each was complete, and when its receiver had taken it. Of every chunk's messages the
  /// memory of two exists, so two are remembered.
  struct Message {
    Lanes ready, taken;
  };
  struct Messages {
    std::vector<Message> last;          // by cell and parity; one cell more, for what goes nowhere
    std::vector<Lanes> received_until;  // by stage: the lane that receives beside the compute lane
    std::vector<Lanes> freed;  // by cell and backward, the last ones: when it set a message's memory free
  };
  struct Watch;
  struct Costs;

  void reset(Messages& messages, const Shape& shape, bool beside) const;
  void go(const Turn* from, const Turn* to, const PipelineInputs& inputs, std::int32_t later, Watch* watch);
  std::size_t go_through(const Repeat& repeat, const Turn* first, std::size_t times,
                         const PipelineInputs& inputs, std::int32_t later);
  template <bool kForward, bool kBeside, bool kPlain, class Watcher>
  void pass(const Turn& turn, const Costs& costs, const PipelineInputs& inputs, std::int32_t later,
            Watcher& watch);
  template <bool kForward, bool kBeside, class Watcher>
  const Turn* plain(const Turn* turn, const Turn* to, const PipelineInputs& inputs, std::int32_t later,
                    Watcher& watch);
  template <bool kBeside, class Watcher>
  void other(const Turn& turn, const PipelineInputs& inputs, std::int32_t later, Watcher& watch);
  template <bool kBeside, class Watcher>
  void go_on(const Turn* from, const Turn* to, const PipelineInputs& inputs, std::int32_t later,
             Watcher& watch);
  Lanes& freed_by(Messages& messages, std::size_t cell, std::int32_t micro) const;
  void move_on(double periods, const Lanes& period);

  std::size_t chunks_{1};
  std::int32_t last_micro_{};
  std::int32_t history_{};               // of messages' freed, by cell
  std::span<const std::int32_t> slots_;  // by cell: messages forward that there is memory for
  std::vector<Lanes> end_;
  std::vector<FirstForward> first_;  // by cell
  std::vector<LastBackward> last_;
  Messages forward_, backward_;
  std::vector<Lanes> trace_;  // of a period: what each pass took and sent
  std::shared_ptr<TurnsOfShapes> turns_;
};

}  // namespace ds::tuner
