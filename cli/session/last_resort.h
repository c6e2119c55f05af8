#pragma once
// What keeps a program from ending without a word where memory is short: installed before main, since what main has to have
// made before takes memory as well.

namespace ds::cli {

inline constexpr int kStatusOfLastResort = 3;

/// An exception that nobody catches becomes a line on standard error and that status; and no thread loses its time with asking for
/// an arena of its own where there is no room for one.
void install_last_resort() noexcept;

}  // namespace ds::cli
