#pragma once
// Collectives and flows over links of stated speed, held against what another program found: the kind of file that has
// `collectives` or `fair_sharing`. What may stand in it: docs/collective.md.

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "cli/validation/validation.h"
#include "simulator/base/json.h"
#include "simulator/links/links.h"

namespace ds::cli {

/// What cannot be read of a case is left empty, and why is its fault.
struct LinkCase {
  std::string id, set;  // set: collectives or fair_sharing
  std::variant<std::monostate, links::Spec, links::FlowSet> what;
  std::map<std::string, Measured> expected;  // seconds: by metric of a collective, by flow of the others
  std::optional<double> tolerance;           // relative
  std::string fault;
};

bool has_link_cases(const Document& document);
/// Throws InputError where a list is none, or both are empty.
std::vector<LinkCase> read_link_cases(const Document& document);
/// A row for each metric.
std::vector<Row> judge(const LinkCase& c);

}  // namespace ds::cli
