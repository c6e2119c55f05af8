// Draws, redraws and clears the line of progress.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "cli/terminal/terminal.h"
#include "simulator/base/file.h"
#include "simulator/base/steady_clock.h"

namespace ds::terminal {
namespace {

constexpr Seconds kRedraw{0.1};    // on a terminal
constexpr Seconds kPlainEvery{5};  // in a log
constexpr Seconds kTooShort{0.3};  // work that is over sooner is not worth a flicker
constexpr int kBarColumns = 24;
constexpr int kLeastBar = 6;      // a shorter one says nothing
constexpr int kLeastText = 12;    // columns of words that are kept before the bar
constexpr Seconds kSmoothing{8};  // in which most of a new guess is taken over
constexpr std::string_view kWipe = "\r\x1b[K";

/// Progress is never worth failing for: what cannot be written is dropped.
void write_to_standard_error(std::string_view text) { static_cast<void>(write_fully(STDERR_FILENO, text)); }

}  // namespace

std::optional<ProgressMode> progress_mode(std::string_view word) {
  if (word == "auto") return ProgressMode::automatic;
  if (word == "always") return ProgressMode::always;
  if (word == "never") return ProgressMode::never;
  return std::nullopt;
}

ProgressLine::ProgressLine(ProgressMode mode, const Screen& screen)
    : ProgressLine(mode, screen, {.write = write_to_standard_error, .now = steady_now}) {}

ProgressLine::ProgressLine(ProgressMode mode, const Screen& screen, Outside outside)
    : mode_(mode), screen_(screen), outside_(std::move(outside)) {}

ProgressLine::~ProgressLine() { finish(); }

void ProgressLine::update(double share, std::string_view what, std::optional<Seconds> left) {
  if (mode_ == ProgressMode::never) return;
  const std::scoped_lock lock(mutex_);
  const Seconds now = outside_.now();
  if (!begun_) begun_ = now;
  const Seconds pause = screen_.redraws ? kRedraw : kPlainEvery;
  if (last_drawn_) {
    if (now - *last_drawn_ < pause) return;
  } else if (mode_ == ProgressMode::automatic &&
             now - *begun_ < (screen_.redraws ? kTooShort : kPlainEvery)) {
    return;
  }
  last_drawn_ = now;
  guess_left(share, now - *begun_);
  const std::string text = line(share, what, left ? left : left_);
  on_screen_ = screen_.redraws;
  outside_.write(screen_.redraws ? std::string(kWipe) + text : text + '\n');
}

void ProgressLine::say(std::string_view line) {
  const std::scoped_lock lock(mutex_);
  wipe();
  outside_.write(wrap(line, screen_) + '\n');
}

void ProgressLine::finish() {
  const std::scoped_lock lock(mutex_);
  wipe();
  begun_.reset();
  last_drawn_.reset();
  left_.reset();
  guessed_at_.reset();
}

Progress ProgressLine::callback() {
  if (mode_ == ProgressMode::never) return {};
  return [this](double share, std::string_view what) { update(share, what); };
}

void ProgressLine::wipe() {
  if (on_screen_) outside_.write(kWipe);
  on_screen_ = false;
}

/// By the speed so far. Work is not even: what a search cuts away at once makes that guess jump by orders of magnitude, so of
/// its distance to the guess before, less the time that has passed, only a part is taken over, by ratio.
void ProgressLine::guess_left(double share, Seconds elapsed) {
  if (std::isnan(share) || share <= 0.01 || share >= 1 || elapsed.value <= 1) return;
  constexpr double kAlmostDone = 0.05;  // seconds
  const double fresh = std::max(kAlmostDone, elapsed.value * (1 - share) / share);
  if (left_ && guessed_at_) {
    const double passed = (elapsed - *guessed_at_).value;
    const double expected = std::max(kAlmostDone, left_->value - passed);
    left_ = Seconds{expected * std::pow(fresh / expected, 1 - std::exp(-passed / kSmoothing.value))};
  } else {
    left_ = Seconds{fresh};
  }
  guessed_at_ = elapsed;
}

/// "searching plans  ██████████▌               42 %  1 min 05 s left", cut to the terminal: in a narrow one first the bar goes,
/// then the words, never the numbers.
std::string ProgressLine::line(double share, std::string_view what, std::optional<Seconds> left) const {
  const double known = std::isnan(share) ? 0 : std::clamp(share, 0.0, 1.0);
  std::string tail = fmt::format("{:3.0f} %", std::floor(known * 100));
  if (left && known < 1) tail += fmt::format("  {} left", duration({std::ceil(left->value)}));
  if (!screen_.redraws) return fmt::format("{} {}", one_line(what), tail);
  // The last column stays free: some terminals begin a new line when it is filled, and then a wipe misses the first.
  const int room = screen_.columns - 1 - columns_of(tail);
  const int bar_columns = std::min((room - 4) / 2, kBarColumns);
  if (bar_columns < kLeastBar || room - 4 - bar_columns < kLeastText) {
    const std::string text = shorten(one_line(what), room - 2);
    return text.empty() ? shorten(tail, screen_.columns - 1) : fmt::format("{}  {}", text, tail);
  }
  return fmt::format("{}  {}  {}", shorten(one_line(what), room - 4 - bar_columns),
                     paint(pad(bar(known, bar_columns), bar_columns, Align::left), Hue::cyan, screen_), tail);
}

}  // namespace ds::terminal
