// Methods are run side by side on a judge that remembers; what it remembers is the lesson.
#include "tuner/bench/lessons.h"

#include <cmath>
#include <cstring>

#include "simulator/base/error.h"
#include "tuner/bench/race.h"
#include "tuner/bench/recorded.h"
#include "tuner/policy/features.h"
#include "tuner/search/moves.h"

namespace ds::tuner {
namespace {

constexpr std::string_view kMark = "ds-lessons-1";

/// How much of a lesson comes from whom.
struct Part {
  std::string_view method;
  double share;
};
constexpr Part kParts[] = {{"heuristic", 0.03}, {"anneal", 0.25}, {"anneal", 0.2}, {"evolution", 0.22}};

void append(std::string& bytes, const void* data, std::size_t size) {
  bytes.append(static_cast<const char*>(data), size);
}

class Bytes {
 public:
  Bytes(std::string_view bytes, std::string file) : bytes_(bytes), file_(std::move(file)) {}
  void take(void* to, std::size_t size) {
    if (bytes_.size() < size) throw InputError("", "ends too soon", "make the lessons anew").in_file(file_);
    std::memcpy(to, bytes_.data(), size);
    bytes_.remove_prefix(size);
  }
  std::vector<float> floats(std::uint64_t count) {
    if (count > bytes_.size() / sizeof(float))
      throw InputError("", "ends too soon", "make the lessons anew").in_file(file_);
    std::vector<float> all(count);
    take(all.data(), count * sizeof(float));
    return all;
  }
  bool empty() const { return bytes_.empty(); }

 private:
  std::string_view bytes_;
  std::string file_;
};

}  // namespace

Lesson lesson_of(const Instance& instance, const cost::Profile& profile, std::int64_t plans,
                 std::uint64_t seed, std::size_t threads) {
  const Space space = instance.space();
  RecordedJudge judge(space, profile, threads);
  const auto share = [&](double part) {
    return std::max<std::int64_t>(1, std::llround(part * static_cast<double>(plans)));
  };
  std::uint64_t stream = 0;
  for (const Part& part : kParts) {
    const std::int64_t evals = share(part.share);
    const auto searcher = find_method(part.method)
                              ->make({.space = space,
                                      .outlook = judge,
                                      .seed = seed + 100 * stream++,
                                      .evals = evals,
                                      .parameters = {}});
    race(space, judge, *searcher, evals);
  }
  // And by chance, near the best and anywhere: what a policy is asked about is mostly of that kind.
  Moves moves(space, seed, 4);
  std::vector<Candidate> drawn;
  std::vector<std::pair<double, Candidate>> best;
  for (const auto& [candidate, verdict] : judge.known())
    if (verdict.reason == Reason::evaluated) best.emplace_back(verdict.step_time.value, candidate);
  if (best.empty()) return {};
  std::ranges::sort(best);
  for (std::int64_t i = 0; i < share(0.15); ++i)
    if (auto one = moves.edit(best[moves.below(std::min<std::size_t>(best.size(), 20))].second))
      drawn.push_back(std::move(*one));
  for (std::int64_t i = 0; i < share(0.2); ++i)
    if (auto one = moves.anywhere()) drawn.push_back(std::move(*one));
  judge.evaluate(drawn);

  Lesson lesson;
  std::vector<Candidate> candidates;
  for (const auto& [candidate, verdict] : judge.known())
    if (verdict.reason == Reason::evaluated) {
      candidates.push_back(candidate);
      lesson.log_steps.push_back(static_cast<float>(std::log(verdict.step_time.value)));
    }
  lesson.plans = rows_of(space, candidates, judge.look(candidates));
  return lesson;
}

std::string to_bytes(const std::vector<Lesson>& lessons) {
  std::string bytes(kMark);
  const std::uint64_t width = feature_names().size();
  append(bytes, &width, sizeof width);
  for (const Lesson& lesson : lessons) {
    const std::uint64_t count = lesson.log_steps.size();
    append(bytes, &count, sizeof count);
    append(bytes, lesson.plans.features.data(), count * width * sizeof(float));
    append(bytes, lesson.plans.log_bounds.data(), count * sizeof(float));
    append(bytes, lesson.log_steps.data(), count * sizeof(float));
  }
  return bytes;
}

std::vector<Lesson> lessons_of_bytes(std::string_view bytes, const std::string& file) {
  if (!bytes.starts_with(kMark))
    throw InputError("", "holds no lessons", "ds-tune train makes them").in_file(file);
  Bytes rest(bytes.substr(kMark.size()), file);
  std::uint64_t width = 0;
  rest.take(&width, sizeof width);
  if (width != feature_names().size())
    throw InputError("", "has lessons of other features", "make them anew").in_file(file);
  std::vector<Lesson> lessons;
  while (!rest.empty()) {
    std::uint64_t count = 0;
    rest.take(&count, sizeof count);
    Lesson& lesson = lessons.emplace_back();
    if (count > bytes.size()) throw InputError("", "ends too soon", "make the lessons anew").in_file(file);
    lesson.plans.features = rest.floats(count * width);
    lesson.plans.log_bounds = rest.floats(count);
    lesson.log_steps = rest.floats(count);
  }
  return lessons;
}

}  // namespace ds::tuner
