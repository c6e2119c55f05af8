// The space as the command line asks for it: the default one or that of a file, narrowed by pins and forbids.

#include <fmt/format.h>

#include <algorithm>

#include "simulator/base/error.h"
#include "simulator/base/nearest.h"
#include "simulator/workload/rules.h"
#include "simulator/workload/supported.h"
#include "tuner/space/space.h"

namespace ds::tuner {
namespace {

constexpr std::size_t kMostValues = 4096;  // of one key in a file
constexpr std::string_view kPlan = "plan.";

/// Varied unless a file says what is. `dp` only where it does not follow from the number of ranks.
constexpr std::string_view kVaried[] = {"tp",          "pp",       "dp",  "precision", "sequence_parallel",
                                        "micro_batch", "schedule", "vpp", "recompute", "zero"};

std::vector<std::string_view> names() {
  std::vector<std::string_view> all;
  for (const Setting& setting : settings()) all.push_back(setting.name);
  return all;
}

/// In the order of settings(), whatever the order in which they were asked for.
class Dimensions {
 public:
  Dimensions() : values_(settings().size()) {}

  std::vector<std::int64_t>& of(const Setting& setting) {
    return values_[static_cast<std::size_t>(&setting - settings().data())];
  }
  std::vector<Dimension> list() const {
    std::vector<Dimension> all;
    for (std::size_t i = 0; i < values_.size(); ++i)
      if (!values_[i].empty()) all.push_back({&settings()[i], values_[i]});
    return all;
  }

