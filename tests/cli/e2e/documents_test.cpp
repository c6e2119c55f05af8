// Completions and manual pages say what --help says: every command, every option, no more.
#include <algorithm>
#include <cctype>
#include <set>
#include <sstream>

#include "tests/cli/e2e/world.h"

namespace ds::e2e {
namespace {

class Documents : public World {
 protected:
  Ended start(const std::string& program, const Words& words) const {
    return program == "ds-sim" ? sim(words) : program == "ds-tune" ? tune(words) : exec(words);
  }
  /// Long options of a help text: "--report".
  static std::set<std::string> options_in(const std::string& text) {
    std::set<std::string> found;
    for (std::size_t at = text.find("--"); at != std::string::npos; at = text.find("--", at + 1)) {
      if (at > 0 && (std::isalnum(static_cast<unsigned char>(text[at - 1])) != 0 || text[at - 1] == '-'))
        continue;
      std::size_t end = at + 2;
      while (end < text.size() &&
             (std::islower(static_cast<unsigned char>(text[end])) != 0 || text[end] == '-'))
        ++end;
      if (end > at + 3) found.insert(text.substr(at, end - at));
    }
    return found;
  }
  /// The words below "Subcommands:".
  static Words commands_in(const std::string& help) {
    Words found;
    bool below = false;
    for (const std::string& line : lines(help)) {
      if (below && line.starts_with("  ") && line[2] != ' ')
        found.push_back(line.substr(2, line.find(' ', 2) - 2));
      below |= line == "Subcommands:";
    }
    return found;
  }
};

/// What bash offers for a line of words, the last of which is being typed.
Words offered(const std::string& script, const std::string& program, const Words& typed) {
  Words all{
      "/bin/bash",
      "-c",
      R"(source "$1"; COMP_WORDS=("${@:2}"); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); "_${2//-/_}"; echo "${COMPREPLY[*]}")",
      "bash",
      script,
      program};
  all.insert(all.end(), typed.begin(), typed.end());
  std::istringstream words(run(all).out);
  Words found;
  for (std::string word; words >> word;) found.push_back(word);
  return found;
}

TEST_F(Documents, BashOffersTheCommandsAndOptionsOfHelp) {
  for (const std::string program : {"ds-sim", "ds-tune", "ds-exec"}) {
    const std::string script = write("script", start(program, {"completions", "bash"}).out);
    const Words commands = commands_in(start(program, {"--help"}).out);
    ASSERT_GE(commands.size(), 2U);
    const Words first = offered(script, program, {""});
    for (const std::string& command : commands) {
      EXPECT_NE(std::ranges::find(first, command), first.end()) << command;
      std::set<std::string> in_help;
      for (const std::string& line : lines(start(program, {command, "--help"}).out))
        if (line.starts_with("  -")) in_help.merge(options_in(line.substr(0, line.find(' ', 3))));
      const Words offers = offered(script, program, {command, "--"});
      EXPECT_EQ(std::set<std::string>(offers.begin(), offers.end()), in_help) << program << " " << command;
    }
  }
}

TEST_F(Documents, BashOffersTheValuesOfAnOption) {
  const std::string script = write("script", sim({"completions", "bash"}).out);
  EXPECT_EQ(offered(script, "ds-sim", {"run", "job.json", "--depth", ""}), (Words{"analytic", "event"}));
  EXPECT_EQ(offered(script, "ds-sim", {"run", "--depth", "ev"}), (Words{"event"}));
  EXPECT_EQ(offered(script, "ds-sim", {"completions", "f"}), (Words{"fish"}));
  EXPECT_EQ(offered(script, "ds-sim", {"run", "--report", ""}), Words{});  // left to the shell: files
}

TEST_F(Documents, EveryShellKnowsEveryOption) {
  const std::set<std::string> all = options_in(sim({"completions", "bash"}).out);
  for (const char* shell : {"zsh", "fish"}) {
    const std::string text = sim({"completions", shell}).out;
    for (const std::string& option : all) {
      const std::string spelt = std::string(shell) == "fish" ? "-l " + option.substr(2) : option;
      EXPECT_NE(text.find(spelt), std::string::npos) << shell << " " << option;
    }
  }
  EXPECT_TRUE(complains(sim({"completions", "csh"}), 2, "bash, zsh and fish are possible"));
  EXPECT_TRUE(complains(sim({"completions"}), 2));
}

TEST_F(Documents, ManualPagesHaveWhatHelpHas) {
  for (const std::string program : {"ds-sim", "ds-tune", "ds-exec"}) {
    const Ended page = start(program, {"man-page"});
    EXPECT_EQ(page.status, 0) << page.err;
    EXPECT_TRUE(page.out.starts_with(".TH DS"));
    std::string plain = page.out;
    std::erase(plain, '\\');
    for (const std::string& command : commands_in(start(program, {"--help"}).out))
      EXPECT_NE(plain.find(".SS " + command + "\n"), std::string::npos) << command;
    for (const std::string& option : options_in(start(program, {"completions", "bash"}).out))
      if (option != "--help") {
        EXPECT_NE(plain.find("fB" + option + "fR"), std::string::npos) << program << " " << option;
      }
    for (const char* section : {".SH EXIT STATUS", ".SH ENVIRONMENT", "DS_PROFILES"})
      EXPECT_NE(plain.find(section), std::string::npos) << section;
  }
}

}  // namespace
}  // namespace ds::e2e
