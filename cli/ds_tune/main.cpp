// ds-tune: which plan is best? Not there yet; --help says so.
#include <CLI/CLI.hpp>

#include "cli/session/session.h"

int main(int argc, char** argv) {
  using namespace ds::cli;
  CLI::App app{
      "ds-tune: find the best plan for a model on a cluster.\n"
      "Nothing of it works yet: `search`, `train` and `bench` come with the next releases.",
      "ds-tune"};
  app.set_version_flag("--version", version_text());
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return e.get_exit_code() == 0 ? app.exit(e) : refuse_usage(e.what());  // 0: --help, --version
  }
  print(app.help());
  return kBadInput;
}