 private:
  std::vector<std::vector<std::int64_t>> values_;  // empty: does not vary
};

Dimensions default_space(const workload::Job& base, std::int64_t cores) {
  Dimensions dimensions;
  const bool ranks_are_fixed = !base.cluster.cpu() || base.cluster.asked_ranks;
  for (const Setting& setting : settings())
    if (std::ranges::find(kVaried, setting.name) != std::end(kVaried) &&
        (setting.name != "dp" || !ranks_are_fixed))
      dimensions.of(setting) = default_values(setting, base, cores);
  return dimensions;
}

Dimensions space_of_file(const std::string& file) {
  const Document document = read_document(file);
  const Cursor root = document.root();
  root.expect_object();
  root.only(names());
  Dimensions dimensions;
  for (const Setting& setting : settings()) {
    const auto at = root.find(setting.name);
    if (!at) continue;
    std::vector<std::int64_t>& values = dimensions.of(setting);
    for (const Cursor& value : at->list(1, kMostValues)) {
      values.push_back(setting.read(value));
      if (std::ranges::count(values, values.back()) > 1) value.fail("stands there twice");
    }
  }
  return dimensions;
}

/// An option that names a key of the plan, and perhaps a value: plan.tp=8.
struct Wish {
  std::string_view option;
  std::string path;
  std::string value;  // "": none
};

Wish parse(std::string_view option, const std::string& text) {
  const std::size_t equals = text.find('=');
  Wish wish{option, text.substr(0, equals), equals == std::string::npos ? "" : text.substr(equals + 1)};
  if (!wish.path.starts_with(kPlan) || (equals != std::string::npos && wish.value.empty()))
    throw InputError(std::string(option), fmt::format("is {}", text),
                     fmt::format("a key of the plan is needed, as {} plan.tp=8", option));
  return wish;
}

[[noreturn]] void refuse(const Wish& wish, std::string wrong, std::string hint = {}) {
  throw InputError(fmt::format("{} {}", wish.option, wish.path), std::move(wrong), std::move(hint));
}

const Setting* find_setting(const Wish& wish) {
  const std::string_view name = std::string_view(wish.path).substr(kPlan.size());
  for (const Setting& setting : settings())
    if (setting.name == name) return &setting;
  return nullptr;
}

[[noreturn]] void refuse_unknown(const Wish& wish) {
  const std::string near = nearest(wish.path.substr(kPlan.size()), names());
  refuse(wish, "is no key that a search varies",
         near.empty() ? fmt::format("{} are; --set changes any other key of the job", listed(names()))
                      : fmt::format("did you mean plan.{}?", near));
}

/// JSON, else text, as after --set.
std::int64_t value_of(const Wish& wish, const Setting& setting) {
  std::optional<Document> document;
  try {
    document = parse_document(wish.value, "");
  } catch (const InputError&) {
    if (wish.value.find_first_of("\"\\") != std::string::npos) refuse(wish, "is no JSON value and no word");
    document = parse_document("\"" + wish.value + "\"", std::string(wish.option));
  }
  return setting.read(Cursor(document->value(), std::string(wish.option), wish.path));
}

void pin(Dimensions& dimensions, const std::string& text) {
  const Wish wish = parse("--pin", text);
  const Setting* setting = find_setting(wish);
  if (setting == nullptr) refuse_unknown(wish);
  if (wish.value.empty()) refuse(wish, "has no value", fmt::format("--pin {}=VALUE has", wish.path));
  dimensions.of(*setting) = {value_of(wish, *setting)};
}

/// Features that no search varies yet. Whether the job has them is another question.
bool job_uses(const workload::Plan& plan, std::string_view path) {
  if (path == "plan.dropout") return plan.dropout > 0;
  return false;  // cp, ep, offload ...: a job that has one has been refused
}

constexpr std::string_view kFeatures[] = {"plan.cp",      "plan.ep",      "plan.etp",
                                          "plan.offload", "plan.dropout", "plan.sparsity"};

void forbid(Dimensions& dimensions, const workload::Job& base, std::int64_t cores, const std::string& text) {
  const Wish wish = parse("--forbid", text);
  const Setting* setting = find_setting(wish);
  if (setting == nullptr) {
    if (std::ranges::find(kFeatures, wish.path) == std::end(kFeatures) || !wish.value.empty())
      refuse_unknown(wish);
    if (job_uses(base.plan, wish.path)) refuse(wish, "is in the job's own plan");
    return;
  }
  std::vector<std::int64_t>& values = dimensions.of(*setting);
  if (values.empty()) values = default_values(*setting, base, cores);
  if (wish.value.empty()) {
    if (!setting->off) refuse(wish, "is nothing that can be left out", "forbid one of its values");
    std::erase_if(values, [&](std::int64_t value) { return value != *setting->off; });
  } else {
    std::erase(values, value_of(wish, *setting));
  }
  if (values.empty()) refuse(wish, "leaves no value to try");
}

/// Throws for what no plan of the space could mend: asked of a plan that uses nothing.
void check_rest(workload::Job plain) {
  workload::Plan& plan = plain.plan;
  plan.tp = plan.pp = plan.dp = plan.vpp = plan.tp_rows = plan.tp_columns = plan.zero_group = 1;
  plan.micro_batch = plain.train.global_batch;
  plan.schedule = workload::Schedule::one_f_one_b;
  plan.recompute = workload::Recompute::none;
  plan.sequence_parallel = false;
  plan.zero = 0;
  plan.stage_layers_given = false;
  const auto in_file = [&](const InputError& error) {
    return plain.file.empty() ? error : error.in_file(plain.file);
  };
  if (const auto violation = workload::first_violation(plain))
    if (violation->rule->path.starts_with("model.") || violation->rule->path == "cluster.nodes")
      throw in_file(workload::as_error(*violation, plain));
  workload::check_supported(plain);
}

}  // namespace

Space read_space(const workload::Job& base, const Wishes& wishes) {
  check_rest(base);
  Dimensions dimensions =
      wishes.file.empty() ? default_space(base, wishes.cores) : space_of_file(wishes.file);
  for (const std::string& text : wishes.pins) pin(dimensions, text);
  for (const std::string& text : wishes.forbids) forbid(dimensions, base, wishes.cores, text);
  return {base, dimensions.list(), wishes.cores};
}

}  // namespace ds::tuner
