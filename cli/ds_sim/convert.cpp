// `ds-sim convert`: a launch of another program as a job.
#include "simulator/convert/convert.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/ds_sim/commands.h"
#include "cli/session/phases.h"
#include "simulator/base/error.h"
#include "simulator/base/file.h"
#include "simulator/base/json.h"
#include "simulator/base/nearest.h"

namespace ds::cli {
namespace {

struct Stack {
  std::string_view name;
  convert::Conversion (*convert)(std::string_view text, const convert::Asked& asked);
};
constexpr Stack kStacks[] = {{"megatron", convert::convert_megatron},
                             {"deepspeed", convert::convert_deepspeed},
                             {"torchtitan", convert::convert_torchtitan}};

const Stack& stack_named(const std::string& name, const std::string& file) {
  std::vector<std::string_view> known;
  for (const Stack& stack : kStacks) {
    if (stack.name == name) return stack;
    known.push_back(stack.name);
  }
  if (std::ranges::find(known, file) != known.end())
    throw InputError("convert", fmt::format("{} stands behind the file", file),
                     fmt::format("write ds-sim convert {} {}", file, name));
  throw InputError("convert", fmt::format("{} is not a program whose launches are read", json_text(name)),
                   fmt::format("{} are", listed(known)));
}

std::vector<std::pair<std::string, std::string>> variables_of(const std::vector<std::string>& given) {
  std::vector<std::pair<std::string, std::string>> variables;
  for (const std::string& one : given) {
    const std::size_t equals = one.find('=');
    if (equals == std::string::npos || equals == 0)
      throw InputError("--env", fmt::format("is {}, must be NAME=VALUE", json_text(one)));
    variables.emplace_back(one.substr(0, equals), one.substr(equals + 1));
  }
  return variables;
}

/// Without what editors of other systems leave: a byte order mark, and the first half of the ends of lines.
std::string plain(std::string text) {
  constexpr std::string_view kMark = "\xEF\xBB\xBF", kEnd = "\r\n";
  if (text.starts_with(kMark)) text.erase(0, kMark.size());
  std::size_t kept = 0;
  for (std::size_t i = 0; i < text.size(); ++i)
    if (std::string_view(text).substr(i, kEnd.size()) != kEnd) text[kept++] = text[i];
  text.resize(kept);
  return text;
}

}  // namespace

int sim_convert(const Common& common, const ConvertOptions& options) {
  const Stack& stack = stack_named(options.stack, options.file);
  if (!options.cluster.empty() && (!options.node.empty() || options.nodes))
    throw InputError("--cluster", "stands beside --node or --nodes", "give one or the other");
  const std::string target = options.output.empty() ? "-" : options.output;
  check_outputs({{"--output", target}});
  check_against(
      {{"--output", target}},
      {{"the launch", options.file}, {"the cluster", options.cluster}, {"the model", options.model}});
  const Phases phases(common);
  const Argument launch = read_argument(options.file, convert::kMaxLaunchBytes);
  const convert::Conversion made = stack.convert(
      plain(launch.content),
      {.file = launch.name,
       .node = options.node,
       .nodes = options.nodes,
       .cluster = options.cluster,
       .model = options.model,
       .folder = target == "-" ? std::filesystem::path() : std::filesystem::path(target).parent_path(),
       .vocab = options.vocab,
       .sequence = options.sequence,
       .batch = options.batch,
       .variables = variables_of(options.variables),
       .lenient = options.lenient});
  if (!common.quiet)
    for (const std::string& note : made.notes) tell(note);
  write_output(target, made.job);
  return kDone;
}

}  // namespace ds::cli
