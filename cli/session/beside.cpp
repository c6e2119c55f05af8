// Starts a thread, waits for it, and leaves it where it is when nobody wants to wait any longer.
#include "cli/session/beside.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

namespace ds::cli {
namespace {

constexpr std::chrono::milliseconds kBetweenLooks{50};

std::atomic<bool> left{false};

/// Shared by the two threads.
struct Task {
  std::function<void()> work;
  std::mutex lock;  // for what follows
  std::condition_variable changed;
  bool ended{false};
  std::exception_ptr failed;
};

void carry_out(Task& task) {
  std::exception_ptr failed;
  try {
    task.work();
  } catch (...) {
    failed = std::current_exception();
  }
  const std::scoped_lock hold(task.lock);
  task.failed = failed;
  task.ended = true;
  task.changed.notify_all();
}

}  // namespace

bool run_beside(std::function<void()> work, const std::function<bool()>& give_up) {
  const auto task = std::make_shared<Task>();
  task->work = std::move(work);
  try {
    std::thread([task] { carry_out(*task); }).detach();
  } catch (const std::system_error&) {  // the machine gives no more of them: without one nobody can give up
    carry_out(*task);
  }
  std::unique_lock hold(task->lock);
  while (!task->ended && !give_up()) task->changed.wait_for(hold, kBetweenLooks);
  if (!task->ended) leave_threads_behind();
  if (task->failed) std::rethrow_exception(task->failed);
  return task->ended;
}

void leave_threads_behind() { left = true; }
bool threads_are_left() { return left; }

}  // namespace ds::cli
