#pragma once
// Questions to the failure model, held against what was published: the third kind of file that `ds-sim validate` takes. What its words
// mean stands in the `about` of profiles/measured/reliability.json.
//
//   for (const ReliabilityCase& c : read_reliability_cases(document)) rows.push_back(judge(c));

#include <optional>
#include <string>
#include <vector>

#include "cli/validation/validation.h"
#include "simulator/base/json.h"
#include "simulator/run/questions.h"

namespace ds::cli {

/// A figure, or a bound of one.
struct Expected {
  std::optional<double> value, least, most;
};

/// When an answer passes; exactly one of these, or none where a bound is expected. `interval`: the ends of the answer are those, within
/// `relative`, and the figure lies between them. `poisson`: the probability of the central interval in which a count lies.
struct Tolerance {
  std::optional<double> relative, absolute, poisson;
  std::optional<run::Ends> interval;
  bool expected_miss{false};  // an honest answer is more than 20 % off
};

struct ReliabilityCase {
  std::string id, where, file;  // `where`: its JSON path
  std::optional<run::QuestionEntry> question;
  run::Inputs inputs;
  Expected expected;
  Tolerance tolerance;
  bool context{false};  // shown, never scored
  std::string note;
  std::string fault;  // the first thing that cannot be read
};

bool has_reliability_cases(const Document& document);

/// What of a case cannot be read is its fault; the others are judged all the same. Throws InputError where there is no list of them.
std::vector<ReliabilityCase> read_reliability_cases(const Document& document);

Row judge(const ReliabilityCase& c);

}  // namespace ds::cli
