#pragma once
// How long a step takes: two depths over one program, given how long everything takes alone.
//
//   event     plays one rank for each class over three steps and reports the third: links and cores are shared
//   analytic  the schedule's recurrence over calls, each template collapsed once; nothing is shared
//   bound     the longest of a few paths through the schedule: what no step can be faster than
//
// Always bound <= analytic <= event, up to rounding. `Durations` come from the cost model.

#include <limits>
#include <vector>

#include "simulator/program/program.h"
#include "simulator/program/timeline.h"

namespace ds::engine {

/// What a communication uses of its rank's network card and of its link inside the node, as fractions of their rates, when
/// it is alone. A send uses one direction, a receive the other, a collective both.
struct Load {
  double card{}, link{};
  bool operator==(const Load&) const = default;
};

/// How long things take alone.
struct Durations {
  std::vector<Seconds> operators;      // by program::OpId
  program::AloneTimes communications;  // empty where nothing communicates
  std::vector<std::vector<Load>>
      loads;  // as communications.tables; empty: communications do not slow each other down

  Load load(std::size_t rank_class, program::InstructionId id) const {
    const std::size_t table =
        communications.table_of.empty() ? 0 : static_cast<std::size_t>(communications.table_of[rank_class]);
    return loads[table][program::index(id)];
  }
};

/// Processor cores that the ranks share. Where there are fewer than ranks, ranks that compute at a time get equal shares.
struct Cores {
  double count{std::numeric_limits<double>::infinity()};
};

/// Whether the timeline has a row for every instruction, which traces need, or none.
enum class Rows : std::uint8_t { none, all };

struct PlayOptions {
  Cores cores;
  bool sharing{true};  // communications of a rank that overlap share its links, max-min fair
  Rows rows{Rows::none};
  bool every_period{false};  // of a steady state, where one is enough
};

/// A steady step. A communication's row begins when the rank is ready for it, but not before the step where it only waits there.
struct Played {
  program::StepSummary summary;
  program::Timeline timeline;
  std::int64_t events{};  // ends of segments that were played
};

/// Plays the program with lanes and hazards on buffer instances, one rank for each class.
Played play(const program::Program& program, const Durations& durations, const PlayOptions& options = {});

/// The step without playing it.
program::StepSummary analyse(const program::Program& program, const Durations& durations);

/// No step takes less.
Seconds bound(const program::Program& program, const Durations& durations);

}  // namespace ds::engine
