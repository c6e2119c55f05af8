// Which kind of cases a file has.
#include "cli/validation/links.h"
#include "cli/validation/reliability.h"
#include "cli/validation/validation.h"

namespace ds::cli {

std::vector<Task> read_tasks(const Document& document, cost::Fitted fitted) {
  std::vector<Task> tasks;
  if (has_link_cases(document)) {
    for (LinkCase& c : read_link_cases(document))
      tasks.push_back({c.id, [c = std::move(c)] { return judge(c); }});
    return tasks;
  }
  if (has_reliability_cases(document)) {
    for (ReliabilityCase& c : read_reliability_cases(document))
      tasks.push_back({c.id, [c = std::move(c)] { return std::vector<Row>{judge(c)}; }});
    return tasks;
  }
  for (Case& c : read_cases(document))
    tasks.push_back({c.id, [c = std::move(c), fitted] { return judge(c, fitted); }});
  return tasks;
}

}  // namespace ds::cli
