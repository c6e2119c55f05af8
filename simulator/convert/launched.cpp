// The words of launchers that say how many.
#include "simulator/convert/launched.h"

#include <fmt/format.h>

#include <charconv>

#include "simulator/base/json.h"

namespace ds::convert {
namespace {

constexpr std::string_view kNodes[] = {"--nnodes", "--nodes", "-N", "--num_nodes", "--num-nodes"};
constexpr std::string_view kRanks[] = {"--nproc_per_node", "--nproc-per-node", "--num_gpus",
                                       "--ntasks-per-node", "--gpus-per-node"};

struct Said {
  std::optional<std::int64_t> number;
  std::string why_not;
};

Said number_of(const Word& word) {
  if (!word.known())
    return {{}, fmt::format("{} has {}: {}", at_line(word.line), json_text(word.text), word.unknown)};
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(word.text.data(), word.text.data() + word.text.size(), value);
  if (error != std::errc() || end != word.text.data() + word.text.size() || value < 1 || value > kMaxWhole)
    return {{},
            fmt::format("{} has {}, which is not a number", at_line(word.line),
                        json_text(word.text.substr(0, 40)))};
  return {value, {}};
}

/// The last that is said by one of those words, as `--name 4`, `--name=4` or, of a letter, `-N4`.
Said said_by(std::span<const Word> words, std::span<const std::string_view> names) {
  Said said;
  for (std::size_t i = 0; i < words.size(); ++i)
    for (const std::string_view name : names) {
      const Word& word = words[i];
      if (word.text == name && i + 1 < words.size()) said = number_of(words[i + 1]);
      if (!word.text.starts_with(name) || word.text.size() == name.size()) continue;
      const bool equals = word.text[name.size()] == '=';
      if (!equals && name.size() > 2) continue;
      Word value = word;
      value.text.erase(0, name.size() + (equals ? 1 : 0));
      said = number_of(value);
    }
  return said;
}

}  // namespace

Draft::Launched launched_by(const Launch& launch) {
  const Said nodes = said_by(launch.launcher, kNodes), ranks = said_by(launch.launcher, kRanks);
  Draft::Launched launched{.nodes = nodes.number, .ranks_per_node = ranks.number, .why_not = nodes.why_not};
  // Of sbatch and srun, one task a node may start all ranks.
  if (launched.ranks_per_node == 1) launched.ranks_per_node.reset();
  const Word* said = find_variable(launch.variables, "WORLD_SIZE");
  if (launched.nodes || said == nullptr) return launched;
  const Said world = number_of(*said);
  if (world.number && launched.ranks_per_node && *world.number % *launched.ranks_per_node == 0)
    launched.nodes = *world.number / *launched.ranks_per_node;
  return launched;
}

}  // namespace ds::convert
