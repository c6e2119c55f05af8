// One layer of experts, forward and backward, against what Megatron-LM's own tests have measured on eight H100. Nothing was
// fitted on these figures.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "simulator/base/file.h"
#include "simulator/cost/machine.h"
#include "simulator/engine/alone.h"
#include "simulator/engine/price.h"
#include "simulator/program/walk.h"
#include "simulator/workload/workload.h"

namespace ds::engine {
namespace {

using Json = nlohmann::json;

Json layers() {
  return Json::parse(
      read_file(std::string(DS_SOURCE_DIR) + "/profiles/measured/expert_layers.json"))["layers"];
}

workload::Job job_of(const Json& layer) {
  const std::int64_t hidden = layer["hidden"];
  const bool fp8 = layer["precision"] == "fp8";
  return workload::read_job_text(
      fmt::format(
          R"({{"model": {{"family": "moe", "layers": 1, "hidden": {}, "heads": {}, "head_dim": 128, "ffn_hidden": {},
                                  "vocab": 1024, "gated_mlp": false, "tied_embeddings": false, "position": "rope",
                                  "moe": {{"experts": {}, "top_k": {}, "expert_ffn": {}, "groups": {}, "groups_per_token": {}}}}},
                     "cluster": {{"node": "dgx-h100", "nodes": 1}},
                     "software": {{"base": "megatron-te", "pads_expert_rows": true}},
                     "train": {{"sequence_length": 4096, "global_batch": 8}},
                     "plan": {{"tp": 1, "dp": 8, "ep": 8, "zero": 0, "micro_batch": 1, "recompute": "none", "precision": "{}"{},
                               "dispatch": "{}"}}}})",
          hidden, hidden / 128, layer["expert_ffn"].get<int>(), layer["experts"].get<int>(),
          layer["top_k"].get<int>(), layer["expert_ffn"].get<int>(), layer["groups"].get<int>(),
          layer["groups_per_token"].get<int>(), layer["precision"].get<std::string>(),
          fp8 ? R"(, "fp8_recipe": "block")" : "", layer["dispatch"].get<std::string>()),
      "job.json");
}

/// Of a layer's experts: from the router's product to the sum of their results, and from its gradient to that of the router.
class OfExperts {
 public:
  explicit OfExperts(std::int64_t experts) : experts_(experts) {}

  void add(const program::Program& program, const program::Instruction& instruction, Seconds seconds) {
    const auto operators = program.operators_of(instruction);
    if (operators.empty()) {
      if (instruction.comm.what == collective::Collective::all_to_all) count(seconds);
      return;
    }
    const ops::Op& op = program.op(operators.front().op);
    const bool forward = op.pass == ops::Pass::forward, sums = std::holds_alternative<ops::Combine>(op.what);
    const auto* linear = std::get_if<ops::Linear>(&op.what);
    const bool routes = linear != nullptr && linear->outputs == experts_;
    if (routes && forward) where_ = &forward_s;
    if (sums && !forward) where_ = &backward_s;
    if (!std::holds_alternative<ops::Add>(op.what)) count(seconds);
    if ((sums && forward) || (routes && op.pass == ops::Pass::weight_gradient)) where_ = nullptr;
  }

  double forward_s{}, backward_s{};

 private:
  void count(Seconds seconds) {
    if (where_ != nullptr) *where_ += seconds.value;
  }

  std::int64_t experts_;
  double* where_{};
};

std::pair<double, double> predicted(const Json& layer) {
  const workload::Job job = job_of(layer);
  static const cost::Profile none;
  const program::Program program = program::lower(job);
  const Durations durations = price(program, cost::Machine(job, none));
  OfExperts sum(layer["experts"]);
  const program::RankClass& ranks = program.classes.front();
  for (const program::Phase& phase : ranks.phases)
    for (const program::Call& call : phase.calls)
      program::for_each_instruction(program.body(call), [&](program::InstructionId id, std::int32_t) {
        sum.add(program, program.instruction(id), alone(program, durations, 0, id));
      });
  return {sum.forward_s, sum.backward_s};
}

TEST(ExpertLayers, TakeAsLongAsTheyWereMeasured) {
  double sum = 0;
  int count = 0;
  for (const Json& layer : layers()) {
    SCOPED_TRACE(layer["id"].get<std::string>());
    const auto [forward_s, backward_s] = predicted(layer);
    const double forward = forward_s / layer["forward_s"].get<double>() - 1;
    const double backward = backward_s / layer["backward_s"].get<double>() - 1;
    EXPECT_LT(std::abs(forward), 0.2);
    EXPECT_LT(std::abs(backward), 0.2);
    RecordProperty(layer["id"].get<std::string>(),
                   fmt::format("forward {:+.1f} %, backward {:+.1f} %", 100 * forward, 100 * backward));
    sum += std::abs(forward) + std::abs(backward);
    count += 2;
  }
  ASSERT_EQ(count, 24);
  EXPECT_LT(sum / count, 0.09);
}

}  // namespace
}  // namespace ds::engine
