#pragma once
// The stages of a plan: of each its kind, remembered from plan to plan, and the links to its neighbours.

#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "simulator/base/memo.h"
#include "simulator/engine/chunk_seconds.h"
#include "simulator/engine/machines.h"
#include "simulator/engine/stage_templates.h"
#include "simulator/engine/step_form.h"

namespace ds::engine {

struct PlanStages {
  /// What is priced apart from the stage's outline; null where there is no such thing.
  struct Pass {
    const PassSeconds* own{};
    const std::vector<PassSeconds>* once{};  // a step, by lane
    std::int32_t layers{};                   // of the chunk
  };
  struct Kind {
    const StageOutline* outline{};
    std::vector<Pass> passes;  // by template
  };
  /// Where messages go and come from, as numbers of `links`.
  struct Stage {
    std::int32_t kind{};
    std::int32_t to_next{}, to_previous{}, from_next{}, from_previous{};
    bool operator==(const Stage&) const = default;
  };
  struct Link {
    std::int32_t from{}, to{};  // ranks
  };

  std::vector<Kind> kinds;
  std::vector<Stage> stages;
  std::vector<Link> links;
  network::Group message;  // but for its ends: who sends beside
  const cost::Machine* machine{};
  double loss_sum{};  // seconds, of all micro-batches
  bool waits_for_launches{};
};

/// Which passes the stages of a schedule call, in the order of their first calls. Any number of threads may ask.
class Orders {
 public:
  struct OfStage {
    const PassList* passes{};
    std::vector<bool> splits;  // by chunk, whether backwards are in two parts
  };
  const std::vector<OfStage>& of(const workload::Job& job);
  /// How often each stage calls each of the kinds that of() lists.
  using Calls = std::vector<std::vector<std::int32_t>>;
  const Calls& calls(const workload::Job& job);
  /// That of a plan.
  static StepOrder step_order(const workload::Job& job);

 private:
  struct OfPlan {
    std::vector<std::unique_ptr<PassList>> lists;
    std::vector<OfStage> stages;
  };
  static OfPlan make(const StepOrder& step);

  Memo<StepOrder, OfPlan> known_;
  Memo<StepOrder, Calls> calls_;
};

/// Shapes, each kept once. Any number of threads may ask.
using Shapes = Memo<std::vector<std::int32_t>, std::vector<std::int32_t>>;

/// A grid in which a tensor-parallel group has around it in its nodes what it has around it in the plan's, other stages apart: as
/// small as can be. Where there are no experts or parts of sequences.
program::Grid around_tensor_group(const workload::Plan& plan, const workload::Model& model,
                                  std::int64_t per_node);
/// Whether these groups, and what is around them, lie alike in their nodes in whatever place of a node a stage begins.
bool tensor_groups_lie_alike(const workload::Plan& plan, const workload::Node& node);

/// Stages that have been lowered, and those of new plans. For one thread.
class StageKinds {
 public:
  /// Plans differ from `base` by their plan alone. The others have to outlive it.
  StageKinds(workload::Job base, Machines& machines, Orders& orders, Shapes& shapes)
      : job_(std::move(base)), machines_(machines), orders_(orders), shapes_(shapes) {}

  /// `plan` is complete, legal and supported.
  PlanStages of(const workload::Plan& plan);
  /// What plans that come one after another have in common stays lowered until then.
  void forget_lowered();
  /// Items of outlines.
  std::size_t remembered() const { return remembered_; }
  /// With the plan that was asked for last.
  const workload::Job& job() const { return job_; }

 private:
  class Plan;

  workload::Job job_;
  Machines& machines_;
  Orders& orders_;
  Shapes& shapes_;
  std::map<StageTemplates::Inputs, std::unique_ptr<StageTemplates>> templates_;
  std::map<program::StageInputs, std::unique_ptr<PassTemplates>> passes_;  // by PassTemplates::of_chunk
  std::map<ChunkSeconds::Inputs, std::unique_ptr<ChunkSeconds>> chunks_;
  program::ChunkGraphs graphs_{job_.model};
  std::size_t remembered_{0};
};

}  // namespace ds::engine
