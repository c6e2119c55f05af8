#pragma once
// Work in a thread beside the one that asked for it, which goes on without it where it takes too long: of one plan of four million
// GPUs nobody waits for the end who has asked for a stop.

#include <functional>

namespace ds::cli {

/// Runs `work` in a thread of its own until it ends or until `give_up()`, which is asked all the time. Whether it has ended;
/// what it throws is thrown on. Work that was given up goes on: whatever it touches has to belong to it.
bool run_beside(std::function<void()> work, const std::function<bool()>& give_up);

/// From here on guarded() ends the program without taking down what other threads still use.
void leave_threads_behind();
bool threads_are_left();

}  // namespace ds::cli
