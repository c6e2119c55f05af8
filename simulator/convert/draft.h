#pragma once
// A job while it is put together: values by their paths, each with the flag that it comes from, so that what the job's reader says
// of a path can be told of the flag.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "simulator/convert/convert.h"
#include "simulator/convert/flags.h"
#include "simulator/workload/job.h"
#include "simulator/workload/names.h"

namespace ds::convert {

class Draft {
 public:
  explicit Draft(const Asked& asked) : asked_(asked) {}

  /// `value`: JSON. A path that is set already is set anew where it stands.
  void set_json(std::string_view path, std::string value, const Flag* from = nullptr);
  void set_text(std::string_view path, std::string_view text, const Flag* from = nullptr);
  void set_count(std::string_view path, std::int64_t value, const Flag* from = nullptr);
  void set_switch(std::string_view path, bool value, const Flag* from = nullptr);
  bool has(std::string_view path) const;
  void drop(std::string_view path);

  /// Takes the flags over that mean what one key means.
  void take(std::span<const workload::Name> names, const Flags& flags);
  /// Says of flags that nobody has looked at that nothing comes of them.
  void note_unused(const Flags& flags);

  /// Whether only a run will tell what that flag says; then a note says that the key, without which all can be predicted, is left
  /// out.
  bool leaves_open(const Flag& flag, std::string_view path);

  /// The model that was asked for by name, if one was.
  void set_model();
  /// The cluster, by what was asked and by what the launch says of nodes (`launched`: nodes and ranks a node, where it does).
  struct Launched {
    std::optional<std::int64_t> nodes, ranks_per_node;
    std::string why_not;  // why nobody knows how many
  };
  void set_cluster(const Launched& launched);
  /// GPUs of the cluster, which must be set.
  std::int64_t ranks() const;
  /// Layers of the model, which must be set.
  std::int64_t layers() const;

  /// The job as text. Reads it, as the job's reader does, and throws what that says, of the flag that is to blame; where
  /// something is not supported yet and asked.lenient, adds a note instead.
  Conversion finish();

  /// What is said of the conversion beside the job.
  std::vector<std::string> notes;

 private:
  struct Setting {
    std::string path, value;
    std::string place;  // "line 12: --num-layers"; empty: it comes from no flag
  };
  std::vector<Setting> in_order() const;
  std::string text() const;
  workload::Job so_far() const;
  [[noreturn]] void blame(const InputError& error) const;

  const Asked& asked_;
  std::vector<Setting> settings_;
};

/// Throws where the text is longer than is read, or no text.
void check_text(std::string_view text);
/// With the file's name in front, unless it is an option of `ds-sim convert` that is to blame.
InputError in_launch(const InputError& error, const std::string& file);

}  // namespace ds::convert
