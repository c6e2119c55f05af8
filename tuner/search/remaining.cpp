// What is open of a batch takes what those took that were judged lately; batches to come what those took that were.
#include "tuner/search/remaining.h"

#include <algorithm>
#include <cmath>

namespace ds::tuner {
namespace {

/// How much of a batch has to be judged before anything is said, and how far back `lately` reaches.
constexpr std::int64_t kFew = 50;
constexpr Seconds kSoon{0.5};
constexpr double kLately = 500;

}  // namespace

void Remaining::begin(std::int64_t candidates, Seconds now) {
  began_ = first_judged_ = last_judged_ = now;
  candidates_ = candidates;
  judged_ = open_ = 0;
  is_running_ = true;
  is_known_ = false;
}

void Remaining::judged(std::int64_t count, std::int64_t open, Seconds now) {
  if (judged_ == 0 && count == 0)
    first_judged_ = last_judged_ = now;  // what comes before is done once a batch
  if (const std::int64_t more = count - judged_; more > 0) {
    const Seconds fresh{(now - last_judged_).value / static_cast<double>(more)};
    const double share =
        1 - std::exp(-static_cast<double>(more) / std::min(kLately, static_cast<double>(count)));
    each_ = judged_ == 0 ? fresh : Seconds{each_.value + share * (fresh - each_).value};
    last_judged_ = now;
  }
  judged_ = count;
  open_ = open;
  is_known_ = judged_ >= kFew && now - first_judged_ >= kSoon;
}

void Remaining::end(Seconds now) {
  before_ = before_ + (now - began_);
  seen_before_ += candidates_;
  is_running_ = false;
}

std::optional<Seconds> Remaining::left(std::int64_t candidates, Seconds now) const {
  if (is_running_ && !is_known_ && seen_before_ == 0) return std::nullopt;
  const double so_far = (now - began_).value;
  const double as_before = seen_before_ == 0
                               ? 0
                               : std::max(0.0, before_.value * static_cast<double>(candidates_) /
                                                       static_cast<double>(seen_before_) -
                                                   so_far);
  double of_batch = as_before;
  if (is_running_ && is_known_) {
    const auto judged = static_cast<double>(judged_), open = static_cast<double>(open_);
    const double trust =
        seen_before_ == 0 ? 1 : std::sqrt(judged / (judged + open));  // the more has been seen of it
    of_batch = trust * each_.value * open + (1 - trust) * as_before;
  } else if (!is_running_) {
    of_batch = 0;
  }
  const double seconds = before_.value + (is_running_ ? so_far + of_batch : 0);
  const std::int64_t seen = seen_before_ + (is_running_ ? candidates_ : 0);
  if (seen == 0) return std::nullopt;
  return Seconds{of_batch + seconds * static_cast<double>(candidates) / static_cast<double>(seen)};
}

}  // namespace ds::tuner
