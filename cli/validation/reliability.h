#pragma once
// Questions to the failure model, held against what was published: the third kind of file that `ds-sim validate` takes. What its words
// mean stands in the `about` of profiles/measured/reliability.json.
//
//   for (const ReliabilityCase& c : read_reliability_cases(document)) rows.push_back(judge(c));

#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "cli/validation/validation.h"
#include "simulator/base/json.h"
#include "simulator/run/questions.h"

namespace ds::cli {

/// A figure; or, where there is none, bounds of one.
struct Expected {
  std::optional<double> value;
  double least{-std::numeric_limits<double>::infinity()}, most{std::numeric_limits<double>::infinity()};
};

/// When an answer passes.
struct Tolerance {
  enum class Form {
    bound,          // it keeps the bounds that are expected
    relative,       // it is near to the figure, by a share of that
    absolute,       // the same, by so much
    interval,       // its ends are these, by a share of them, and the figure lies between its own
    poisson,        // the figure is a count, and lies in the central interval of that probability
    expected_miss,  // an honest answer is more than 20 % off
  };
  Form form{Form::bound};
  double by{};
  run::Ends interval;
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
