#include "tuner/estimate/steps.h"

#include <algorithm>
#include <compare>
#include <limits>
#include <tuple>
#include <utility>

namespace ds::tuner {

using workload::Plan;

namespace {

constexpr double kNever = -std::numeric_limits<double>::infinity();

bool reduces_in_pass(const Plan& plan) { return plan.overlap.grad_reduce && plan.dp > 1; }

/// What passes take. In the order of what it says, not of where it is, so that all runs do the same.
struct Numbers {
  const std::vector<double>* list;
  bool operator==(const Numbers& other) const { return list == other.list || *list == *other.list; }
  std::partial_ordering operator<=>(const Numbers& other) const {
    return list == other.list ? std::partial_ordering::equivalent : *list <=> *other.list;
  }
};

/// All that the passes of a pipeline take by, beside its shape.
auto passes_key(const Steps::Entry& entry) {
  const auto zero = [&](Kind kind) { return entry.updates->one_layer(kind).zero; };
  return std::tuple(Numbers{entry.passes_numbers}, reduces_in_pass(*entry.plan), entry.updates->layer().zero,
                    zero(Kind::first), zero(Kind::middle), zero(Kind::last), zero(Kind::only));
}

}  // namespace

bool Steps::run(const Shape& shape, std::span<Entry> entries, std::span<Estimate> estimates) {
  shape_ = shape;
  stages_ = static_cast<std::size_t>(shape.stages);
  chunks_ = static_cast<std::size_t>(shape.chunks);
  beside_ = entries.front().plan->overlap.p2p && stages_ > 1;
  const std::size_t cells = stages_ * chunks_;
  cells_.resize(cells);
  come_.resize(cells);
  start_.resize(stages_);
  lane_free_.resize(stages_);
  find_variants(*entries.front().plan);
  for (std::size_t cell = 0; cell < cells; ++cell) cells_[cell] = &variants_[variant_of_[cell]].chunk;

  std::ranges::stable_sort(entries, {}, passes_key);
  std::array<std::span<const Entry>, kLanes> lots;
  std::size_t count = 0;
  delayed_.clear();
  for (auto first = entries.begin(); first != entries.end();) {
    const auto last = std::find_if(first, entries.end(),
                                   [&](const Entry& one) { return passes_key(one) != passes_key(*first); });
    lots[count++] = {first, last};
    first = last;
    if (count < kLanes && last != entries.end()) continue;
    if (!run_lots(std::span(lots).first(std::exchange(count, 0)), estimates)) return false;
  }
  for (std::size_t first = 0; first < delayed_.size(); first += kLanes)
    run_alone(std::span(delayed_).subspan(first, std::min(kLanes, delayed_.size() - first)), estimates);
  return true;
}

bool Steps::play() {
  return run_.play(
      shape_,
      {.chunks = cells_, .weights_come = come_of_lanes_, .start = start_of_lanes_, .beside = beside_});
}

void Steps::take(const Entry& entry, std::size_t lane) {
  entry_ = &entry;
  lane_ = lane;
}

bool Steps::run_lots(std::span<const std::span<const Entry>> lots, std::span<Estimate> estimates) {
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    take(lots[std::min(lane, lots.size() - 1)].front(), lane);  // lanes to spare do the last one again
    for (Variant& variant : variants_) fill(variant);
  }
  Lanes never;
  never.of.fill(kNever);
  come_of_lanes_.assign(cells_.size(), never);
  start_of_lanes_.assign(stages_, never);
  start_of_lanes_.front() = {};
  if (!play()) return false;
  for (std::size_t lane = 0; lane < lots.size(); ++lane)
    for (const Entry& entry : lots[lane]) {
      take(entry, lane);
      for (std::size_t s = 0; s < stages_; ++s) begin(s);
      if (const std::optional<double> late = offset()) {
        offset_ = *late;
        estimates[entry.number].step_time = Seconds{finish()};
      } else {
        delayed_.push_back(entry);
      }
    }
  return true;
}

bool Steps::run_alone(std::span<const Entry> entries, std::span<Estimate> estimates) {
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    take(entries[std::min(lane, entries.size() - 1)], lane);
    for (Variant& variant : variants_) fill(variant);
    for (std::size_t s = 0; s < stages_; ++s) {
      begin(s);
      start_of_lanes_[s][lane] = start_[s];
    }
    for (std::size_t cell = 0; cell < cells_.size(); ++cell) come_of_lanes_[cell][lane] = come_[cell];
  }
  if (!play()) return false;
  offset_ = 0;
  for (std::size_t lane = 0; lane < entries.size(); ++lane) {
    take(entries[lane], lane);
    for (std::size_t s = 0; s < stages_; ++s) begin(s);
    estimates[entry_->number].step_time = Seconds{finish()};
  }
  return true;
}

