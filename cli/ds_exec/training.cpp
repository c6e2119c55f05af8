#include "cli/ds_exec/training.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "simulator/base/error.h"
#include "simulator/base/hash.h"

namespace ds::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kSparkColumns = 24;

Json step_json(const executor::StepRecord& s) {
  return {{"step", s.step},
          {"loss", s.loss},
          {"grad_norm", s.grad_norm},
          {"lr", s.learning_rate},
          {"loss_scale", s.loss_scale},
          {"step_time_s", s.wall.value},
          {"cpu_s", s.cpu.value},
          {"tokens_per_s", s.tokens_per_s}};
}

std::vector<double> losses(const std::vector<executor::StepRecord>& steps) {
  std::vector<double> result;
  for (const executor::StepRecord& s : steps) result.push_back(s.loss);
  return result;
}

Json steps_json(const executor::RunResult& result) {
  Json list = Json::array();
  for (const executor::StepRecord& s : result.steps) list.push_back(step_json(s));
  return list;
}

}  // namespace

Training prepare(const Common& common, const ExecOptions& options, Phases& phases) {
  check_outputs({{"--report", common.report}, {"--metrics", options.metrics}, {"--trace", options.trace}});
  if (options.device == "cuda") throw InputError("--device", "cuda is not supported yet", "cpu is");
  if (options.device != "cpu" && options.device != "auto")
    throw InputError("--device", fmt::format("is {}", options.device), "auto, cpu and cuda are possible");
  phases.begin("read job and text");
  workload::Job job = read_job(options.job, common);
  const std::string data = options.data.empty() ? job.execute.data : options.data;
  if (data.empty())
    throw InputError("execute.data", "no text to train on", "--data FILE or execute.data names one");
  const std::int64_t steps = options.steps >= 0 ? options.steps : job.execute.steps.value_or(-1);
  if (steps < 0) throw InputError("execute.steps", "not given", "--steps N or execute.steps says how many");
  if (!job.execute.checkpoint_directory.empty())
    throw InputError("execute.checkpoint", "checkpoints are not supported yet", "leave it out");
  executor::Text text = executor::read_text(data, job);
  phases.begin("lower");
  program::Program program = program::lower(job);
  phases.note(fmt::format("program {}, {} operators, {} buffers", hex(program.hash), program.ops.size(),
                          program.buffers.size()));
  if (const auto fault = program::check(program)) throw std::logic_error("lowered program: " + *fault);
  std::vector<memory::Layout> layouts = engine::layouts_of(program);
  const double capacity = job.cluster.groups.front().node.memory_bytes_per_gpu;
  const Bytes arena = std::ranges::max_element(layouts, {}, &memory::Layout::arena)->arena;
  if (static_cast<double>(arena.value) > capacity)
    throw RunFailed(fmt::format("the plan needs {} and a rank has {}: it does not fit",
                                terminal::bytes(arena),
                                terminal::bytes({static_cast<std::int64_t>(capacity)})));
  phases.begin("predict");
  cost::Profile profile = profile_of(job);
  engine::Prediction prediction = engine::predict(std::move(program), std::move(layouts), job,
                                                  cost::Machine(job, profile), job.simulate.depth);
  return {std::move(job), std::move(text), steps, std::move(profile), std::move(prediction)};
}

executor::RunResult train(const Common& common, const ExecOptions& options, const Training& training,
                          const StopToken& stop) {
  terminal::ProgressLine line(common.progress_mode(), common.screen(STDERR_FILENO));
  std::vector<executor::StepRecord> seen;
  const executor::Context context{
      .job = training.job,
      .program = training.program(),
      .layout = training.layout(),
      .text = training.text,
      .steps = training.steps,
      .held_back_sequences = executor::held_back_for(training.job, training.steps),
      .stop = &stop,
      .on_step = [&](const executor::StepRecord& step) {
        seen.push_back(step);
        line.update(static_cast<double>(step.step + 1) / static_cast<double>(training.steps),
                    fmt::format("step {}/{}  loss {:.3f} {}  {}", step.step + 1, training.steps, step.loss,
                                terminal::sparkline(losses(seen), kSparkColumns),
                                terminal::rate(step.tokens_per_s, "tokens")));
      }};
  try {
    executor::RunResult result = executor::run_rank(context);
    line.finish();
    return result;
  } catch (const RunFailed&) {
    line.finish();
    write_metrics(options, seen);
    throw;
  }
}

void write_metrics(const ExecOptions& options, const std::vector<executor::StepRecord>& steps) {
  if (options.metrics.empty()) return;
  std::string lines;
  for (const executor::StepRecord& step : steps) lines += step_json(step).dump() + "\n";
  write_output(options.metrics, lines);
}

std::optional<Measured> measured_summary(const Training& training, const executor::RunResult& result) {
  const executor::MeasuredStep* step = executor::median_step(result);
  if (step == nullptr) return std::nullopt;
  return Measured{program::summarise(training.program(), step->cpu),
                  program::summarise(training.program(), step->wall)};
}

namespace {

Json measured_json(const Training& training, const executor::RunResult& result) {
  Json json = {{"peak_bytes_per_rank", {result.arena.value}},
               {"resident_bytes_per_rank", {result.resident.value}},
               {"held_back_loss", {{"before", result.held_back_before}, {"after", result.held_back_after}}}};
  if (const auto measured = measured_summary(training, result)) {
    json["step_time_s"] = measured->cpu.step_time.value;
    json["step_time_wall_s"] = measured->wall.step_time.value;
    json["clock"] = "thread CPU seconds; _wall_ is wall time";
    json["time_s"] = report::to_json(measured->cpu.parts);
  }
  return json;
}

Json predicted_json(const Training& training, const report::Provenance& origin) {
  const engine::Prediction& p = training.prediction;
  const report::Predicted predicted{.job = training.job,
                                    .program = p.program,
                                    .memory = p.memory,
                                    .peak = p.peak,
                                    .summary = p.summary,
                                    .sigma = p.sigma,
                                    .depth = p.timeline.rows.empty() ? "analytic" : "event",
                                    .peak_per_rank = training.profile.gemm_peak,
                                    .peak_source = "best GEMM rate of one core in the profile",
                                    .assumptions = {}};
  return {{"step_time_s", p.summary.step_time.value},
          {"peak_bytes_per_rank", {p.peak.value}},
          {"time_s", report::to_json(p.summary.parts)},
          {"report", report::run_report(predicted, origin)}};
}

}  // namespace

Json exec_report(const Training& training, const executor::RunResult& result,
                 const report::Provenance& origin) {
  return {{"schema", "ds-exec-report-1"},
          {"provenance", report::to_json(origin)},
          {"steps", steps_json(result)},
          {"measured", measured_json(training, result)},
          {"predicted", predicted_json(training, origin)}};
}

bool talks(const Common& common, const ExecOptions& options) {
  return common.talks() && options.metrics != "-" && options.trace != "-";
}

std::string learning_text(const Training& training, const executor::RunResult& result) {
  if (result.steps.empty()) return "no step was run\n";
  const executor::Baseline known = executor::baseline(training.text);
  return fmt::format(
      "loss       {:.2f} {} {:.2f} nats/byte; on held-back text {:.2f} -> {:.2f}\n"
      "           (letter frequencies alone: {:.2f}, letter pairs: {:.2f})\n",
      result.steps.front().loss, terminal::sparkline(losses(result.steps), kSparkColumns),
      result.steps.back().loss, result.held_back_before, result.held_back_after, known.letters, known.pairs);
}

}  // namespace ds::cli
