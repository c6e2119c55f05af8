#pragma once
// What lanes that no other class knows do to a class's compute lane: data-parallel collectives, which first forwards wait
// for, and which wait for last backwards; copies to the host, which updates there wait for, and from it.

#include <cstdint>
#include <vector>

#include "simulator/engine/plan_stages.h"

namespace ds::engine {

/// Seconds of a kind's own work before a boundary of one of its templates.
double seconds_before(const PlanStages& plan, const PlanStages::Kind& kind, std::size_t in_template,
                      const Boundary& boundary);

/// Keeps its memory from one stage to the next.
class LocalLanes {
 public:
  void work_out(const PlanStages& plan, const PlanStages::Kind& kind);

  /// Seconds from the step's begin to the end of an item of the update or of a first forward, by way of other lanes; 0 where there
  /// is none.
  double from_begin(std::int32_t in_template, std::int32_t item) const;
  /// From the begin of an item (-1: of the step) to the end of an item of what follows the last backwards, or to its begin
  /// where classes meet in it.
  double through(std::int32_t in_template, std::int32_t item, std::int32_t to) const;

 private:
  struct Place {
    std::int32_t in_template{}, item{};
    bool operator==(const Place&) const = default;
  };
  using Times = std::vector<double>;  // by source

  std::size_t source(const Place& place);
  /// `times` become no earlier than the ends of what the item waits for, and so much later.
  void wait_for(Times& times, const LocalItem& one, double later) const;

  std::vector<Place> sources_;  // the first is the begin of the step
  std::vector<Times> times_;    // by local item: its end
  std::vector<std::pair<Place, double>> from_begin_;
  std::vector<Times> through_;  // by item of finish(), and one for the end
};

}  // namespace ds::engine
