// The environment that launchers and our supervisor leave: NAME=value, one a line.
#include <map>

#include "executor/mpi/launcher.h"
#include "executor/supervisor/rank_environment.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ds;
  std::map<std::string, std::string> variables;
  std::string_view rest = fuzz::text_of(data, size);
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const std::size_t equals = std::min(line.find('='), line.size());
    variables[std::string(line.substr(0, equals))] = line.substr(std::min(equals + 1, line.size()));
  }
  const auto value = [&](const char* name) -> const char* {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  };
  fuzz::read_or_refuse([&] {
    if (const auto launched = executor::launched(value)) {
      ensure(launched->by != nullptr, "a launcher has a name");
      ensure(launched->rank.value_or(0) >= 0 && launched->ranks.value_or(1) >= 1, "ranks count from 0");
      ensure(launched->rank.value_or(0) < launched->ranks.value_or(launched->rank.value_or(0) + 1LL),
             "and to their number");
    }
  });
  fuzz::read_or_refuse([&] {
    static_cast<void>(
        executor::rank_environment(value(executor::kRankVariable), value(executor::kPoolVariable)));
  });
  return 0;
}
