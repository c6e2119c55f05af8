// Rows of the table of names, from our keys to their flags.
#include "simulator/export/arguments.h"

#include <algorithm>

#include "simulator/base/nearest.h"
#include "simulator/workload/write_job.h"

namespace ds::exports {
namespace {

using workload::Form;
using workload::Name;

Part part_of(std::string_view path) {
  if (path.starts_with("model.")) return Part::model;
  if (path.starts_with("train.")) return Part::training;
  return path.starts_with("plan.fp8") ? Part::precision : Part::plan;
}

std::string_view theirs_of(const Name& name, const Cursor& value) {
  const std::string ours = value.text();
  std::vector<std::string_view> known;
  for (const workload::NamedWord& word : name.words) {
    if (word.ours == ours) return word.theirs;
    known.push_back(word.ours);
  }
  throw InputError(std::string(name.ours),
                   fmt::format("is {}, for which {} has no word", json_text(ours), name.theirs),
                   fmt::format("{} can be exported", listed(known)));
}

/// A share of something that is on.
bool is_on(const Cursor& value) { return value.is_boolean() ? value.boolean() : value.is_number(); }

}  // namespace

Writer::Writer(const workload::Job& plain) : job_(parse_document(workload::write_job(plain), "")) {}

std::optional<Cursor> Writer::find(std::string_view path) const {
  std::optional<Cursor> at = job_.root();
  while (at && !path.empty()) {
    const std::size_t end = std::min(path.find('.'), path.size());
    at = at->is_object() ? at->find(path.substr(0, end)) : std::nullopt;
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return at;
}

void Writer::put_names(std::span<const Name> names, std::initializer_list<std::string_view> but) {
  std::vector<std::string_view> said(but);
  for (const Name& name : names) {
    if (name.form == Form::derived || std::ranges::find(said, name.ours) != said.end()) continue;
    const std::optional<Cursor> value = find(name.ours);
    if (!value) continue;
    said.push_back(name.ours);
    const Part part = part_of(name.ours);
    std::string theirs(name.theirs);
    switch (name.form) {
      case Form::count:
      case Form::number: put(part, std::move(theirs), std::string_view(value->dump())); break;
      case Form::on: put_if(is_on(*value), part, std::move(theirs)); break;
      case Form::off: put_if(!is_on(*value), part, std::move(theirs)); break;
      case Form::word: put(part, std::move(theirs), theirs_of(name, *value)); break;
      case Form::derived: break;
    }
  }
}

}  // namespace ds::exports
