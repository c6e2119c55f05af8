#pragma once
// How the step of a plan hangs together, and apart from that what its work takes: the same for all plans whose stages wait
// for each other in the same way.

#include <atomic>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "simulator/base/memo.h"
#include "simulator/engine/stage_outline.h"
#include "simulator/maxplus/maxplus.h"
#include "simulator/workload/job.h"

namespace ds::engine {

/// What takes a class some time: items of one of its templates, or a way through lanes of its own.
struct DurationPart {
  enum class What : std::uint8_t {
    items,       // of a template, one or several of a lane that follow one another
    sum,         // of two in the same list before it
    from_begin,  // from the step's begin to the item's end
    through  // from the item's begin to the end of an item of finish() (of what meets there: to its begin)
  };
  What what{};
  std::int32_t in_template{}, item{};  // through: -1 the step's begin; sum: `item` is the one, `to` the other
  std::int32_t to{-1};  // items: the last one; through: that item, or the number of items, which is the end
  auto operator<=>(const DurationPart&) const = default;
};

struct StepForm {
  maxplus::Tape tape;
  /// What the tape's weights are. Classes often have these in common.
  std::vector<std::vector<DurationPart>> durations;
  std::vector<std::int32_t> classes;  // which of these a class has
};

/// A schedule and how long it goes on.
struct StepOrder {
  workload::Schedule schedule{};
  std::int32_t stages{}, chunks{}, micro_batches{};
  bool reduces_early{}, first_forwards_apart{};
  auto operator<=>(const StepOrder&) const = default;
};

/// Forms, each made once. Any number of threads may ask.
class StepForms {
 public:
  /// `stages`: by stage. A step of many micro-batches is put together from two of fewer, where these differ by whole periods of
  /// what repeats itself.
  const StepForm& of(const StepOrder& order, std::span<const StageOutline* const> stages);

  /// Words of all tapes.
  std::size_t size() const { return size_; }
  /// Nobody may ask meanwhile; what was given is gone.
  void clear();

 private:
  /// All that a form depends on.
  struct Key {
    StepOrder order;
    std::vector<std::pair<const void*, std::int32_t>> shapes;  // and how many stages in a row have it
    auto operator<=>(const Key&) const = default;
  };
  struct Short {
    maxplus::StepStructure structure;
    std::vector<std::vector<DurationPart>> durations;  // by class
  };
  using Stages = std::span<const StageOutline* const>;

  StepForm make(const Key& key, Stages stages);
  const Short& with_micro_batches(Key key, std::int32_t micro_batches, Stages stages);
  Short make_short(const StepOrder& order, Stages stages);
  static StepForm form_of(const maxplus::StepStructure& structure,
                          const std::vector<std::vector<DurationPart>>& durations);

  Memo<Key, StepForm> forms_;
  Memo<Key, Short> short_;
  std::atomic<std::size_t> size_{0};
};

}  // namespace ds::engine
