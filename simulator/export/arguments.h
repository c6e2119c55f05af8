#pragma once
// What a launch says to the training program, part by part, and the writer of it: by the table of names where a key has a name of
// its own there, by code where several hang together.

#include <fmt/format.h>

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "simulator/base/json.h"
#include "simulator/workload/job.h"
#include "simulator/workload/names.h"

namespace ds::exports {

/// Of a launch; an array of the script each.
enum class Part : std::uint8_t { model, training, plan, precision, kernels, files };

struct Argument {
  Part part{};
  std::string name;                 // --num-layers
  std::vector<std::string> values;  // as they are; a whole "$NAME" is that variable of the script
};

/// Variables that the script asks for, or has a value for.
struct Variable {
  std::string name;
  std::string value;  // what it is where nobody says otherwise; empty: it must be said
  std::string what;   // for people
};

/// Written by the script before it starts anything.
struct File {
  std::string name;     // "$CONFIG"
  std::string content;  // with a line break at its end
};

struct Launch {
  std::vector<Argument> arguments;
  std::vector<Variable> variables;                               // that arguments use
  std::vector<std::pair<std::string, std::string>> environment;  // exported
  std::vector<std::string> program;  // words behind torchrun's own: pretrain_gpt.py
  File file;
};

class Writer {
 public:
  /// `plain`: see plain_job.h.
  explicit Writer(const workload::Job& plain);

  template <class... Values>
  void put(Part part, std::string name, const Values&... values) {
    launch_.arguments.push_back({part, std::move(name), {text(values)...}});
  }
  void put_list(Part part, std::string name, std::vector<std::string> values) {
    launch_.arguments.push_back({part, std::move(name), std::move(values)});
  }
  void put_if(bool wanted, Part part, std::string name) {
    if (wanted) put(part, std::move(name));
  }
  /// All rows that mean one key, but for those whose key is in `but`; of names for one key, the first. Throws InputError where a
  /// word of ours has none of theirs.
  void put_names(std::span<const workload::Name> names, std::initializer_list<std::string_view> but);

  void ask_for(std::string name, std::string what) {
    launch_.variables.push_back({std::move(name), "", std::move(what)});
  }
  void set_variable(std::string name, std::string value, std::string what) {
    launch_.variables.push_back({std::move(name), std::move(value), std::move(what)});
  }
  void set_environment(std::string name, std::string value) {
    launch_.environment.emplace_back(std::move(name), std::move(value));
  }
  void put_file(std::string name, std::string content) {
    launch_.file = {std::move(name), std::move(content)};
  }
  void start(std::vector<std::string> program) { launch_.program = std::move(program); }

  Launch finish() && { return std::move(launch_); }

 private:
  static std::string text(std::integral auto value) { return fmt::format("{}", value); }
  static std::string text(double value) { return fmt::format("{}", value); }
  static std::string text(std::string_view value) { return std::string(value); }
  std::optional<Cursor> find(std::string_view path) const;

  Document job_;
  Launch launch_;
};

}  // namespace ds::exports
