// Line by line.
#include "simulator/convert/yaml.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "simulator/base/json.h"

namespace ds::convert {
namespace {

constexpr std::string_view kBlanks = " \r";

std::string_view stripped(std::string_view text) {
  const std::size_t begin = std::min(text.find_first_not_of(kBlanks), text.size());
  const std::size_t end = text.find_last_not_of(kBlanks);
  return end == std::string_view::npos ? std::string_view() : text.substr(begin, end + 1 - begin);
}

[[noreturn]] void refuse(int line, std::string what) {
  throw InputError(at_line(line), std::move(what), "NAME: VALUE is read, in sections, with lists of values");
}

/// Up to a comment, quotes respected.
std::string_view without_comment(std::string_view line, int number) {
  char quote = '\0';
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (quote != '\0')
      quote = line[i] == quote ? '\0' : quote;
    else if (line[i] == '"' || line[i] == '\'')
      quote = line[i];
    else if (line[i] == '#' && (i == 0 || line[i - 1] == ' '))
      return line.substr(0, i);
  }
  // An apostrophe within a word is no quote.
  if (quote == '"') refuse(number, "opens a quote (\") that nothing closes");
  return line;
}

/// A single value; nothing for null.
std::optional<std::string> scalar(std::string_view text, int line) {
  text = stripped(text);
  if (text.empty() || text == "null" || text == "~" || text == "None") return std::nullopt;
  if (text.front() == '"' || text.front() == '\'') {
    if (text.size() < 2 || text.back() != text.front()) refuse(line, "opens a quote that nothing closes");
    return std::string(text.substr(1, text.size() - 2));
  }
  if (std::string_view("{&*!|>%@`").find(text.front()) != std::string_view::npos)
    refuse(line, fmt::format("has {}, which is more of YAML than is read", json_text(text.substr(0, 40))));
  return std::string(text);
}

Word word_of(std::string text, int line) {
  std::string why;
  if (const std::size_t at = text.find('$'); at != std::string::npos && at + 1 < text.size())
    why = fmt::format("nothing here sets {}", json_text(text.substr(at, 40)));
  return {.text = std::move(text), .line = line, .unknown = std::move(why)};
}

/// [1, 2] or a single value. Values may be apart by blanks alone, and the list in quotes: as Megatron-LM's tests write what they
/// put into a command line.
std::vector<Word> values_of(std::string_view text, int line) {
  std::vector<Word> values;
  if (text.size() > 4 && (text.starts_with("\"[") || text.starts_with("'[")) &&
      text.find(']') + 2 == text.size() && text.back() == text.front())
    text = text.substr(1, text.size() - 2);
  const auto add = [&](std::string_view one) {
    if (auto value = scalar(one, line)) values.push_back(word_of(*std::move(value), line));
  };
  // "[0]*3+[1]*58" is a pattern of layers, no list.
  if (!text.starts_with('[') || text.find(']') + 1 != text.size()) {
    if (text.starts_with('[') && text.find(']') == std::string_view::npos)
      refuse(line, "opens a list that nothing closes on its line");
    add(text);
    return values;
  }
  text = text.substr(1, text.size() - 2);
  while (!text.empty()) {
    text = stripped(text);
    const bool quoted = text.starts_with('"') || text.starts_with('\'');
    const std::size_t end = std::min(text.find_first_of(quoted ? "," : ", "), text.size());
    add(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return values;
}

std::string flag_name(std::string_view name) {
  if (name.starts_with("--")) return std::string(name);
  std::string flag = "--" + std::string(name);
  std::ranges::replace(flag, '_', '-');
  return flag;
}

/// Fields of configuration classes whose flags have other names, or say the opposite. megatron/core/transformer/transformer_config.py
/// and model_parallel_config.py at d98e8a64dd.
struct Field {
  std::string_view field, value, flag;  // value: the one that gives the flag; any where it is empty
};
constexpr Field kFields[] = {
    {"--num-moe-experts", "", "--num-experts"},
    {"--add-bias-linear", "false", "--disable-bias-linear"},
    {"--gated-linear-unit", "true", "--swiglu"},
    {"--share-embeddings-and-output-weights", "false", "--untie-embeddings-and-output-weights"},
    {"--layernorm-zero-centered-gamma", "true", "--apply-layernorm-1p"},
    {"--overlap-p2p-comm", "false", "--no-overlap-p2p-communication"},
    {"--bias-activation-fusion", "false", "--no-bias-swiglu-fusion"},
    {"--bias-dropout-fusion", "false", "--no-bias-dropout-fusion"},
    {"--masked-softmax-fusion", "false", "--no-masked-softmax-fusion"},
    {"--apply-rope-fusion", "false", "--no-rope-fusion"},
    {"--gradient-accumulation-fusion", "false", "--no-gradient-accumulation-fusion"},
    {"--num-layers-in-first-pipeline-stage", "", "--decoder-first-pipeline-num-layers"},
    {"--num-layers-in-last-pipeline-stage", "", "--decoder-last-pipeline-num-layers"},
    {"--fp8", "", "--fp8-format"},
};

/// The flag that a name and its values are, if they are one.
std::optional<Flag> flag_of(Flag flag) {
  const auto is = [&](std::string_view small, std::string_view large) {
    return flag.values.size() == 1 && (flag.values[0].text == small || flag.values[0].text == large);
  };
  const bool yes = is("true", "True"), no = is("false", "False");
  for (const Field& field : kFields) {
    if (flag.name != field.field) continue;
    if (!field.value.empty() && (field.value == "true" ? !yes : !no)) return std::nullopt;
    flag.name = field.flag;
    if (!field.value.empty()) flag.values.clear();
    return flag;
  }
  if (flag.values.empty() || no) return std::nullopt;
  if (yes) flag.values.clear();
  return flag;
}

constexpr std::string_view kArguments = "MODEL_ARGS", kEnvironment = "ENV_VARS";

/// Lines become flags, one after the other.
class Reader {
 public:
  /// `only`: the one section that has flags; empty: all have.
  explicit Reader(std::string_view only) : only_(only) {}

  YamlLaunch launch;

  void read(std::string_view line, int number) {
    const std::size_t indent = line.find_first_not_of(kBlanks);
    if (indent == std::string_view::npos || is_passed_over(line, indent)) return;
    line = without_comment(line, number);
    const std::string_view content = stripped(line);
    if (content.empty() || content == "---") return;
    if (line.find('\t') != std::string_view::npos) refuse(number, "has a tab");
    if (content == "-" || content.starts_with("- "))
      list_entry(content.substr(1), number);
    else if (indent > inner_ && inner_ > 0 && waits_for_value_ && !content.ends_with(':') &&
             content.find(": ") == std::string_view::npos)
      add_values(values_of(content, number));
    else
      name_and_value(content, indent, number);
  }

 private:
  static constexpr std::size_t kOpen = std::string_view::npos;

  /// Lines of a block of text, which stand further in than its name does, and those of sections without flags.
  bool is_passed_over(std::string_view line, std::size_t indent) {
    if (passed_over_ != kOpen && (indent > passed_over_ || line.front() == '#' || line.front() == '-'))
      return true;
    passed_over_ = kOpen;
    if (only_.empty() || indent > 0 || line.front() == '#') return false;
    const std::string_view name = line.substr(0, line.find(':'));
    if (name == only_ || name == kEnvironment) return false;
    if (line.find(':') != std::string_view::npos) launch.texts.emplace_back(name);
    passed_over_ = 0;
    return true;
  }

  void list_entry(std::string_view text, int number) {
    if (section_ == kEnvironment) return;
    if (launch.flags.empty()) refuse(number, "has an entry of a list without a name");
    if (auto value = scalar(text, number)) add_values({word_of(*std::move(value), number)});
  }
  void add_values(std::vector<Word> more) {
    waits_for_value_ = false;
    std::ranges::move(more, std::back_inserter(launch.flags.back().values));
  }

  void name_and_value(std::string_view content, std::size_t indent, int number) {
    std::size_t colon = content.find(": ");
    if (colon == std::string_view::npos && content.ends_with(':')) colon = content.size() - 1;
    if (colon == std::string_view::npos || colon == 0)
      refuse(number, fmt::format("has {}, which is not NAME: VALUE", json_text(content.substr(0, 40))));
    follow_indent(indent, number);
    const std::string name = scalar(content.substr(0, colon), number).value_or("");
    if (name.empty()) refuse(number, "has a value without a name");
    const std::string_view value = stripped(content.substr(colon + 1));
    if (indent == 0 && value.empty()) section_ = name;
    if (value.starts_with('|') || value.starts_with('>')) {
      launch.texts.push_back(name);
      passed_over_ = indent;
      return;
    }
    std::vector<Word> values = values_of(value, number);
    waits_for_value_ = value.empty() && section_ != kEnvironment;
    if (section_ == kEnvironment) {
      if (values.size() == 1) launch.variables.emplace_back(name, std::move(values[0]));
      return;
    }
    launch.flags.push_back({.name = flag_name(name), .line = number, .values = std::move(values)});
  }

  void follow_indent(std::size_t indent, int number) {
    if (indent == 0) {
      section_.clear();
      inner_ = 0;
      return;
    }
    if (section_.empty()) refuse(number, "is indented without a section above it");
    if (inner_ == 0) inner_ = indent;
    if (indent != inner_) refuse(number, "is indented otherwise than the lines of its section");
  }

  std::string_view only_;
  std::string section_;
  bool waits_for_value_{};          // the last flag's may stand on the next line
  std::size_t inner_{0};            // indentation of what stands in the section
  std::size_t passed_over_{kOpen};  // what is indented further than that has no flags
};

/// Calls `fn` with each line and its number.
template <class Fn>
void for_each_line(std::string_view text, Fn&& fn) {
  for (int number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    fn(text.substr(0, end), number);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

}  // namespace

bool is_yaml(std::string_view text, std::string_view file) {
  if (file.ends_with(".yaml") || file.ends_with(".yml")) return true;
  if (file.ends_with(".sh")) return false;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = stripped(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line.starts_with('#') || line == "---") continue;
    const std::size_t colon = line.find(':');
    return colon != std::string_view::npos && colon > 0 &&
           line.substr(0, colon).find_first_of(" \t\"'=$") == std::string_view::npos &&
           (colon + 1 == line.size() || line[colon + 1] == ' ');
  }
  return false;
}

YamlLaunch read_yaml(std::string_view text) {
  bool arguments_alone = false;
  for_each_line(text, [&](std::string_view line, int) {
    arguments_alone |= line.starts_with(kArguments) && line.substr(kArguments.size()).starts_with(':');
  });
  Reader reader(arguments_alone ? kArguments : std::string_view());
  for_each_line(text, [&](std::string_view line, int number) { reader.read(line, number); });
  std::vector<Flag> flags;
  for (Flag& one : reader.launch.flags)
    if (auto flag = flag_of(std::move(one))) flags.push_back(*std::move(flag));
  reader.launch.flags = std::move(flags);
  return std::move(reader.launch);
}

}  // namespace ds::convert
