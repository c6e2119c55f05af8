// The lines of a study, written and read.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>
#include <utility>
#include <variant>

#include "simulator/base/descriptor.h"
#include "simulator/base/error.h"
#include "simulator/base/file.h"
#include "simulator/base/json.h"
#include "tuner/search/study.h"

namespace ds::tuner {
namespace {

constexpr std::string_view kSchema = "ds-tune-study-1";
/// Verdicts that take time to find.
constexpr Named<Reason> kDear[] = {
    {"evaluated", Reason::evaluated}, {"bound", Reason::bound}, {"memory", Reason::memory}};
constexpr std::int64_t kMostBatches = 1LL << 40;
constexpr std::int64_t kMostBytes = std::numeric_limits<std::int64_t>::max();
constexpr double kMostSeconds = 1e18;
constexpr std::size_t kMostOfHeader = 1 << 20;  // bytes

// Writing. Numbers are as short as they can be and read back the same.

std::string scored_text(const Scored& one) {
  return fmt::format("[{},{},{},{}]", one.index, one.verdict.step_time.value, one.verdict.peak.value,
                     one.verdict.share_of_memory);
}

template <class List, class Text>
std::string list_text(const List& list, const Text& text) {
  std::vector<std::string> all;
  for (const auto& one : list) all.push_back(text(one));
  return fmt::format("[{}]", fmt::join(all, ","));
}

std::string found_text(const Found& found, std::int64_t batches) {
  std::string text =
      fmt::format(R"({{"batches":{},"evaluations":{},"rule":{},"memory":{},"bound":{})", batches,
                  found.evaluations, found.pruned.rule, found.pruned.memory, found.pruned.bound);
  text += fmt::format(R"(,"rejections":{})", list_text(found.rejections, [](const auto& one) {
                        return fmt::format("[{},{}]", one.second.count, one.second.first);
                      }));
  text += fmt::format(R"(,"top":{},"front":{})", list_text(found.top, scored_text),
                      list_text(found.front, scored_text));
  if (found.nearest) text += fmt::format(R"(,"nearest":{})", scored_text(*found.nearest));
  text +=
      fmt::format(R"(,"history":{}}})", list_text(found.history, [](const Improvement& one) {
                    return fmt::format("[{},{},{}]", one.evaluations, one.after.value, one.step_time.value);
                  }));
  return text;
}

// Reading: whatever stands there, what is taken is what a search of this space could have written.

std::vector<Cursor> row(const Cursor& cursor, std::size_t numbers) { return cursor.list(numbers, numbers); }

Index read_index(const Cursor& cursor, const Space& space) { return cursor.count(0, space.size() - 1); }

Scored read_scored(const Cursor& cursor, const Space& space, Reason reason) {
  const std::vector<Cursor> numbers = row(cursor, 4);
  Scored one{.index = read_index(numbers[0], space), .verdict = {.reason = reason, .path = {}, .kind = {}}};
  const auto decoded = space.decode(one.index);
  const auto* const job = std::get_if<workload::Job>(&decoded);
  if (job == nullptr) numbers[0].fail(fmt::format("is {}, which is no plan", one.index));
  one.verdict.kind = kind_of(job->plan);
  one.verdict.step_time = {reason == Reason::evaluated ? numbers[1].positive() : numbers[1].real(0)};
  one.verdict.peak = {numbers[2].count(0, kMostBytes)};
  one.verdict.share_of_memory = numbers[3].real(0);
  one.verdict.fits = reason == Reason::evaluated;
  return one;
}

std::vector<Scored> read_all(const Cursor& list, const Space& space) {
  std::vector<Scored> all;
  for (const Cursor& one : list.list()) {
    all.push_back(read_scored(one, space, Reason::evaluated));
    if (all.size() > 1 && all.back().verdict.step_time < all[all.size() - 2].verdict.step_time)
      one.fail("is faster than the one before", "the fastest comes first");
  }
  return all;
}

void read_rejections(const Cursor& list, const Space& space, Found& found) {
  Index sum = 0;
  for (const Cursor& one : list.list()) {
    const std::vector<Cursor> numbers = row(one, 2);
    const Rejected all{.count = numbers[0].count(1, found.pruned.rule - sum),
                       .first = read_index(numbers[1], space)};
    sum += all.count;
    const auto decoded = space.decode(all.first);
    const auto* const why = std::get_if<Rejection>(&decoded);
    if (why == nullptr) numbers[1].fail(fmt::format("is {}, which is a plan", all.first));
    if (!found.rejections.emplace(*why, all).second) one.fail("has the reason of one before");
  }
  if (sum != found.pruned.rule) list.fail(fmt::format("add up to {}, of {}", sum, found.pruned.rule));
}

Checkpoint read_checkpoint(const Cursor& object, const Space& space) {
  object.only({"batches", "evaluations", "rule", "memory", "bound", "rejections", "top", "front", "nearest",
               "history"});
  Checkpoint checkpoint;
  Found& found = checkpoint.found;
  checkpoint.batches = object.member("batches").count(0, kMostBatches);
  Index left = space.size();
  const auto count = [&](std::string_view key) {
    const Index n = object.member(key).count(0, left);
    left -= n;
    return n;
  };
  found.evaluations = count("evaluations");
  found.pruned.rule = count("rule");
  found.pruned.memory = count("memory");
  found.pruned.bound = count("bound");
  read_rejections(object.member("rejections"), space, found);
  found.top = read_all(object.member("top"), space);
  found.front = read_all(object.member("front"), space);
  if (const auto nearest = object.find("nearest"))
    found.nearest = read_scored(*nearest, space, Reason::memory);
  for (const Cursor& one : object.member("history").list()) {
    const std::vector<Cursor> numbers = row(one, 3);
    found.history.push_back({.evaluations = numbers[0].count(1, found.evaluations),
                             .after = {numbers[1].real(0, kMostSeconds)},
                             .step_time = {numbers[2].positive()}});
  }
  return checkpoint;
}

/// What a step is made of, in the order of the file.
constexpr Seconds program::TimeParts::* kParts[] = {
    &program::TimeParts::compute, &program::TimeParts::tp_comm,   &program::TimeParts::cp_comm,
    &program::TimeParts::ep_comm, &program::TimeParts::pp_comm,   &program::TimeParts::pp_bubble,
    &program::TimeParts::dp_comm, &program::TimeParts::optimizer, &program::TimeParts::host,
    &program::TimeParts::other};

/// As many as there are among the best.
Events read_events(const Cursor& list, const std::optional<Checkpoint>& end) {
  if (!end || !end->ended) list.fail("come before the end of the search");
  Events events;
  for (const Cursor& one : list.list(end->found.top.size(), end->found.top.size())) {
    events.emplace_back();
    if (one.is_null()) continue;
    const std::vector<Cursor> numbers = row(one, 2 + std::size(kParts));
    AtEventDepth event{.step_time = {numbers[0].positive()}, .sigma = numbers[1].real(0), .parts = {}};
    for (std::size_t i = 0; i < std::size(kParts); ++i)
      event.parts.*kParts[i] = Seconds{numbers[2 + i].real(0)};
    events.back() = event;
  }
  return events;
}

StudyHeader read_header(const Cursor& root) {
  root.only({"schema", "provenance", "identity", "begins_small"});
  StudyHeader header;
  for (const auto& [key, value] : root.member("identity").members()) header.identity[key] = value.text();
  root.member("provenance").expect_object();
  header.provenance = root.member("provenance").dump();
  header.begins_small = root.member("begins_small").boolean();
  return header;
}

bool is_study(const Cursor& root) {
  if (!root.is_object()) return false;
  const auto schema = root.find("schema");
  return schema && schema->is_text() && schema->text() == kSchema;
}

}  // namespace

std::optional<std::string> said_by_study(const std::string& file, const std::string& name) try {
  const Descriptor descriptor = open_file(file, kMaxStudyBytes);
  std::string line(kMostOfHeader, '\0');
  const ssize_t bytes = ::read(descriptor.get(), line.data(), line.size());
  line.resize(bytes < 0 ? 0 : static_cast<std::size_t>(bytes));
  const Document document = parse_document(line.substr(0, line.find('\n')), file);
  if (!is_study(document.root())) return std::nullopt;
  const StudyHeader header = read_header(document.root());
  const auto found = header.identity.find(name);
  return found == header.identity.end() ? std::nullopt : std::optional(found->second);
} catch (const InputError&) {
  return std::nullopt;  // what is wrong with it is said to whoever opens it as a study
}

std::string header_line(const StudyHeader& header) {
  std::vector<std::string> identity;
  for (const auto& [key, value] : header.identity)
    identity.push_back(fmt::format("{}:{}", json_text(key), json_text(value)));
  return fmt::format(R"({{"schema":"{}","provenance":{},"identity":{{{}}},"begins_small":{}}})", kSchema,
                     header.provenance, fmt::join(identity, ","), header.begins_small) +
         "\n";
}

std::string verdicts_line(const std::vector<StudyContent::Known>& verdicts, Seconds at) {
  std::vector<std::string> by_reason;
  for (const auto& [name, reason] : kDear) {
    std::vector<std::string> rows;
    for (const auto& [index, verdict, found_at] : verdicts)
      if (verdict.reason == reason)
        rows.push_back(fmt::format("[{},{},{}]", index, verdict.step_time.value, verdict.peak.value));
    if (!rows.empty()) by_reason.push_back(fmt::format(R"("{}":[{}])", name, fmt::join(rows, ",")));
  }
  return fmt::format(R"({{"verdicts":{{{}}},"seconds":{}}})", fmt::join(by_reason, ","), at.value) + "\n";
}

std::string best_line(const Scored& best, std::int64_t evaluations, Seconds at, const Space& space) {
  const workload::Plan plan = std::get<workload::Job>(space.decode(best.index)).plan;
  std::vector<std::string> keys;
  for (const Dimension& dimension : space.dimensions())
    keys.push_back(fmt::format(R"("{}":{})", dimension.key->name,
                               json_text(dimension.key->value.spell(dimension.key->value.get(plan)))));
  return fmt::format(
             R"({{"best":{{"plan":{},"step_time_s":{},"peak_bytes":{},"keys":{{{}}},"evaluations":{}}},"seconds":{}}})",
             json_text(describe(plan, space)), best.verdict.step_time.value, best.verdict.peak.value,
             fmt::join(keys, ","), evaluations, at.value) +
         "\n";
}

std::string checkpoint_line(const Checkpoint& checkpoint, Seconds at) {
  std::string text = fmt::format(R"({{"found":{})", found_text(checkpoint.found, checkpoint.batches));
  if (checkpoint.ended) {
    const auto* const end = std::ranges::find(kEnds, checkpoint.found.end, &Named<End>::value);
    text += fmt::format(R"(,"end":"{}")", end->name);
  }
  return text + fmt::format(R"(,"seconds":{}}})", at.value) + "\n";
}

std::string events_line(const Events& events, Seconds at) {
  const auto text = [](const std::optional<AtEventDepth>& one) {
    if (!one) return std::string("null");
    std::string row = fmt::format("[{},{}", one->step_time.value, one->sigma);
    for (const auto part : kParts) row += fmt::format(",{}", (one->parts.*part).value);
    return row + "]";
  };
  return fmt::format(R"({{"events":{},"seconds":{}}})", list_text(events, text), at.value) + "\n";
}

void StudyContent::take(std::string_view line, std::int64_t number, const std::string& file,
                        const Space& space) {
  const Document document = parse_document(line, fmt::format("{}, line {}", file, number));
  const Cursor root = document.root();
  if (!has_header) {
    if (!is_study(root))
      throw InputError(file, fmt::format("is no study: its first line is not of schema {}", kSchema),
                       "give the name of a new file");
    header = read_header(root);
    has_header = true;
    return;
  }
  root.only({"verdicts", "best", "found", "end", "events", "seconds"});
  seconds = {root.member("seconds").real(0, kMostSeconds)};
  if (const auto list = root.find("events")) {
    events = read_events(*list, checkpoint);
    return;
  }
  if (checkpoint && checkpoint->ended) root.fail("comes after the end of the search");
  if (const auto verdicts = root.find("verdicts")) {
    for (const auto& [key, list] : verdicts->members()) {
      const auto* const reason = std::ranges::find(kDear, std::string_view(key), &Named<Reason>::name);
      if (reason == std::end(kDear)) list.fail(std::string(kUnknownKey));
      for (const Cursor& one : list.list()) {
        const std::vector<Cursor> numbers = row(one, 3);
        if (static_cast<Index>(known.size()) >= space.size())
          one.fail("is one more than there are combinations");
        known.push_back({.index = read_index(numbers[0], space),
                         .verdict = {.reason = reason->value,
                                     .step_time = {numbers[1].real(0)},
                                     .peak = {numbers[2].count(0, kMostBytes)}},
                         .at = seconds});
        if (reason->value == Reason::evaluated) static_cast<void>(numbers[1].positive());
      }
    }
  } else if (const auto found = root.find("found")) {
    checkpoint = read_checkpoint(*found, space);
    if (const auto end = root.find("end")) {
      checkpoint->found.end = end->one_of(kEnds);
      checkpoint->ended = true;
    }
    known.clear();
  } else {
    root.member("best").expect_object();  // for people
  }
}

}  // namespace ds::tuner