std::optional<double> Steps::offset() const {
  const PassOf<Lanes>& first = variant(0, 0).chunk.forward;
  const double passed = start_[0] + first.ahead[lane_] + first.begin[lane_] + first.end[lane_];
  const double late = std::max(passed, come_[0]) - run_.first_forward(0).sent[lane_];
  for (std::size_t s = 1; s < stages_; ++s)
    if (start_[s] + variant(s, 0).chunk.forward.ahead[lane_] >
        run_.first_forward(s * chunks_).came[lane_] + late)
      return std::nullopt;
  for (std::size_t cell = 1; cell < cells_.size(); ++cell)
    if (come_[cell] > run_.first_forward(cell).sent[lane_] + late) return std::nullopt;
  return late;
}

Kind Steps::kind_of(std::size_t stage) const {
  if (stages_ == 1) return Kind::only;
  if (stage == 0) return Kind::first;
  return stage + 1 == stages_ ? Kind::last : Kind::middle;
}

Kind Steps::kind_of(std::size_t stage, std::size_t chunk) const {
  const Kind kind = kind_of(stage);
  if (kind == Kind::first && chunk > 0) return Kind::middle;
  if (kind == Kind::last && chunk + 1 < chunks_) return Kind::middle;
  return kind;
}

void Steps::find_variants(const Plan& plan) {
  variants_.clear();
  variant_of_.resize(stages_ * chunks_);
  layers_.assign(stages_, 0);
  for (std::size_t s = 0; s < stages_; ++s)
    for (std::size_t c = 0; c < chunks_; ++c) {
      const Kind kind = kind_of(s, c);
      const std::int64_t layers = plan.stage_layers[s][c];
      layers_[s] += layers;
      const auto same = [&](const Variant& one) { return one.kind == kind && one.layers == layers; };
      auto found = std::ranges::find_if(variants_, same);
      if (found == variants_.end()) {
        variants_.push_back({.kind = kind, .layers = layers, .chunk = {}});
        found = variants_.end() - 1;
      }
      variant_of_[s * chunks_ + c] = static_cast<std::size_t>(found - variants_.begin());
    }
}

void Steps::fill(Variant& variant) {
  ChunkSeconds chunk = passes().seconds(variant.kind, variant.layers, beside_);
  if (!reduces_in_pass(plan())) chunk.last_backward = chunk.backward;
  const StageUpdate& update = updates().one_layer(variant.kind);
  chunk.first_backward.ahead +=
      update.zero + static_cast<double>(variant.layers - 1) * updates().layer().zero;
  if (shape_.micro_batches == 1) chunk.last_backward = chunk.first_backward;
  const auto put = [&](PassOf<Lanes>& lanes, const PassSeconds& pass) {
    lanes.ahead[lane_] = pass.ahead;
    lanes.begin[lane_] = pass.begin;
    lanes.end[lane_] = pass.end;
    lanes.rest[lane_] = pass.rest;
    lanes.frees_early[lane_] = pass.frees_early;
    lanes.frees_late[lane_] = pass.frees_late;
  };
  put(variant.chunk.forward, chunk.forward);
  put(variant.chunk.backward, chunk.backward);
  put(variant.chunk.first_backward, chunk.first_backward);
  put(variant.chunk.last_backward, chunk.last_backward);
  variant.chunk.take_forward[lane_] = chunk.take_forward;
  variant.chunk.take_backward[lane_] = chunk.take_backward;
  variant.chunk.takes_forward = chunk.takes_forward;
  variant.chunk.takes_backward = chunk.takes_backward;
}

void Steps::begin(std::size_t s) {
  const bool as_before = s > 1 && kind_of(s) == Kind::middle &&
                         std::equal(variant_of_.begin() + static_cast<std::ptrdiff_t>(s * chunks_),
                                    variant_of_.begin() + static_cast<std::ptrdiff_t>((s + 1) * chunks_),
                                    variant_of_.begin() + static_cast<std::ptrdiff_t>((s - 1) * chunks_));
  if (as_before) {
    start_[s] = start_[s - 1];
    lane_free_[s] = lane_free_[s - 1];
    for (std::size_t c = 0; c < chunks_; ++c) come_[s * chunks_ + c] = come_[(s - 1) * chunks_ + c];
    return;
  }
  const StageUpdate& update = updates().one_layer(kind_of(s));
  const auto more = static_cast<double>(layers_of(s) - 1);
  start_[s] = update.clip + update.update + more * updates().layer().update;
  double updated = update.clip, free = 0;
  for (std::size_t c = 0; c < chunks_; ++c) {
    double& come = come_[s * chunks_ + c] = 0;
    const Variant& chunk = variant(s, c);
    const StageUpdate& own = updates().one_layer(chunk.kind);
    if (own.gathers.empty()) continue;
    // When each bucket's parameters have come, and how much of the first forward is left from where it needs them.
    gathered_.clear();
    for_each_bucket(own.gathers, chunk.layers, [&](const BucketCollective& one, std::int64_t) {
      updated += one.after;
      free = std::max(free, updated) + one.seconds;
      gathered_.push_back(free);
    });
    const double whole = chunk.chunk.forward.begin[lane_] + chunk.chunk.forward.end[lane_];
    std::size_t b = 0;
    for_each_bucket(passes().one_layer(chunk.kind).needs, chunk.layers,
                    [&](const BucketPoint& need, std::int64_t ahead) {
                      const double needed = need.at + static_cast<double>(ahead) * passes().layer().forward;
                      come = std::max(come, gathered_[b++] + whole - needed);
                    });
  }
  lane_free_[s] = free;
}

