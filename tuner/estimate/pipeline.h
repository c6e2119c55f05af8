#pragma once
// The recurrence of engine/recurrence.h for pipelines of many equal stages, without a visit for each pass: what a search
// runs for tens of thousands of plans a second. Equal to it up to rounding; a test holds the two together.
//
//   Pipeline pipeline{.schedule = Schedule::one_f_one_b, .stages = 64, .micro_batches = 512};
//   PipelineRun run;
//   run.play(pipeline, chunks, start);        // chunks: by stage and chunk
//   run.stage_end(s)
//
// Two observations make it fast. Stages that are busy at the same beat of a schedule do not depend on each other, so a beat
// is a loop over arrays. And a schedule in full swing repeats itself: once every time of the state has grown by the same
// amount over some micro-batches, the remaining ones are skipped.

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <tuple>
#include <vector>

#include "simulator/workload/job.h"

namespace ds::tuner {

/// Seconds of a pass between its messages.
struct PassSeconds {
  double ahead{};  // before its message is taken
  double begin{};  // from there to where the memory of the message that it sends has to be free
  double end{};    // from there to where this message is complete
  double rest{};   // after that
  // Where receiving goes on beside the compute lane:
  double frees_early{};  // from taking the message to where its memory is free
  double frees_late{};   // from the message that is sent to where the memory of a forward's message is free
};

/// What a stage does with one of its chunks. A chunk at the model's end takes or sends no message in that direction.
struct ChunkSeconds {
  PassSeconds forward, backward;
  PassSeconds first_backward, last_backward;  // of the step; the same one where there is one micro-batch
  double take_forward{}, take_backward{};     // what a message takes
  bool takes_forward{}, takes_backward{};
  /// The first forward ends no earlier, as its weights come then.
  double weights_come{};
};

struct Pipeline {
  workload::Schedule schedule{};
  std::int32_t stages{1}, chunks{1}, micro_batches{1};
  bool beside{};  // messages are received beside the compute lane
};

/// When a chunk's last backward has taken its message, and when it has sent its own.
struct LastBackward {
  double taken{}, sent{};
};

/// The order in which all stages make their passes, so that each finds what it waits for.
class Turns;

/// Keeps its memory, and the orders of schedules, from one run to the next.
class PipelineRun {
 public:
  PipelineRun();
  ~PipelineRun();
  PipelineRun(const PipelineRun&) = delete;
  PipelineRun& operator=(const PipelineRun&) = delete;

  /// Schedules gpipe, one_f_one_b, interleaved. `chunk_of(stage, chunk)` in `chunks` at stage * pipeline.chunks + chunk;
  /// `start`: by stage, when it begins. False where the schedule cannot go on (it is none of these).
  bool play(const Pipeline& pipeline, std::span<const ChunkSeconds* const> chunks, std::span<const double> start);

  /// When the stage has done all of its passes.
  double stage_end(std::size_t stage) const { return end_[stage]; }
  const LastBackward& last_backward(std::size_t stage, std::size_t chunk) const {
    return last_[stage * chunks_ + chunk];
  }

 private:
  struct Beat;
  const Turns& turns_of(const Pipeline& pipeline);

  std::size_t chunks_{1};
  std::vector<double> end_;
  std::vector<LastBackward> last_;
  std::unique_ptr<Beat> beat_;
  std::map<std::tuple<workload::Schedule, std::int32_t, std::int32_t, std::int32_t>, std::unique_ptr<Turns>> turns_;
};

}  // namespace ds::tuner
