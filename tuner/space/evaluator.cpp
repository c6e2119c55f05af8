// Candidates become plans, plans are estimated side by side, and what no estimate covers is lowered, in order.
#include "tuner/space/evaluator.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "simulator/engine/predict.h"
#include "simulator/workload/settle.h"

namespace ds::tuner {
namespace {

/// A bound is never above its step time, up to this.
constexpr double kRounding = 1e-9;

/// Of the rank that needs most, by lowering.
Bytes peak_of(const workload::Job& job) {
  const program::Program program = program::lower(job, program::Classes::per_stage, program::Hash::left_out);
  std::vector<memory::Layout> layouts;
  if (job.habits.allocator == "arena") layouts = engine::layouts_of(program);
  Bytes most;
  for (const memory::Parts& parts : engine::needs_of(program, layouts, job))
    most = std::max(most, parts.total());
  return most;
}

}  // namespace

/// One call of evaluate: what it was asked for, and the best step times so far.
class Evaluator::Batch {
 public:
  Batch(Evaluator& evaluator, const Judging& judging)
      : evaluator_(&evaluator), judging_(&judging), job_(evaluator.space_->base()), leaders_(judging.top) {
    for (const Judging::Best& one : judging.best) leaders_.add({one.kind, one.step_time, {}});
  }

  void add(Rejection rejection) { entries_.push_back({.rejection = rejection, .plan = 0}); }
  void add(workload::Plan plan) {
    entries_.push_back({.rejection = std::nullopt, .plan = plans_.size()});
    plans_.push_back(std::move(plan));
  }

  std::vector<Verdict> run() {
    estimates_.resize(plans_.size());
    // On CPUs there are none.
    if (!job_.cluster.cpu()) evaluator_->estimator_.estimate(plans_, estimates_, judging_->enough);
    find_peaks();
    find_step_times();
    std::vector<Verdict> verdicts;
    for (const Entry& entry : entries_) {
      if (evaluated_ >= judging_->evals || enough()) break;
      // Out of time before all was known of it.
      if (!entry.rejection && !known(entry.plan)) break;
      verdicts.push_back(entry.rejection ? rejected(*entry.rejection) : judge(entry.plan));
      if (judging_->told) judging_->told(verdicts.size() - 1, verdicts.back());
    }
    return verdicts;
  }

 private:
  struct Entry {
    std::optional<Rejection> rejection;
    std::size_t plan{};  // among the legal ones, where it is one
  };

  static Verdict rejected(const Rejection& why) { return {.reason = why.reason, .path = why.path}; }

  bool enough() const { return judging_->enough && judging_->enough(); }

  workload::Job job_of(std::size_t number) const {
    workload::Job job = job_;
    job.plan = plans_[number];
    workload::settle(job);
    return job;
  }

  /// Of plans that no estimate covers: put together where that is possible, else lowered.
  void find_peaks() {
    // Where every chunk has layers of its own, few stages are alike.
    const auto has_own_chunks = [](const workload::Plan& plan) {
      return plan.stage_layers_given && plan.vpp > 1;
    };
    std::vector<std::size_t> together, missing;
    std::vector<workload::Plan> plans;
    for (std::size_t i = 0; i < plans_.size(); ++i) {
      if (estimates_[i].peak || has_own_chunks(plans_[i])) continue;
      together.push_back(i);
      plans.push_back(plans_[i]);
    }
    const std::vector<std::optional<Bytes>> peaks = evaluator_->peaks_.of(plans, judging_->enough);
    for (std::size_t t = 0; t < together.size(); ++t) estimates_[together[t]].peak = peaks[t];
    for (std::size_t i = 0; i < plans_.size(); ++i)
      if (!estimates_[i].peak) missing.push_back(i);
    evaluator_->pool_.share(missing.size(), [&](std::size_t piece, std::size_t /*member*/) {
      if (!enough()) estimates_[missing[piece]].peak = peak_of(job_of(missing[piece]));
    });
  }
  /// Where plans are cut, bounds at first.
  void find_step_times() {
    bounds_.resize(plans_.size());
    std::vector<std::size_t> missing;
    std::vector<workload::Plan> plans;
    for (std::size_t i = 0; i < plans_.size(); ++i) {
      if (estimates_[i].step_time || !estimates_[i].peak || !is_wanted(i)) continue;
      missing.push_back(i);
      plans.push_back(plans_[i]);
    }
    const bool cuts = judging_->top > 0;
    const std::vector<Seconds> seconds = cuts ? evaluator_->steps_.bounds(plans, judging_->enough)
                                              : evaluator_->steps_.step_times(plans, judging_->enough);
    for (std::size_t m = 0; m < missing.size(); ++m) {
      if (cuts)
        bounds_[missing[m]] = seconds[m];
      else if (seconds[m].value > 0)
        estimates_[missing[m]].step_time = seconds[m];
    }
  }

