// Takes up a study where it was left, and appends to it a few times a second.
#include "tuner/search/study.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "simulator/base/error.h"
#include "simulator/base/json.h"
#include "simulator/base/steady_clock.h"

namespace ds::tuner {
namespace {

constexpr Seconds kBetweenWrites{0.25}, kBetweenSyncs{1};
constexpr std::size_t kMostWaiting = 4096;

/// Of another search, it says of which.
void check_identity(const std::string& file, const StudyHeader& asked, const StudyHeader& there) {
  std::vector<std::string> differences;
  const auto said = [](const StudyHeader& header, const std::string& key) {
    const auto found = header.identity.find(key);
    return found == header.identity.end() ? std::string("not said") : found->second;
  };
  std::map<std::string, std::string> keys = asked.identity;
  keys.insert(there.identity.begin(), there.identity.end());
  for (const auto& [key, value] : keys)
    if (said(asked, key) != said(there, key))
      differences.push_back(fmt::format("{} is {} there and {} here", key, json_text(said(there, key)),
                                        json_text(said(asked, key))));
  if (!differences.empty())
    throw InputError(file, fmt::format("is the study of another search: {}", fmt::join(differences, "; ")),
                     "ask as before, or give the name of a new file");
}

}  // namespace

Study::Study(const std::string& file, StudyHeader header, const Space& space)
    : space_(&space), file_(file, kMaxStudyBytes) {
  file_.read([&](std::string_view line, std::int64_t number) {
    const bool is_first = !content_.has_header;
    content_.take(line, number, file, space);
    if (is_first) check_identity(file, header, content_.header);
  });
  const std::string first = header_line(header);
  // A beginning of ours may have been torn; of whatever else it is, nothing is taken away.
  constexpr std::size_t kOurs = 28;
  if (!content_.has_header &&
      file_.rest().substr(0, kOurs) != first.substr(0, std::min(kOurs, file_.rest().size())))
    throw InputError(file, "is no study: its first line has no end", "give the name of a new file");
  file_.drop_rest();
  if (!content_.has_header) {
    content_.header = std::move(header);
    file_.append(first);
    file_.sync();
    if (!file_.failure().empty())
      throw MachineError(fmt::format("{}: cannot write: {}", file, file_.failure()));
  }
  std::ranges::stable_sort(content_.known, {}, &StudyContent::Known::index);
  if (content_.checkpoint && content_.checkpoint->ended) ended_ = content_.seconds;
}

Study::~Study() { finish(); }

const StudyContent::Known* Study::known(Index index) const {
  const auto found = std::ranges::lower_bound(content_.known, index, {}, &StudyContent::Known::index);
  return found != content_.known.end() && found->index == index ? &*found : nullptr;
}

void Study::add(Index index, const Dear& verdict, Seconds at) {
  const std::scoped_lock hold(lock_);
  waiting_.push_back({index, verdict, at});
}

void Study::write_if_due() {
  const std::scoped_lock hold(lock_);
  if (waiting_.empty()) return;
  if (waiting_.size() >= kMostWaiting || steady_now() - written_ >= kBetweenWrites)
    write({}, waiting_.back().at);
}

void Study::add_best(const Scored& best, std::int64_t evaluations, Seconds at) {
  const std::scoped_lock hold(lock_);
  write(best_line(best, evaluations, at, *space_), at);
}

void Study::add_checkpoint(const Checkpoint& checkpoint, Seconds at) {
  const std::scoped_lock hold(lock_);
  waiting_.clear();  // of no use any more
  write(checkpoint_line(checkpoint, at), at);
  if (checkpoint.ended) ended_ = at;
}

void Study::add_events(const Events& events) {
  const std::scoped_lock hold(lock_);
  if (ended_) write(events_line(events, *ended_), *ended_);
}

void Study::finish() {
  const std::scoped_lock hold(lock_);
  if (!waiting_.empty()) write({}, waiting_.back().at);
  file_.sync();
}

std::string Study::failure() const {
  const std::scoped_lock hold(lock_);
  return file_.failure();
}

/// Of verdicts that wait first.
void Study::write(std::string_view lines, Seconds at) {
  std::string text = waiting_.empty() ? "" : verdicts_line(waiting_, at);
  waiting_.clear();
  text += lines;
  file_.append(text);
  written_ = steady_now();
  if (written_ - synced_ < kBetweenSyncs) return;
  file_.sync();
  synced_ = steady_now();
}

}  // namespace ds::tuner
