// Candidates become plans, and those that nothing cheaper settles are asked for their peaks and step times, many at once.
#include "tuner/space/evaluator.h"

#include <algorithm>
#include <array>
#include <deque>
#include <iterator>
#include <limits>
#include <numeric>
#include <optional>
#include <utility>

#include "simulator/engine/predict.h"
#include "simulator/workload/settle.h"
#include "tuner/space/standing.h"

namespace ds::tuner {
namespace {

/// Plans that are asked for at once: few while they are the first, since each of them may cut all that follow.
constexpr std::size_t kFirstWave = 4, kLargestWave = 32;
/// And where nothing is cut.
constexpr std::size_t kWave = 8192;
/// Whose bounds on memory are asked for at once.
constexpr std::size_t kBlock = 256;

/// What a rank can use. Ranks on processors share the machine's: of them this is known once the plan has been settled.
double usable_bytes(const workload::Job& job) { return job.cluster.groups.front().node.memory_bytes_per_gpu; }

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
  /// `size`: of the batch. Entries that are not added before it runs are unseen.
  Batch(Evaluator& evaluator, const Judging& judging, std::size_t size)
      : evaluator_(&evaluator),
        judging_(&judging),
        job_(evaluator.space_->base()),
        verdicts_(size, {.reason = Reason::unseen, .path = {}, .kind = {}}),
        standing_(judging) {}

  void add(Rejection rejection) { entries_.push_back({.rejection = rejection, .plan = 0}); }
  /// Layers that follow from the rest are left out: of half a million plans they would take gigabytes.
  void add(workload::Plan plan) {
    entries_.push_back({.rejection = std::nullopt, .plan = plans_.size()});
    if (!plan.stage_layers_given) plan.stage_layers = {};
    plans_.push_back(std::move(plan));
  }

  std::vector<Verdict> run() {
    floors_.resize(plans_.size());
    if (cuts()) floors_ = evaluator_->steps_.work_bounds(plans_, judging_->enough);
    if (cuts() && judging_->front) peak_floors_ = evaluator_->peaks_.floors(plans_, judging_->enough);
    order_.resize(entries_.size());
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    if (cuts() && !is_limited())
      std::ranges::stable_sort(order_, {}, [&](std::size_t e) { return floor_of(e); });
    // Where nothing is cut, all are needed: those that share most come together, so that what is remembered can be forgotten.
    if (!cuts() && !is_limited())
      std::ranges::stable_sort(order_, {}, [&](std::size_t e) { return kinship_of(e); });
    std::size_t at_once = cuts() || is_limited() ? kFirstWave : std::min(kWave, order_.size());
    const std::size_t most = std::max(at_once, kLargestWave);
    while ((next_ < order_.size() || !likely_.empty()) && evaluated_ < judging_->evals && !enough()) {
      const auto left = static_cast<std::size_t>(judging_->evals - evaluated_);
      if (judging_->ahead) judging_->ahead(looked_at_, open());
      judge(next_wave(std::min(at_once, left)));
      at_once = std::min(2 * at_once, most);
    }
    return std::move(verdicts_);
  }

 private:
  struct Entry {
    std::optional<Rejection> rejection;
    std::size_t plan{};  // among the legal ones, where it is one
  };
  using Wave = std::vector<std::size_t>;  // entries

  bool cuts() const { return standing_.cuts(); }
  bool is_limited() const { return judging_->evals != std::numeric_limits<std::int64_t>::max(); }
  bool enough() const { return judging_->enough && judging_->enough(); }
  /// Rejected ones come first.
  double floor_of(std::size_t e) const {
    return entries_[e].rejection ? -1 : floors_[entries_[e].plan].value;
  }
  const workload::Plan& plan_of(std::size_t e) const { return plans_[entries_[e].plan]; }
  using Kinship = std::array<std::int64_t, 8>;
  Kinship kinship_of(std::size_t e) const {
    if (entries_[e].rejection) return {};
    const workload::Plan& p = plan_of(e);
    const auto number = [](auto value) { return static_cast<std::int64_t>(value); };
    return {number(p.precision),
            number(p.attention),
            p.tp,
            number(p.sequence_parallel),
            p.cp,
            number(p.recompute),
            p.pp,
            p.vpp};
  }

  workload::Job job_of(std::size_t e) const {
    workload::Job job = job_;
    job.plan = plan_of(e);
    workload::settle(job);
    return job;
  }

  void tell(std::size_t e) {
    if (judging_->told) judging_->told(e, verdicts_[e]);
  }
  /// By what is known; where no front is asked for, nobody asks.
  Bytes least_peak(std::size_t e) const {
    return peak_floors_.empty() ? Bytes{} : std::max(verdicts_[e].peak, peak_floors_[entries_[e].plan]);
  }
  bool rules_out(std::size_t e, Seconds bound) {
    if (!standing_.beats(verdicts_[e].kind, bound, least_peak(e))) return false;
    verdicts_[e].step_time = bound;
    verdicts_[e].reason = Reason::bound;
    tell(e);
    return true;
  }