void Steps::reduce(std::size_t s, double& at) {
  double free = lane_free_[s];
  reduced_.clear();
  const auto reduce = [&](double ready, double seconds) {
    free = std::max(free, ready) + seconds;
    reduced_.push_back(free);
  };
  for (std::size_t c = chunks_; c-- > 0;) {
    const Variant& chunk = variant(s, c);
    const StageUpdate& update = updates().one_layer(chunk.kind);
    if (update.reduces.empty()) continue;
    const std::vector<BucketPoint>& completes = passes().one_layer(chunk.kind).completes;
    const LastBackward& last = run_.last_backward(s * chunks_ + c);
    const PassOf<Lanes>& pass = chunk.chunk.last_backward;
    const double taken = offset_ + last.taken[lane_] + passes().ahead(chunk.kind, beside_);
    const double layer = passes().layer().last_backward;
    std::size_t next = 0;
    for_each_bucket(update.reduces, chunk.layers, [&](const BucketCollective& one, std::int64_t ahead) {
      if (!one.in_pass) {
        at += one.after;
        reduce(at, one.seconds);
        return;
      }
      // The last layer may complete behind the message that is sent, those before it a layer's time earlier each.
      const BucketPoint& point = completes[next];
      const bool inner = one.layer && ahead + 1 < chunk.layers;
      if (!inner) ++next;
      if (!point.after_sent)
        reduce(taken + point.at + static_cast<double>(ahead) * layer, one.seconds);
      else if (inner)
        reduce(offset_ + last.taken[lane_] + pass.begin[lane_] + pass.end[lane_] + point.at -
                   static_cast<double>(chunk.layers - 1 - ahead) * layer,
               one.seconds);
      else
        reduce(offset_ + last.sent[lane_] + point.at, one.seconds);
    });
  }
}

double Steps::finish() {
  struct Standing {
    double at{};
    std::size_t item{};
  };
  std::array<Standing, 2> ends;  // that have come to the meeting of the ends
  double ends_meet = 0, all_meet = 0, latest = 0;
  const auto go_on = [&](std::size_t s, Standing& standing) {
    const StageUpdate& update = updates().one_layer(kind_of(s));
    const auto more = static_cast<double>(layers_of(s) - 1);
    for (; standing.item < update.finish.items.size(); ++standing.item) {
      const Finish::Item& item = update.finish.items[standing.item];
      standing.at += item.before;
      if (standing.item == update.finish.layers_summed) standing.at += more * updates().layer().reduce;
      switch (item.until) {
        case Finish::Until::reduced:
          standing.at = std::max(standing.at, item.from_first ? reduced_[item.number]
                                                              : reduced_[reduced_.size() - 1 - item.number]);
          break;
        case Finish::Until::ends_meet: ends_meet = std::max(ends_meet, item.seconds); return;
        case Finish::Until::all_meet:
          standing.at += more * updates().layer().norm + (s + 1 == stages_ ? entry_->more_losses : 0);
          all_meet = std::max(all_meet, item.seconds);
          latest = std::max(latest, standing.at);
          return;
      }
    }
  };
  for (std::size_t s = 0; s < stages_; ++s) {
    Standing standing{.at = offset_ + run_.stage_end(s)[lane_]};
    reduce(s, standing.at);
    go_on(s, standing);
    if (s == 0) ends[0] = standing, std::swap(reduced_, reduced_by_first_);
    if (s + 1 == stages_) ends[1] = standing;
  }
  const std::vector<Finish::Item>& items = updates().one_layer(kind_of(0)).finish.items;
  if (stages_ > 1 && ends[0].item < items.size() && items[ends[0].item].until == Finish::Until::ends_meet) {
    const double met = std::max(ends[0].at, ends[1].at) + ends_meet;
    for (Standing& end : ends) end = {met, end.item + 1};
    go_on(stages_ - 1, ends[1]);  // reduced_ is that of the last stage
    std::swap(reduced_, reduced_by_first_);
    go_on(0, ends[0]);
  }
  return latest + all_meet;
}

}  // namespace ds::tuner
