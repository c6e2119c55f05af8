// Values of plan keys that are no plain count, switch or word: how each is read, written and described by the schema.
#include "simulator/workload/plan_values.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "simulator/workload/split.h"

namespace ds::workload {
namespace {

template <class Range>
std::string list_of(const Range& numbers) {
  return fmt::format("[{}]", fmt::join(numbers, ", "));
}

std::string in_quotes(std::string_view text) { return fmt::format("\"{}\"", text); }

// For a search, rows and columns of a grid are one number: so many of these for each row.
constexpr std::int64_t kGridRow = 2 * kMaxDegree;

std::int64_t grid_number(const Cursor& at) {
  const std::vector<Cursor> sides = at.list(2, 2);
  return sides[0].count(1, kMaxDegree) * kGridRow + sides[1].count(1, kMaxDegree);
}
std::string spell_grid(std::int64_t number) {
  return fmt::format("[{}, {}]", number / kGridRow, number % kGridRow);
}
std::int64_t grid_of(const Plan& p) { return p.tp_rows * kGridRow + p.tp_columns; }
void set_grid(Plan& p, std::int64_t number) {
  p.tp_rows = number / kGridRow;
  p.tp_columns = number % kGridRow;
}

void take_recompute(const Cursor& at, Plan& p) {
  if (at.is_number()) {
    p.recompute_layers = at.count(0, kMaxLayers);
    p.recompute = p.recompute_layers == 0 ? Recompute::none : Recompute::layers;
  } else if (at.is_text()) {
    p.recompute = at.one_of(kRecomputes);
  } else if (at.is_list()) {
    p.recompute = Recompute::modules;
    for (const Cursor& module : at.list(1, std::size(kModules)))
      p.recompute_modules |= set_of(module.one_of(kModules));
  } else {
    at.fail_value("none, selective, full, a number of layers per stage, or a list of modules");
  }
}

std::string write_recompute(const Plan& p) {
  if (p.recompute == Recompute::layers) return fmt::format("{}", p.recompute_layers);
  if (p.recompute != Recompute::modules) return in_quotes(name_in(kRecomputes, p.recompute));
  std::vector<std::string> modules;
  for (const auto& module : kModules)
    if (has(p.recompute_modules, module.value)) modules.push_back(in_quotes(module.name));
  return list_of(modules);
}

// For a search, what is recomputed is one number: that of the word, or a number of layers or a set of modules from here on.
constexpr std::int64_t kFirstLayers = 1'000, kFirstModules = 1'000'000;

std::int64_t recompute_number(const Plan& p) {
  switch (p.recompute) {
    case Recompute::layers: return kFirstLayers + p.recompute_layers;
    case Recompute::modules: return kFirstModules + p.recompute_modules;
    case Recompute::none:
    case Recompute::selective:
    case Recompute::full: break;
  }
  return static_cast<std::int64_t>(p.recompute);
}

void set_recompute(Plan& p, std::int64_t number) {
  p.recompute_layers = 0, p.recompute_modules = 0;
  if (number >= kFirstModules) {
    p.recompute = Recompute::modules;
    p.recompute_modules = static_cast<Modules>(number - kFirstModules);
  } else if (number >= kFirstLayers) {
    p.recompute = Recompute::layers;
    p.recompute_layers = number - kFirstLayers;
  } else {
    p.recompute = static_cast<Recompute>(number);
  }
}

constexpr PlanValue recompute_value() {
  PlanValue value = kWord<&Plan::recompute, kRecomputes>;  // what a search varies
  value.schema = [] {
    std::vector<std::string_view> modules;
    for (const auto& module : kModules) modules.push_back(module.name);
    return fmt::format(
        R"({{"anyOf": [{}, {}, {{"type": "array", "items": {}, "minItems": 1, "maxItems": {}}}], "description": "selective: what it recomputes is the software's habit; a number: layers per stage; a list: modules of every layer"}})",
        kWord<&Plan::recompute, kRecomputes>.schema(), schema_of_count(0, kMaxLayers),
        schema_of_words(modules), modules.size());
  };
  value.read = [](const Cursor& at, Plan& p, const Defaults&) { take_recompute(at, p); };
  value.write = write_recompute;
  value.number = [](const Cursor& at) {
    Plan plan;
    take_recompute(at, plan);
    return recompute_number(plan);
  };
  value.spell = [](std::int64_t number) {
    Plan plan;
    set_recompute(plan, number);
    return plan.recompute == Recompute::layers || plan.recompute == Recompute::modules
               ? write_recompute(plan)
               : std::string(name_in(kRecomputes, plan.recompute));
  };
  value.get = recompute_number;
  value.set = set_recompute;
  return value;
}

/// PyTorch's own name is taken as well.
constexpr std::string_view kTheirZbV = "ZBVZeroBubble";
Schedule schedule_of(const Cursor& at) {
  return at.is_text() && at.text() == kTheirZbV ? Schedule::zb_v : at.one_of(kSchedules);
}

constexpr PlanValue schedule_value() {
  PlanValue value = kWord<&Plan::schedule, kSchedules>;
  value.schema = [] {
    std::vector<std::string_view> names;
    for (const ScheduleEntry& entry : kSchedules) names.push_back(entry.name);
    names.push_back(kTheirZbV);
    return schema_of_words(names);
  };
  value.read = [](const Cursor& at, Plan& p, const Defaults&) { p.schedule = schedule_of(at); };
  value.number = [](const Cursor& at) { return static_cast<std::int64_t>(schedule_of(at)); };
  return value;
}

/// Of the optimizer's states, what is offloaded: nothing, all, or a share.
std::int64_t states_offloaded(const Cursor& at) {
  if (at.is_boolean()) return at.boolean() ? kMillionths : 0;
  if (!at.is_number()) at.fail_value("true, false or a share from 0 to 1");
  return std::llround(at.real(0, 1) * static_cast<double>(kMillionths));
}
std::string spell_share(std::int64_t millionths) {
  if (millionths == 0 || millionths == kMillionths) return spell_switch(millionths);
  return fmt::format("{}", static_cast<double>(millionths) / static_cast<double>(kMillionths));
}

// For a search, layers whose activations are offloaded are one number: theirs, or a share in millionths from here on.
constexpr std::int64_t kFirstShares = 1'000'000;
static_assert(kFirstShares > kMaxLayers);

/// Layers of each stage: none, all, so many, or a share of them.
std::int64_t layers_offloaded(const Cursor& at) {
  if (at.is_boolean()) return at.boolean() ? kFirstShares + kMillionths : 0;
  if (!at.is_number()) at.fail_value("true, false, a number of layers per stage or a share from 0 to 1");
  const double number = at.real(0);
  if (number == 0 || number >= 1) return at.count(0, kMaxLayers);
  return kFirstShares + std::max<std::int64_t>(1, std::llround(number * static_cast<double>(kMillionths)));
}
std::string spell_layers_offloaded(std::int64_t number) {
  return number < kFirstShares ? spell_count(number) : spell_share(number - kFirstShares);
}

std::int64_t offloaded_layers_of(const Plan& p) {
  return p.offloaded_share > 0 ? kFirstShares + p.offloaded_share : p.offload_activations;
}
void offload_layers(Plan& p, std::int64_t number) {
  p.offload_activations = number < kFirstShares ? number : 0;
  p.offloaded_share = number < kFirstShares ? 0 : number - kFirstShares;
}

void read_dropout(const Cursor& at, Plan& p, const Defaults&) {
  p.dropout = at.real(0);
  if (p.dropout >= 1) at.fail_value("a probability below 1");
}

void read_fusion(const Cursor& at, Plan& p, const Defaults&) {
  if (at.is_boolean()) {
    p.fusion = at.boolean();
  } else if (at.is_list()) {
    for (const Cursor& pass : at.list(0, 64)) p.fusion_passes.emplace_back(kFusions[pass.choose(kFusions)]);
    p.fusion = !p.fusion_passes.empty();
  } else {
    at.fail_value("true, false or a list of passes");
  }
}

std::string write_fusion(const Plan& p) {
  if (p.fusion_passes.empty()) return spell_switch(p.fusion ? 1 : 0);
  std::vector<std::string> passes;
  for (const std::string& pass : p.fusion_passes) passes.push_back(in_quotes(pass));
  return list_of(passes);
}

/// Per stage a number, which is cut into chunks by the split rule, or a list of one number per chunk.
void read_stage_layers(const Cursor& at, Plan& p, const Defaults&) {
  p.stage_layers_given = true;
  const std::vector<Cursor> stages = at.list(1, kMaxLayers);
  for (std::size_t s = 0; s < stages.size(); ++s) {
    std::vector<std::int64_t>& chunks = p.stage_layers.emplace_back();
    if (stages[s].is_list()) {
      for (const Cursor& chunk : stages[s].list(1, kMaxVpp)) chunks.push_back(chunk.count(0, kMaxLayers));
    } else {
      const std::int64_t layers = stages[s].count(0, kMaxLayers);
      for (std::int64_t c = 0; c < p.chunks(); ++c)
        chunks.push_back(chunk_layers(layers, p.chunks(), static_cast<std::int64_t>(s), c));
    }
  }
}

std::string write_stage_layers(const Plan& p) {
  if (!p.stage_layers_given) return {};
  std::vector<std::string> stages;
  for (const std::vector<std::int64_t>& chunks : p.stage_layers) stages.push_back(list_of(chunks));
  return list_of(stages);
}

std::string schema_of_stage_layers() {
  const std::string layers = schema_of_count(0, kMaxLayers);
  return fmt::format(
      R"({{"type": "array", "items": {{"anyOf": [{0}, {{"type": "array", "items": {0}, "minItems": 1, "maxItems": {1}}}]}}, "minItems": 1, "description": "per stage a number of layers, or a list of one number per chunk"}})",
      layers, kMaxVpp);
}

void read_batch_shares(const Cursor& at, Plan& p, const Defaults&) {
  for (const Cursor& share : at.list(1, static_cast<std::size_t>(kMaxDegree)))
    p.batch_shares.push_back(share.count(1, kMaxGlobalBatch));
}

void read_placement(const Cursor& at, Plan& p, const Defaults&) {
  p.placement = at.text();
  std::vector<std::string> axes;
  for (std::size_t start = 0; start <= p.placement.size();) {
    const std::size_t end = std::min(p.placement.find('-', start), p.placement.size());
    axes.push_back(p.placement.substr(start, end - start));
    start = end + 1;
  }
  std::vector<std::string> known(std::begin(kAxes), std::end(kAxes));
  std::ranges::sort(axes);
  std::ranges::sort(known);
  if (axes != known)
    at.fail_value("the axes tp, cp, ep, dp and pp in some order, joined by -, such as tp-cp-ep-dp-pp");
}

void read_collectives(const Cursor& at, Plan& p, const Defaults&) {
  at.only(kAxes);
  p.collectives_given = true;
  for (const auto& [axis, algorithm] : at.members())
    p.collectives.emplace_back(axis, kAlgorithms[algorithm.choose(kAlgorithms)]);
}

std::string write_collectives(const Plan& p) {
  if (!p.collectives_given) return {};
  std::vector<std::string> axes;
  for (const auto& [axis, algorithm] : p.collectives)
    axes.push_back(fmt::format(R"("{}": "{}")", axis, algorithm));
  return fmt::format("{{{}}}", fmt::join(axes, ", "));
}

std::string schema_of_collectives() {
  std::vector<std::string> axes;
  for (const std::string_view axis : kAxes)
    axes.push_back(fmt::format(R"("{}": {})", axis, schema_of_words(kAlgorithms)));
  return fmt::format(R"({{"type": "object", "additionalProperties": false, "properties": {{{}}}}})",
                     fmt::join(axes, ", "));
}

}  // namespace

std::int64_t number_of_recomputed_layers(std::int64_t layers) { return kFirstLayers + layers; }

std::string spell_count(std::int64_t value) { return fmt::format("{}", value); }
std::string spell_switch(std::int64_t value) { return value != 0 ? "true" : "false"; }
std::string schema_of_switch() { return R"({"type": "boolean"})"; }
std::string schema_of_count(std::int64_t least, std::int64_t most) {
  return fmt::format(R"({{"type": "integer", "minimum": {}, "maximum": {}}})", least, most);
}

constinit const PlanValue kTensorGrid = whole_number<grid_number, spell_grid, grid_of, set_grid, [] {
  return fmt::format(
      R"({{"type": "array", "items": {}, "minItems": 2, "maxItems": 2, "description": "rows and columns of a 2-D tensor-parallel group"}})",
      schema_of_count(1, kMaxDegree));
}>();

constinit const PlanValue kScheduleValue = schedule_value();

constinit const PlanValue kOffloadedStates = whole_number<
    states_offloaded, spell_share, [](const Plan& p) { return p.offload_optimizer ? p.offloaded_states : 0; },
    [](Plan& p, std::int64_t millionths) {
      p.offload_optimizer = millionths != 0;
      p.offloaded_states = millionths != 0 ? millionths : kMillionths;
    },
    [] {
      return std::string(
          R"({"anyOf": [{"type": "boolean"}, {"type": "number", "minimum": 0, "maximum": 1}], "description": "of the optimizer's states: all, none, or a share"})");
    }>();

constinit const PlanValue kOffloadedLayers =
    whole_number<layers_offloaded, spell_layers_offloaded, offloaded_layers_of, offload_layers, [] {
      return fmt::format(
          R"({{"anyOf": [{{"type": "boolean"}}, {}, {{"type": "number", "minimum": 0, "exclusiveMaximum": 1}}], "description": "layers of each stage: their number, or a share of them"}})",
          schema_of_count(0, kMaxLayers));
    }>();

constinit const PlanValue kRecomputeValue = recompute_value();

constinit const PlanValue kFp8Recipe{
    .schema = [] { return schema_of_words(kFp8Recipes); },
    .read = [](const Cursor& at, Plan& p,
               const Defaults&) { p.fp8_recipe = kFp8Recipes[at.choose(kFp8Recipes)]; },
    .write = [](const Plan& p) { return p.fp8_recipe.empty() ? std::string() : in_quotes(p.fp8_recipe); }};

constinit const PlanValue kDropout{
    .schema =
        [] {
          return std::string(
              R"({"type": "number", "minimum": 0, "exclusiveMaximum": 1, "description": "probability"})");
        },
    .read = read_dropout,
    .write = [](const Plan& p) { return fmt::format("{}", p.dropout); }};

constinit const PlanValue kFusion{
    .schema =
        [] {
          return fmt::format(
              R"({{"anyOf": [{{"type": "boolean"}}, {{"type": "array", "items": {}, "minItems": 0, "maxItems": 64}}]}})",
              schema_of_words(kFusions));
        },
    .read = read_fusion,
    .write = write_fusion};

constinit const PlanValue kStageLayers{
    .schema = schema_of_stage_layers, .read = read_stage_layers, .write = write_stage_layers};

constinit const PlanValue kBatchShares{
    .schema =
        [] {
          return fmt::format(
              R"({{"type": "array", "items": {}, "minItems": 1, "description": "sequences of each data-parallel rank"}})",
              schema_of_count(1, kMaxGlobalBatch));
        },
    .read = read_batch_shares,
    .write = [](const Plan& p) { return p.batch_shares.empty() ? std::string() : list_of(p.batch_shares); }};

constinit const PlanValue kPlacement{
    .schema =
        [] {
          const std::string axes = fmt::format("{}", fmt::join(kAxes, "|"));
          return fmt::format(
              R"({{"type": "string", "pattern": "^({0})(-({0})){{{1}}}$", "description": "order of the axes over the ranks, the first varies fastest"}})",
              axes, std::size(kAxes) - 1);
        },
    .read = read_placement,
    .write = [](const Plan& p) { return in_quotes(p.placement); }};

constinit const PlanValue kCollectives{
    .schema = schema_of_collectives, .read = read_collectives, .write = write_collectives};

}  // namespace ds::workload
