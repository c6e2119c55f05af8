#pragma once
// Threads that share out pieces of work.

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace ds {

class ThreadPool {
 public:
  /// More threads than kMost are not taken.
  explicit ThreadPool(std::size_t threads) : size_(std::clamp<std::size_t>(threads, 1, kMost)) {}
  std::size_t size() const { return size_; }

  /// Calls fn(piece, member) for all pieces below `count`; they are begun in their order. `member` is below size(), and no
  /// member has two at a time. Where the machine gives fewer threads than that, there are fewer members. After an exception no
  /// piece is begun any more; the first one is thrown on.
  template <class Fn>
  void share(std::size_t count, Fn&& fn) const {
    std::atomic<std::size_t> next{0};
    std::mutex lock;
    std::exception_ptr failed;
    const auto work = [&](std::size_t member) {
      for (std::size_t piece = next++; piece < count; piece = next++) try {
          fn(piece, member);
        } catch (...) {
          next = count;
          const std::scoped_lock hold(lock);
          if (!failed) failed = std::current_exception();
        }
    };
    {
      std::vector<std::jthread> others;
      for (std::size_t member = 1; member < size_ && member < count; ++member)
        if (!has_started(others, work, member)) break;
      work(0);
    }
    if (failed) std::rethrow_exception(failed);
  }

 private:
  static constexpr std::size_t kMost = 256;

  /// Not where memory for its stack, or the number of processes, is used up.
  template <class Work>
  static bool has_started(std::vector<std::jthread>& threads, const Work& work, std::size_t member) {
    try {
      threads.emplace_back(work, member);
      return true;
    } catch (const std::system_error&) {
      return false;
    }
  }

  std::size_t size_;
};

}  // namespace ds
