// Finds out how wide a terminal is, and whether it shows colours and redraws lines.
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "cli/terminal/terminal.h"

namespace ds::terminal {
namespace {

/// An environment variable, empty when it is not set.
std::string_view environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view{} : std::string_view{value};
}

int columns_of_terminal(int descriptor) {
  winsize size{};
  if (::ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return std::atoi(std::string(environment("COLUMNS")).c_str());
}

}  // namespace

Screen look_at(int descriptor, Wishes wishes) {
  const bool terminal = ::isatty(descriptor) != 0;
  const bool clever = terminal && environment("TERM") != "dumb";
  const int columns = columns_of_terminal(descriptor);
  return {.colour = clever && !wishes.no_color && environment("NO_COLOR").empty(),
          .terminal = terminal,
          .redraws = clever,
          .columns = columns > 0 ? std::clamp(columns, 20, 1000) : 80};
}

std::string paint(std::string_view text, Hue hue, const Screen& screen) {
  const auto code = [hue]() -> std::string_view {
    switch (hue) {
      case Hue::plain: return "";
      case Hue::bold: return "1";
      case Hue::dim: return "2";
      case Hue::red: return "31";
      case Hue::green: return "32";
      case Hue::yellow: return "33";
      case Hue::cyan: return "36";
    }
    return "";
  }();
  if (!screen.colour || code.empty() || text.empty()) return std::string(text);
  std::string painted = "\x1b[";
  painted.append(code).append("m").append(text).append("\x1b[0m");
  return painted;
}

}  // namespace ds::terminal
