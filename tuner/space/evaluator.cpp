// Candidates become plans, plans are estimated side by side, and what no estimate covers is lowered, in order.
#include "tuner/space/evaluator.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "simulator/engine/analysis.h"
#include "simulator/engine/predict.h"
#include "simulator/workload/settle.h"

namespace ds::tuner {
namespace {

/// A bound is never above its step time, up to this.
constexpr double kRounding = 1e-9;

/// A plan that has to be lowered, and what is then known of it.
class Lowered {
 public:
  Lowered(const workload::Job& job, const cost::Profile& profile)
      : job_(&job), machine_(job, profile), program_(program::lower(job)) {}

  Bytes peak() const {
    std::vector<memory::Layout> layouts;
    if (job_->habits.allocator == "arena") layouts = engine::layouts_of(program_);
    Bytes most;
    for (const memory::Parts& parts : engine::needs_of(program_, layouts, *job_))
      most = std::max(most, parts.total());
    return most;
  }
  Seconds bound() { return analysis().bound(); }
  Seconds step_time() { return analysis().step_time(); }

 private:
  engine::Analysis& analysis() {
    if (!analysis_) {
      durations_ = engine::price(program_, machine_);
      analysis_.emplace(program_, durations_);
    }
    return *analysis_;
  }

  const workload::Job* job_;
  cost::Machine machine_;
  program::Program program_;
  engine::Durations durations_;
  std::optional<engine::Analysis> analysis_;
};

}  // namespace

/// One call of evaluate: what it was asked for, and the best step times so far.
class Evaluator::Batch {
 public:
  Batch(Evaluator& evaluator, const Judging& judging)
      : evaluator_(&evaluator), judging_(&judging), job_(evaluator.space_->base()), best_(judging.best) {}

  void add(Rejection rejection) { entries_.push_back({.rejection = rejection, .plan = 0}); }
  void add(workload::Plan plan) {
    entries_.push_back({.rejection = std::nullopt, .plan = plans_.size()});
    plans_.push_back(std::move(plan));
  }

  std::vector<Verdict> run() {
    estimates_.resize(plans_.size());
    // On CPUs there are none.
    if (!job_.cluster.cpu()) evaluator_->estimator_.estimate(plans_, estimates_, judging_->enough);
    std::vector<Verdict> verdicts;
    for (const Entry& entry : entries_) {
      if (evaluated_ >= judging_->evals || (judging_->enough && judging_->enough())) break;
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

  Verdict judge(std::size_t number) {
    job_.plan = plans_[number];
    workload::settle(job_);
    const Estimate& estimate = estimates_[number];
    std::optional<Lowered> lowered;
    const auto exactly = [&]() -> Lowered& {
      if (!lowered) lowered.emplace(job_, *evaluator_->profile_);
      return *lowered;
    };
    Verdict verdict{.reason = Reason::memory, .path = {}};
    verdict.peak = estimate.peak ? *estimate.peak : exactly().peak();
    const double usable = job_.cluster.groups.front().node.memory_bytes_per_gpu;
    verdict.share_of_memory = static_cast<double>(verdict.peak.value) / usable;
    verdict.fits = static_cast<double>(verdict.peak.value) <= usable;
    if (!verdict.fits && !judging_->too_large_ones) return verdict;
    // Where the step time itself is known as quickly, no bound is asked for.
    if (!estimate.step_time && judging_->top > 0 && best_.size() >= judging_->top) {
      verdict.step_time = exactly().bound();
      verdict.reason = Reason::bound;
      if (verdict.step_time.value >= best_[judging_->top - 1].value * (1 + kRounding)) return verdict;
    }
    verdict.step_time = estimate.step_time ? *estimate.step_time : exactly().step_time();
    verdict.reason = Reason::evaluated;
    ++evaluated_;
    remember(verdict.step_time);
    return verdict;
  }

  void remember(Seconds step_time) {
    if (judging_->top == 0) return;
    best_.insert(std::ranges::upper_bound(best_, step_time), step_time);
    if (best_.size() > judging_->top) best_.resize(judging_->top);
  }

  Evaluator* evaluator_;
  const Judging* judging_;
  workload::Job job_;
  std::vector<Entry> entries_;
  std::vector<workload::Plan> plans_;  // the legal ones
  std::vector<Estimate> estimates_;    // of these
  std::vector<Seconds> best_;
  std::int64_t evaluated_{0};
};

Evaluator::Evaluator(const Space& space, const cost::Profile& profile, std::size_t threads)
    : space_(&space), profile_(&profile), estimator_(space.base(), threads) {}

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