  /// Of those to come, a part of which is looked at.
  std::int64_t open() const {
    constexpr std::size_t kLooks = 500;
    const std::size_t left = order_.size() - next_, step = std::max<std::size_t>(1, left / kLooks);
    std::int64_t looks = 0, found = 0;
    for (std::size_t i = next_; i < order_.size(); i += step, ++looks) {
      const std::size_t e = order_[i];
      if (entries_[e].rejection) continue;
      found += standing_.beats(kind_of(plan_of(e)), floors_[entries_[e].plan], least_peak(e)) ? 0 : 1;
    }
    return std::ssize(likely_) + (looks == 0 ? 0 : found * static_cast<std::int64_t>(left) / looks);
  }

  /// Settles entries until there are so many that are not; the peaks and step times of these are asked for.
  Wave next_wave(std::size_t most) {
    Wave wave;
    while (wave.size() < most && !enough()) {
      if (likely_.empty() && next_ == order_.size()) break;
      if (likely_.empty()) find_likely(is_limited() ? most - wave.size() : kBlock);
      while (!likely_.empty() && wave.size() < most) {
        const std::size_t e = likely_.front();
        likely_.pop_front();
        if (!rules_out(e, floors_[entries_[e].plan])) wave.push_back(e);
      }
    }
    return wave;
  }

  /// Goes on to so many candidates that bounds do not settle.
  void find_likely(std::size_t most) {
    Wave block;
    while (next_ < order_.size() && block.size() < most && !enough()) {
      const std::size_t e = order_[next_++];
      if (const std::optional<Rejection>& rejection = entries_[e].rejection) {
        verdicts_[e] = {.reason = rejection->reason, .path = rejection->path, .kind = {}};
        tell(e);
        continue;
      }
      verdicts_[e].kind = kind_of(plan_of(e));
      if (!rules_out(e, floors_[entries_[e].plan])) block.push_back(e);
    }
    looked_at_ += std::ssize(block);
    if (cuts() && !judging_->too_large_ones) leave_too_large(block);
    likely_.insert(likely_.end(), block.begin(), block.end());
  }

  /// By a bound on their peaks; but for those that may be nearest to fit, as long as none does.
  void leave_too_large(Wave& block) {
    const std::vector<Bytes> floors = peak_floors_of(block);
    std::size_t number = 0;
    std::erase_if(block, [&](std::size_t e) {
      const Bytes floor = floors[number++];
      const double share = static_cast<double>(floor.value) / usable(e);
      if (share <= 1 || (standing_.empty() && share < nearest_)) return false;
      settle_too_large(e, floor, share);
      return true;
    });
  }

  std::vector<Bytes> peak_floors_of(const Wave& block) const {
    if (peak_floors_.empty()) return evaluator_->peaks_.floors(plans_of(block), judging_->enough);
    std::vector<Bytes> floors;
    for (const std::size_t e : block) floors.push_back(peak_floors_[entries_[e].plan]);
    return floors;
  }

  void settle_too_large(std::size_t e, Bytes peak, double share) {
    verdicts_[e].peak = peak;
    verdicts_[e].share_of_memory = share;
    verdicts_[e].reason = Reason::memory;
    tell(e);
  }

  std::vector<workload::Plan> plans_of(const Wave& wave) const {
    std::vector<workload::Plan> plans;
    for (const std::size_t e : wave) plans.push_back(plan_of(e));
    return plans;
  }

  const Dear* known(std::size_t e) const { return judging_->known ? judging_->known(e) : nullptr; }
  void tell_dear(std::size_t e) {
    if (judging_->dear) judging_->dear(e, verdicts_[e]);
  }

  /// An answer for each: where a verdict is known what it implies, else what `ask` says of these plans.
  template <class Implied, class Ask>
  auto answers(const Wave& wave, const Implied& implied, const Ask& ask) const {
    Wave unknown;
    std::ranges::copy_if(wave, std::back_inserter(unknown),
                         [&](std::size_t e) { return known(e) == nullptr; });
    auto asked = ask(plans_of(unknown));
    if (unknown.size() == wave.size()) return asked;
    decltype(asked) all;
    std::size_t number = 0;
    for (const std::size_t e : wave)
      if (const Dear* verdict = known(e))
        all.push_back(implied(*verdict));
      else
        all.push_back(asked[number++]);
    return all;
  }

