// Reads profiles/evidence.json and finds the runs that are like a job.
#include "simulator/cost/evidence.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "simulator/base/json.h"
#include "simulator/workload/presets.h"

namespace ds::cost {
namespace {

/// Logarithms of predicted over measured time.
struct Errors {
  double fitted{}, left_out{}, unfitted{};
};

struct Run {
  std::string set;
  RunKind kind;
  Errors errors;
};

/// Fewer runs say too little of a spread.
constexpr std::size_t kEnough = 3;

std::vector<Run> read_runs() {
  const Document document = read_document(workload::profiles_directory() / "evidence.json");
  const Cursor root = document.root();
  root.only({"about", "runs"});
  std::vector<Run> runs;
  for (const Cursor& at : root.member("runs").list()) {
    at.only({"id", "set", "node", "gpu", "arch", "bits", "experts", "context", "sharded", "ranks", "fitted",
             "left_out", "unfitted"});
    runs.push_back(
        {.set = at.member("set").text(),
         .kind = {.node = at.member("node").text(),
                  .gpu = at.member("gpu").text(),
                  .arch = at.member("arch").text(),
                  .bits = static_cast<int>(at.member("bits").count(1, 64)),
                  .experts = at.member("experts").boolean(),
                  .context = at.member("context").boolean(),
                  .sharded = at.member("sharded").boolean(),
                  .ranks = at.member("ranks").count(1)},
         .errors = {at.member("fitted").real(), at.member("left_out").real(), at.member("unfitted").real()}});
  }
  return runs;
}

const std::vector<Run>& runs() {
  static const std::vector<Run> all = read_runs();
  return all;
}

/// Runs and job have this in common; the first kinds are closest.
struct Likeness {
  std::string RunKind::* where;  // null: anywhere
  bool bits, experts, way;  // the same bits; both with experts or both without; the same context and shards
};
constexpr Likeness kLikeness[] = {{&RunKind::node, true, true, true},  {&RunKind::node, true, true, false},
                                  {&RunKind::gpu, true, true, true},   {&RunKind::gpu, true, true, false},
                                  {&RunKind::arch, true, true, false}, {&RunKind::arch, false, true, false},
                                  {nullptr, false, true, false},       {nullptr, false, false, false}};

bool alike(const RunKind& run, const RunKind& job, const Likeness& how) {
  if (how.where != nullptr && ((job.*how.where).empty() || run.*how.where != job.*how.where)) return false;
  return (!how.bits || run.bits == job.bits) && (!how.experts || run.experts == job.experts) &&
         (!how.way || (run.context == job.context && run.sharded == job.sharded));
}

/// Which error a stranger of that likeness may expect: on a machine that was measured, that of its constants; on another, that of
/// constants which had not seen the run's set; on a GPU of no family that was, that of none.
double Errors::* error_of(const Likeness& how, Fitted level) {
  if (level == Fitted::none || how.where == nullptr) return &Errors::unfitted;
  return level == Fitted::all && how.where == &RunKind::node ? &Errors::fitted : &Errors::left_out;
}

Evidence sum_up(const std::vector<const Run*>& like, double Errors::* error) {
  struct OfSet {
    double absolute{}, squares{};
    double count{};
  };
  std::map<std::string, OfSet> sets;
  Evidence evidence{.runs = std::ssize(like),
                    .fewest_ranks = like.front()->kind.ranks,
                    .most_ranks = like.front()->kind.ranks};
  for (const Run* run : like) {
    OfSet& set = sets[run->set];
    set.absolute += std::abs(std::expm1(run->errors.*error));
    set.squares += std::pow(run->errors.*error, 2);
    set.count += 1;
    evidence.fewest_ranks = std::min(evidence.fewest_ranks, run->kind.ranks);
    evidence.most_ranks = std::max(evidence.most_ranks, run->kind.ranks);
  }
  double squares = 0;
  for (const auto& [name, set] : sets) {
    evidence.mean_error += set.absolute / set.count / static_cast<double>(sets.size());
    squares += set.squares / set.count / static_cast<double>(sets.size());
  }
  evidence.sigma = std::sqrt(squares);
  return evidence;
}

std::string where_text(const RunKind& job, const Likeness& how) {
  if (how.where == nullptr) return "any GPU";
  return how.where == &RunKind::arch ? "GPUs of " + job.arch : job.*how.where;
}

std::string like_text(const RunKind& job, const Likeness& how) {
  std::string text = how.bits ? "in " + std::to_string(job.bits) + " bits" : "";
  const auto add = [&](const char* words) { text += (text.empty() ? "" : ", ") + std::string(words); };
  if (how.experts) add(job.experts ? "with experts" : "dense");
  if (how.way && job.context) add("context parallel");
  if (how.way && job.sharded) add("weights in shards");
  return text;
}

}  // namespace

RunKind run_kind(const workload::Job& job) {
  using workload::Precision;
  const workload::Node& node = job.cluster.groups.front().node;
  const Precision precision = job.plan.precision;
  const bool half = precision == Precision::bf16 || precision == Precision::fp16;
  return {.node = node.name,
          .gpu = node.accelerator.name,
          .arch = node.accelerator.arch,
          .bits = precision == Precision::fp8 ? 8
                  : half                      ? 16
                                              : 32,
          .experts = job.model.moe.has_value(),
          .context = job.plan.cp > 1,
          .sharded = job.plan.zero == 3,
          .ranks = job.cluster.ranks()};
}

std::optional<Evidence> evidence_of(const workload::Job& job, Fitted level) {
  if (job.cluster.cpu()) return std::nullopt;
  const RunKind kind = run_kind(job);
  for (const Likeness& how : kLikeness) {
    std::vector<const Run*> like;
    for (const Run& run : runs())
      if (alike(run.kind, kind, how)) like.push_back(&run);
    if (like.size() < kEnough) continue;
    Evidence evidence = sum_up(like, error_of(how, level));
    evidence.on = where_text(kind, how);
    evidence.like = like_text(kind, how);
    evidence.measured_there = how.where == &RunKind::node;
    return evidence;
  }
  return std::nullopt;
}

}  // namespace ds::cost
