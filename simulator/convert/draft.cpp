// Values become a job, and what is said of the job is said of the launch.
#include "simulator/convert/draft.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "simulator/base/file.h"
#include "simulator/base/json.h"
#include "simulator/base/nearest.h"
#include "simulator/workload/workload.h"

namespace ds::convert {
namespace {

/// An object of a job, or a value.
struct Tree {
  std::string name;
  std::string value;          // JSON; empty: an object of these
  std::vector<Tree> members;  // in the order in which they were put
};

void put(Tree& at, std::string_view path, const std::string& value) {
  const std::size_t dot = path.find('.');
  const std::string_view name = path.substr(0, dot);
  auto found = std::ranges::find(at.members, name, &Tree::name);
  if (found == at.members.end())
    found = at.members.insert(found, {.name = std::string(name), .value = {}, .members = {}});
  if (dot == std::string_view::npos)
    found->value = value;
  else
    put(*found, path.substr(dot + 1), value);
}

std::string written(const Tree& tree, int depth) {
  if (tree.members.empty()) return tree.value;
  std::string text = "{";
  const std::string indent(static_cast<std::size_t>(2 * depth), ' ');
  for (const Tree& member : tree.members)
    text += fmt::format("{}\n{}  {}: {}", text == "{" ? "" : ",", indent, json_text(member.name),
                        written(member, depth + 1));
  return text + "\n" + indent + "}";
}

std::string value_of(const workload::Name& name, const Flag& flag) {
  using workload::Form;
  switch (name.form) {
    case Form::count: return fmt::format("{}", count_of(flag));
    case Form::number: return fmt::format("{}", number_of(flag));
    case Form::on: expect_switch(flag); return "true";
    case Form::off: expect_switch(flag); return "false";
    case Form::word: {
      const std::string& word = only_value(flag);
      std::vector<std::string_view> known;
      for (const workload::NamedWord& one : name.words) {
        if (one.theirs == word) return json_text(one.ours);
        known.push_back(one.theirs);
      }
      fail(flag, fmt::format("is {}, which cannot be predicted yet, or is unknown", json_text(word)),
           fmt::format("{} can", listed(known)));
    }
    case Form::derived: break;
  }
  return {};
}

}  // namespace

InputError in_launch(const InputError& error, const std::string& file) {
  constexpr std::string_view kOptions[] = {"--node",  "--nodes",           "--cluster",     "--model",
                                           "--vocab", "--sequence-length", "--global-batch"};
  const bool of_option = std::ranges::find(kOptions, error.path()) != std::end(kOptions);
  return of_option || file.empty() ? error : error.in_file(file);
}

void check_text(std::string_view text) {
  if (std::ssize(text) > kMaxLaunchBytes)
    throw InputError("", fmt::format("has {} bytes", text.size()),
                     fmt::format("a launch of at most {} is read", kMaxLaunchBytes));
  if (text.find('\0') != std::string_view::npos)
    throw InputError("", "is not text: it has NUL bytes", "a launch, or a configuration, is asked for");
}

void Draft::set_json(std::string_view path, std::string value, const Flag* from) {
  Setting setting{
      .path = std::string(path), .value = std::move(value), .place = from != nullptr ? place_of(*from) : ""};
  const auto found = std::ranges::find(settings_, path, &Setting::path);
  if (found == settings_.end())
    settings_.push_back(std::move(setting));
  else
    *found = std::move(setting);
}
void Draft::set_text(std::string_view path, std::string_view text, const Flag* from) {
  set_json(path, json_text(text), from);
}
void Draft::set_count(std::string_view path, std::int64_t value, const Flag* from) {
  set_json(path, fmt::format("{}", value), from);
}
void Draft::set_switch(std::string_view path, bool value, const Flag* from) {
  set_json(path, value ? "true" : "false", from);
}
bool Draft::has(std::string_view path) const {
  return std::ranges::find(settings_, path, &Setting::path) != settings_.end();
}

void Draft::drop(std::string_view path) {
  std::erase_if(settings_, [&](const Setting& setting) { return setting.path == path; });
}

void Draft::take(std::span<const workload::Name> names, const Flags& flags) {
  for (const workload::Name& name : names)
    if (name.form != workload::Form::derived)
      if (const Flag* flag = flags.find(name.theirs)) set_json(name.ours, value_of(name, *flag), flag);
}

void Draft::note_unused(const Flags& flags) {
  const std::vector<std::string> names = flags.unused();
  if (!names.empty())
    notes.push_back(fmt::format("without effect beside the others: {}", fmt::join(names, ", ")));
}

bool Draft::leaves_open(const Flag& flag, std::string_view path) {
  if (is_known(flag)) return false;
  notes.push_back(fmt::format("{}: known to nobody before it runs; {} is left out", flag.name, path));
  return true;
}

void Draft::set_model() {
  if (!asked_.says_model()) return;
  namespace fs = std::filesystem;
  std::erase_if(settings_, [](const Setting& setting) { return setting.path.starts_with("model"); });
  if (!asked_.model_json.empty()) {
    set_json("model", asked_.model_json);
    return;
  }
  const bool file = asked_.model.find('/') != std::string::npos || asked_.model.ends_with(".json");
  set_text("model", file ? fs::proximate(fs::absolute(asked_.model), fs::absolute(asked_.folder)).string()
                         : asked_.model);
}

void Draft::set_cluster(const Launched& launched) {
  if (!asked_.cluster_json.empty()) {
    set_json("cluster", asked_.cluster_json);
    return;
  }
  if (!asked_.cluster.empty()) {
    const Document document = read_document_argument(asked_.cluster);
    const auto inside = document.root().find("cluster");
    set_json("cluster", (inside ? *inside : document.root()).dump());
    return;
  }
  if (asked_.node.empty())
    throw InputError("--node", "is missing: the launch does not say what machine it is for",
                     "--node dgx-h100, or another that ds-sim presets node lists; or --cluster FILE");
  set_text("cluster.node", asked_.node);
  const std::optional<std::int64_t> nodes = asked_.nodes ? asked_.nodes : launched.nodes;
  if (!nodes)
    throw InputError("--nodes", launched.why_not.empty()
                                    ? "is missing: the launch does not say how many there are"
                                    : "is missing: " + launched.why_not);
  set_count("cluster.nodes", *nodes);
  const std::int64_t per_node = ranks() / *nodes;
  if (!asked_.nodes && launched.ranks_per_node && *launched.ranks_per_node != per_node)
    throw InputError("--node",
                     fmt::format("{} has {} GPUs, the launch starts {} ranks a node", asked_.node, per_node,
                                 *launched.ranks_per_node),
                     "another node, or --nodes with as many as make the same number of GPUs");
}

/// The job of what is set by now, of a small model and machine where they are not; its rules are not asked for.
workload::Job Draft::so_far() const {
  Tree job;
  for (const Setting& setting : settings_)
    if (setting.path.starts_with("model") || setting.path.starts_with("cluster"))
      put(job, setting.path, setting.value);
  const auto without = [&](std::string_view part) {
    return std::ranges::find(job.members, part, &Tree::name) == job.members.end();
  };
  if (without("model")) put(job, "model", R"("gpt2-124m")");
  if (without("cluster")) put(job, "cluster", R"({"node": "dgx-h100", "nodes": 1})");
  put(job, "train", R"({"sequence_length": 1, "global_batch": 1})");
  try {
    return workload::read_job_parts(parse_document(written(job, 0), ""), asked_.folder);
  } catch (const InputError& error) {
    blame(error);
  }
}

std::int64_t Draft::ranks() const {
  Draft cluster(asked_);
  std::ranges::copy_if(settings_, std::back_inserter(cluster.settings_),
                       [](const Setting& setting) { return setting.path.starts_with("cluster"); });
  return cluster.so_far().cluster.ranks();
}
std::int64_t Draft::layers() const { return so_far().model.layers; }

/// By the order of the table of names, which is that of a job; what is not in it stays behind what it was set after.
std::vector<Draft::Setting> Draft::in_order() const {
  const std::span<const workload::Name> names = workload::megatron_names();
  std::vector<std::pair<std::ptrdiff_t, Setting>> ranked;
  for (const Setting& setting : settings_) {
    const auto found = std::ranges::find(names, setting.path, &workload::Name::ours);
    ranked.emplace_back(found != names.end() ? found - names.begin()
                        : ranked.empty()     ? 0
                                             : ranked.back().first,
                        setting);
  }
  std::ranges::stable_sort(ranked, {}, &std::pair<std::ptrdiff_t, Setting>::first);
  std::vector<Setting> ordered;
  for (auto& [rank, setting] : ranked) ordered.push_back(std::move(setting));
  return ordered;
}

std::string Draft::text() const {
  Tree job;
  const std::vector<Setting> settings = in_order();
  for (const std::string_view part : {"model", "cluster", "train", "plan", "software"})
    for (const Setting& setting : settings)
      if (setting.path == part || setting.path.starts_with(std::string(part) + "."))
        put(job, setting.path, setting.value);
  return written(job, 0) + "\n";
}

/// Of a path, or of the nearest object around it that was set.
void Draft::blame(const InputError& error) const {
  if (error.path().starts_with("cluster")) {
    const bool nodes = error.path() == "cluster.nodes" && asked_.nodes;
    const std::string option = !asked_.cluster.empty() ? "--cluster" : nodes ? "--nodes" : "--node";
    throw InputError(option, error.wrong(), error.hint());
  }
  if (error.path() == "model" && !asked_.model.empty())
    throw InputError("--model", error.wrong(), error.hint());
  for (std::string path = error.path(); !path.empty();
       path = path.substr(0, path.find_last_of(".[") == std::string::npos ? 0 : path.find_last_of(".["))) {
    const auto found = std::ranges::find(settings_, path, &Setting::path);
    if (found != settings_.end() && !found->place.empty())
      throw InputError(fmt::format("{}, here {}", found->place, error.path()), error.wrong(), error.hint());
  }
  throw error;
}

Conversion Draft::finish() {
  Conversion made{.job = text(), .notes = {}};
  try {
    const workload::Job job = workload::read_job_text(made.job, "", {}, asked_.folder);
    try {
      workload::check_supported(job);
    } catch (const InputError& unsupported) {
      if (!asked_.lenient) blame(unsupported);
      notes.push_back(fmt::format("the job cannot be predicted yet: {}", unsupported.what()));
    }
  } catch (const InputError& error) {
    blame(error);
  }
  made.notes = std::move(notes);
  return made;
}

}  // namespace ds::convert