  /// What a rank can use. Ranks on processors share the machine's.
  double usable(std::size_t number) const {
    const auto of = [](const workload::Job& job) {
      return job.cluster.groups.front().node.memory_bytes_per_gpu;
    };
    return job_.cluster.cpu() ? of(job_of(number)) : of(job_);
  }
  bool fits(std::size_t number) const {
    return static_cast<double>(estimates_[number].peak.value_or(Bytes{}).value) <= usable(number);
  }
  /// Whether its step time is asked for.
  bool is_wanted(std::size_t number) const { return judging_->too_large_ones || fits(number); }
  bool known(std::size_t number) const {
    return estimates_[number].peak &&
           (estimates_[number].step_time || judging_->top > 0 || !is_wanted(number));
  }

  Verdict judge(std::size_t number) {
    const Estimate& estimate = estimates_[number];
    Verdict verdict{.reason = Reason::memory, .path = {}, .kind = kind_of(plans_[number])};
    verdict.peak = estimate.peak.value_or(Bytes{});
    verdict.share_of_memory = static_cast<double>(verdict.peak.value) / usable(number);
    verdict.fits = fits(number);
    if (!is_wanted(number)) return verdict;
    if (!estimate.step_time && judging_->top > 0 &&
        leaders_.rules_out(verdict.kind, {bounds_[number].value / (1 + kRounding)})) {
      verdict.step_time = bounds_[number];
      verdict.reason = Reason::bound;
      return verdict;
    }
    verdict.step_time = estimate.step_time
                            ? *estimate.step_time
                            : evaluator_->steps_.step_times(std::span(&plans_[number], 1)).front();
    verdict.reason = Reason::evaluated;
    ++evaluated_;
    leaders_.add({verdict.kind, verdict.step_time, {}});
    return verdict;
  }

  Evaluator* evaluator_;
  const Judging* judging_;
  workload::Job job_;
  std::vector<Entry> entries_;
  std::vector<workload::Plan> plans_;  // the legal ones
  std::vector<Estimate> estimates_;    // of these
  std::vector<Seconds> bounds_;        // of those that no estimate covers, where plans are cut
  struct Nothing {};
  Leaders<Nothing> leaders_;
  std::int64_t evaluated_{0};
};

Evaluator::Evaluator(const Space& space, const cost::Profile& profile, std::size_t threads)
    : space_(&space),
      pool_(threads),
      estimator_(space.base(), threads),
      peaks_(space.base(), threads),
      steps_(space.base(), profile, threads) {}

std::vector<Verdict> Evaluator::evaluate(std::span<const Candidate> candidates, const Judging& judging) {
  Batch batch(*this, judging);
  workload::Job job = space_->base();
  for (const Candidate& candidate : candidates)
    if (const std::optional<Rejection> rejection = space_->decode_into(candidate, job))
      batch.add(*rejection);
    else
      batch.add(job.plan);
  return batch.run();
}

std::vector<Verdict> Evaluator::evaluate(std::span<const workload::Plan> plans, const Judging& judging) {
  Batch batch(*this, judging);
  for (const workload::Plan& plan : plans) batch.add(plan);
  return batch.run();
}

}  // namespace ds::tuner
