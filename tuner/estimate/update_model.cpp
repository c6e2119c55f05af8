#include "tuner/estimate/update_model.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

#include "simulator/engine/alone.h"
#include "simulator/program/rows.h"
#include "simulator/program/walk.h"

namespace ds::tuner {
namespace {

/// Visits of a line: clip factor, update, the step's begin, passes, and at its end the norm.
constexpr std::size_t kClip = 0, kUpdate = 1, kStep = 2, kFewest = 6;

const Pass& visit(const Line& line, std::size_t number) {
  return line.passes[static_cast<std::size_t>(line.visits[number])];
}

double work_of(const Pass& pass) {
  double sum = pass.rest;
  for (const Point& point : pass.points) sum += point.after;
  return sum;
}

bool only(const Pass& pass, Stop stop) {
  return std::ranges::all_of(pass.points, [&](const Point& point) { return point.stop == stop; });
}

std::vector<BucketCollective> begins_of(const Pass& pass) {
  std::vector<BucketCollective> list;
  double since = 0;
  for (const Point& point : pass.points) {
    since += point.after;
    if (point.stop == Stop::begin)
      list.push_back({.after = std::exchange(since, 0), .seconds = point.seconds});
  }
  return list;
}

/// Items of the norm's visit, with reductions numbered from the stage's first one. Nothing where points stand in an order
/// that is not known.
std::optional<Finish> finish_of(const Pass& pass, std::size_t gathers, bool alone) {
  Finish finish;
  double since = 0;
  std::size_t meetings = 0;
  for (const Point& point : pass.points) meetings += point.stop == Stop::meet ? 1 : 0;
  if ((meetings == 0) != alone) return std::nullopt;
  for (const Point& point : pass.points) {
    since += point.after;
    if (point.stop == Stop::begin) {
      if (!finish.items.empty()) return std::nullopt;
      since = 0;  // these stand in `reduces`
      continue;
    }
    Finish::Item item{.before = std::exchange(since, 0)};
    if (point.stop == Stop::meet) {
      item.until = --meetings == 0 ? Finish::Until::all_meet : Finish::Until::ends_meet;
      item.seconds = point.seconds;
    } else if (point.stop == Stop::wait && static_cast<std::size_t>(point.number) >= gathers) {
      item.until = Finish::Until::reduced;
      item.number = static_cast<std::size_t>(point.number) - gathers;
    } else {
      return std::nullopt;
    }
    finish.items.push_back(item);
  }
  // A stage that is alone meets nobody of another class: the sum over all its ranks is time like any other.
  if (alone) finish.items.push_back({.before = pass.rest, .until = Finish::Until::all_meet});
  const bool ends = finish.items.back().until == Finish::Until::all_meet;
  return ends && (alone || pass.rest == 0) ? std::optional(finish) : std::nullopt;
}

/// Counts the reductions that are waited for from the nearer end of the stage's: its layers lie between. Of layers it is the
/// last that is waited for, since what follows a backward goes through them in their order. False where there is none.
bool count_from_ends(Finish& finish, const std::vector<BucketCollective>& reduces) {
  const auto found = std::ranges::find(reduces, true, &BucketCollective::layer);
  const auto layer = static_cast<std::size_t>(found - reduces.begin());
  bool layers_reduced = reduces.empty();
  for (std::size_t i = 0; i < finish.items.size(); ++i) {
    Finish::Item& item = finish.items[i];
    if (item.until != Finish::Until::reduced) continue;
    if (item.number >= reduces.size()) return false;
    if (!layers_reduced && item.number >= layer) {
      layers_reduced = true;
      finish.layers_summed = i + 1;
    }
    item.from_first = item.number < layer;
    if (!item.from_first) item.number = reduces.size() - 1 - item.number;
  }
  return true;
}

/// Seconds of a template's instructions for which `which` holds.
template <class Which>
double seconds_of(const Probe& probe, std::size_t stage, program::TemplateId body, Which&& which) {
  double sum = 0;
  const program::Program& program = probe.program();
  program::for_each_instruction(program.templates[program::index(body)],
                                [&](program::InstructionId id, std::int32_t) {
                                  if (which(program.instruction(id)))
                                    sum += engine::alone(program, probe.durations(), stage, id).value;
                                });
  return sum;
}

const program::Call* call_of(const Probe& probe, std::size_t stage, program::Pass pass) {
  for (const program::Phase& phase : probe.program().classes[stage].phases)
    for (const program::Call& call : phase.calls)
      if (probe.program().body(call).pass == pass) return &call;
  return nullptr;
}

/// Zeroes in the first backward, whose seconds passes leave out.
double zero_of(const Probe& probe, std::size_t stage) {
  const program::Call* call = call_of(probe, stage, program::Pass::backward);
  return seconds_of(probe, stage, call->body, [&](const program::Instruction& instruction) {
    return std::ranges::any_of(probe.program().operators_of(instruction), [&](const program::Operator& one) {
      return std::holds_alternative<ops::Zero>(probe.program().op(one.op).what);
    });
  });
}

struct NormParts {
  double reduces{}, norms{};  // in the compute lane
};
NormParts norm_of(const Probe& probe, std::size_t stage) {
  const program::Call* call = call_of(probe, stage, program::Pass::norm);
  const auto in_lane = [](const program::Instruction& i) { return i.lane == program::LaneId{0}; };
  return {seconds_of(probe, stage, call->body,
                     [&](const program::Instruction& i) { return in_lane(i) && !program::computes(i.kind); }),
          seconds_of(probe, stage, call->body,
                     [&](const program::Instruction& i) { return in_lane(i) && program::computes(i.kind); })};
}

std::optional<StageUpdate> stage_update(const Probe& probe, std::size_t stage) {
  const Line& line = probe.line(stage);
  if (line.visits.size() < kFewest) return std::nullopt;
  const Pass &clip = visit(line, kClip), &update = visit(line, kUpdate),
             &last = visit(line, line.visits.size() - 2), &norm = visit(line, line.visits.size() - 1);
  if (!clip.points.empty() || !only(update, Stop::begin) || !only(visit(line, kStep), Stop::step))
    return std::nullopt;
  StageUpdate result{.clip = work_of(clip), .update = work_of(update), .zero = zero_of(probe, stage)};
  result.gathers = begins_of(update);
  result.reduces = begins_of(last);
  for (BucketCollective& reduce : result.reduces) reduce.in_pass = true;
  std::ranges::copy(begins_of(norm), std::back_inserter(result.reduces));
  const std::optional<Finish> finish = finish_of(norm, result.gathers.size(), probe.stages() == 1);
  if (!finish) return std::nullopt;
  result.finish = *finish;
  return result;
}

/// Marks the layer's collective, which is there if any is.
bool mark_layer(std::vector<BucketCollective>& one, const std::vector<BucketCollective>& two) {
  const auto seconds_of = [](const std::vector<BucketCollective>& list) {
    std::vector<double> seconds;
    for (const BucketCollective& each : list) seconds.push_back(each.seconds);
    return seconds;
  };
  const std::optional<std::size_t> layer = layer_among(seconds_of(one), seconds_of(two));
  if (!layer || *layer == one.size()) return layer && one.empty();
  one[*layer].layer = true;
  return true;
}

}  // namespace

std::optional<UpdateModel> UpdateModel::read(const Probe& probe, const Probe* further) {
  UpdateModel model;
  const bool pipeline = further == nullptr;
  const Probe& second = pipeline ? probe : *further;
  const std::size_t one = pipeline ? 1 : 0, two = pipeline ? 2 : 0;
  std::vector<StageUpdate> stages;
  for (const Probe* each : {&probe, further}) {
    if (each == nullptr) continue;
    for (std::size_t s = 0; s < each->stages(); ++s) {
      const std::optional<StageUpdate> stage = stage_update(*each, s);
      if (!stage) return std::nullopt;
      stages.push_back(*stage);
    }
  }
  const StageUpdate &less = stages[one], &more = stages[pipeline ? 2 : 1];
  const NormParts a = norm_of(probe, one), b = norm_of(second, two);
  model.layer_ = {.update = more.update - less.update,
                  .zero = more.zero - less.zero,
                  .reduce = b.reduces - a.reduces,
                  .norm = b.norms - a.norms};
  if (!pipeline) {
    StageUpdate& whole = model.kinds_[static_cast<std::size_t>(Kind::only)] = stages[0];
    const bool marked = mark_layer(whole.gathers, more.gathers) && mark_layer(whole.reduces, more.reduces);
    return marked && count_from_ends(whole.finish, whole.reduces) ? std::optional(model) : std::nullopt;
  }
  const auto mark = [](std::vector<BucketCollective>& list, bool front) {
    if (!list.empty()) (front ? list.front() : list.back()).layer = true;
  };
  for (const auto& [kind, stage] :
       {std::pair(Kind::first, 0U), std::pair(Kind::middle, 1U), std::pair(Kind::last, 3U)}) {
    StageUpdate& kept = model.kinds_[static_cast<std::size_t>(kind)] = stages[stage];
    mark(kept.gathers, kind != Kind::first);
    mark(kept.reduces, kind == Kind::first);
    if (!count_from_ends(kept.finish, kept.reduces)) return std::nullopt;
  }
  return model;
}

}  // namespace ds::tuner
