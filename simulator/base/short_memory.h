#pragma once
// What is said where memory is not to be had: the sentence, and why where a limit is to blame.

#include <string>

namespace ds {

/// "; ulimit -v allows a process 600 MB", or nothing where there is no such limit: for messages of what was refused.
std::string address_space_note();

/// "not enough memory", with that note.
std::string not_enough_memory() noexcept;

/// Where not even an exception can be thrown: that line on standard error and exit status 3, without asking for memory.
[[noreturn]] void end_without_memory() noexcept;

}  // namespace ds