  void judge(Wave wave) {
    judge_memory(wave);
    if (cuts()) {
      const std::vector<Seconds> bounds = answers(
          wave, [](const Dear& one) { return one.reason == Reason::bound ? one.step_time : Seconds{}; },
          [&](const auto& plans) { return evaluator_->steps_.bounds(plans, judging_->enough); });
      std::size_t number = 0;
      std::erase_if(wave, [&](std::size_t e) {
        if (!rules_out(e, bounds[number++])) return false;
        tell_dear(e);
        return true;
      });
    }
    const std::vector<Seconds> steps = answers(
        wave, [](const Dear& one) { return one.step_time; },
        [&](const auto& plans) { return evaluator_->steps_.step_times(plans, judging_->enough); });
    for (std::size_t i = 0; i < wave.size(); ++i) {
      if (steps[i].value == 0) continue;  // out of time
      Verdict& verdict = verdicts_[wave[i]];
      verdict.step_time = steps[i];
      verdict.reason = Reason::evaluated;
      ++evaluated_;
      standing_.add(verdict);
      tell_dear(wave[i]);
      tell(wave[i]);
    }
  }

  /// Leaves those whose step time is asked for.
  void judge_memory(Wave& wave) {
    // Where some fit, nobody asks how far from it others are.
    const bool only_whether = !judging_->too_large_ones && !standing_.empty() && !job_.cluster.cpu();
    const double limit =
        only_whether && !wave.empty() ? usable(wave.front()) : std::numeric_limits<double>::infinity();
    std::vector<std::optional<Bytes>> peaks = answers(
        wave, [](const Dear& one) { return std::optional(one.peak); },
        [&](const auto& plans) { return evaluator_->peaks_.of(plans, judging_->enough, limit); });
    evaluator_->pool_.share(wave.size(), [&](std::size_t i, std::size_t /*member*/) {
      if (!peaks[i] && !enough()) peaks[i] = peak_of(job_of(wave[i]));
    });
    std::size_t number = 0;
    std::erase_if(wave, [&](std::size_t e) {
      const std::optional<Bytes> peak = peaks[number++];
      if (!peak) return true;  // out of time
      const double share = static_cast<double>(peak->value) / usable(e);
      if (share > 1 && !judging_->too_large_ones) {
        nearest_ = std::min(nearest_, share);
        settle_too_large(e, *peak, share);
        tell_dear(e);
        return true;
      }
      verdicts_[e].peak = *peak;
      verdicts_[e].share_of_memory = share;
      verdicts_[e].fits = share <= 1;
      return false;
    });
  }

  double usable(std::size_t e) const { return usable_bytes(job_.cluster.cpu() ? job_of(e) : job_); }

  Evaluator* evaluator_;
  const Judging* judging_;
  workload::Job job_;
  std::vector<Entry> entries_;
  std::vector<workload::Plan> plans_;                        // the legal ones
  std::vector<Seconds> floors_;                              // no step of these is below, where plans are cut
  std::vector<Bytes> peak_floors_;                           // nor their peaks, where a front is asked for
  std::vector<std::size_t> order_;                           // in which entries are judged
  std::size_t next_{0};                                      // of these
  std::deque<std::size_t> likely_;                           // of those before, what bounds have not settled
  double nearest_{std::numeric_limits<double>::infinity()};  // share of memory, of those that do not fit
  std::vector<Verdict> verdicts_;                            // by entry
  Standing standing_;
  std::int64_t evaluated_{0}, looked_at_{0};
};

Evaluator::Evaluator(const Space& space, const cost::Profile& profile, std::size_t threads)
    : space_(&space), pool_(threads), peaks_(space.base(), threads), steps_(space.base(), profile, threads) {}

std::vector<Verdict> Evaluator::evaluate(std::span<const Candidate> candidates, const Judging& judging) {
  Batch batch(*this, judging, candidates.size());
  workload::Job job = space_->base();
  for (const Candidate& candidate : candidates)
    if (judging.enough && judging.enough())
      break;
    else if (const std::optional<Rejection> rejection = space_->decode_into(candidate, job))
      batch.add(*rejection);
    else
      batch.add(job.plan);
  return batch.run();
}

std::vector<Glance> Evaluator::look(std::span<const Candidate> candidates) {
  std::vector<Glance> glances(candidates.size());
  std::vector<workload::Plan> plans;
  std::vector<std::size_t> legal;
  workload::Job job = space_->base();
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    glances[i].rejection = space_->decode_into(candidates[i], job);
    if (glances[i].rejection) continue;
    glances[i].share_of_memory = 1 / usable_bytes(job);
    legal.push_back(i);
    plans.push_back(job.plan);
  }
  const std::vector<Seconds> bounds = steps_.work_bounds(plans);
  const std::vector<Bytes> floors = peaks_.floors(plans);
  for (std::size_t i = 0; i < legal.size(); ++i) {
    glances[legal[i]].work_bound = bounds[i];
    glances[legal[i]].share_of_memory *= static_cast<double>(floors[i].value);
  }
  return glances;
}

std::vector<Verdict> Evaluator::evaluate(std::span<const workload::Plan> plans, const Judging& judging) {
  Batch batch(*this, judging, plans.size());
  for (const workload::Plan& plan : plans) batch.add(plan);
  return batch.run();
}

}  // namespace ds::tuner
