#pragma once
// The failure model asked directly, without model or plan: how often a job of some size stops, which part of its time counts, how often
// it had best save. Any input may be a range; the answer is then the interval from the smallest to the largest answer over it.
//
//   Inputs inputs;
//   inputs[Input::mtbf_s] = {10000, 10000};
//   inputs[Input::checkpoint_write_s] = {20, 60};
//   answer(Question::optimum_interval, inputs)     // 619 to 1056 s
//
// What each word means: `about` in profiles/measured/reliability.json.

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "simulator/base/json.h"

namespace ds::run {

enum class Question { mttf, interruptions, ettr, optimum_interval, elapsed, lost_per_failure };

/// A question, and the key of its answer.
struct QuestionEntry {
  std::string_view name;
  Question value;
  std::string_view answer;
};
inline constexpr QuestionEntry kQuestions[] = {
    {"mttf", Question::mttf, "mttf_s"},
    {"interruptions", Question::interruptions, "count"},
    {"ettr", Question::ettr, "ettr"},
    {"optimum_interval", Question::optimum_interval, "interval_s"},
    {"elapsed", Question::elapsed, "elapsed_s"},
    {"lost_per_failure", Question::lost_per_failure, "lost_s"},
};

enum class Input {
  gpus,
  gpus_per_node,
  failures_per_node_day,
  job_failures_per_day,
  mtbf_s,
  failure_period_s,
  days,
  useful_days,
  checkpoint_write_s,
  checkpoint_interval_s,
  detection_s,
  restart_s
};
inline constexpr Named<Input> kInputs[] = {
    {"gpus", Input::gpus},
    {"gpus_per_node", Input::gpus_per_node},
    {"failures_per_node_day", Input::failures_per_node_day},
    {"job_failures_per_day", Input::job_failures_per_day},
    {"mtbf_s", Input::mtbf_s},
    {"failure_period_s", Input::failure_period_s},
    {"days", Input::days},
    {"useful_days", Input::useful_days},
    {"checkpoint_write_s", Input::checkpoint_write_s},
    {"checkpoint_interval_s", Input::checkpoint_interval_s},
    {"detection_s", Input::detection_s},
    {"restart_s", Input::restart_s},
};
inline constexpr std::size_t kInputCount = std::size(kInputs);

/// Equal where it is no range.
struct Ends {
  double low{}, high{};
  bool is_range() const { return low != high; }
};

struct Inputs {
  std::array<std::optional<Ends>, kInputCount> given;  // by Input
  bool best_interval{false};                           // checkpoint_interval_s is "optimum"
  bool restart_can_fail{false};

  std::optional<Ends>& operator[](Input input) { return given[static_cast<std::size_t>(input)]; }
  const std::optional<Ends>& operator[](Input input) const { return given[static_cast<std::size_t>(input)]; }
};

/// Or why there is none.
struct Answer {
  std::optional<Ends> value;
  std::string input;  // which one is missing or contradicts another, or ""
  std::string fault;
};
Answer answer(Question question, const Inputs& inputs);

}  // namespace ds::run
