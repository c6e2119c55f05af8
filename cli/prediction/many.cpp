// Several jobs, predicted side by side.
#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "cli/prediction/prediction.h"
#include "cli/session/beside.h"
#include "cli/session/session.h"

namespace ds::cli {
namespace {

constexpr std::size_t kMostThreads = 256;
constexpr std::chrono::milliseconds kBetweenLooks{50};  // at the stop token

/// A job, and what became of it.
struct Piece {
  std::size_t number;  // of the outcome
  workload::Job job;
  const cost::Profile* profile;
  Outcome outcome;
  bool ended{false};
};

/// Shared by the threads and by who asked: who has been told to stop goes on without the pieces that are under way, whatever it
/// is that they are in the middle of.
struct Work {
  std::map<std::string, cost::Profile> profiles;
  std::vector<Piece> pieces;
  std::string depth;
  cost::Fitted fitted{};

  std::mutex lock;  // for what follows, and for `ended`
  std::condition_variable changed;
  std::size_t begun{0}, ended{0};
};

/// Until none is left to begin.
void work_off(Work& work) {
  std::unique_lock hold(work.lock);
  while (work.begun < work.pieces.size()) {
    Piece& piece = work.pieces[work.begun++];
    hold.unlock();
    attempt(piece.outcome, [&] {
      piece.outcome.figures =
          predict(piece.job, *piece.profile, depth_of(work.depth, piece.job), work.fitted);
    });
    hold.lock();
    piece.ended = true;
    ++work.ended;
    work.changed.notify_all();
  }
}

/// Files are read by one thread, each once.
std::shared_ptr<Work> work_of(std::vector<Outcome>& outcomes, const Many& how) {
  auto work = std::make_shared<Work>();
  work->depth = how.depth;
  work->fitted = how.fitted;
  for (std::size_t i = 0; i < outcomes.size(); ++i)
    attempt(outcomes[i], [&] {
      if (!outcomes[i].job) return;
      const std::string& path = outcomes[i].job->cluster.groups.front().node.profile_path;
      auto found = work->profiles.find(path);
      if (found == work->profiles.end())
        found = work->profiles.emplace(path, profile_of(*outcomes[i].job)).first;
      work->pieces.push_back({i, *outcomes[i].job, &found->second, {}});
    });
  return work;
}

/// As many as there are, where the machine gives no more of them.
void start_threads(const std::shared_ptr<Work>& work, std::size_t threads) {
  for (std::size_t t = 0; t < std::min({threads, kMostThreads, work->pieces.size()}); ++t) try {
      std::thread([work] { work_off(*work); }).detach();
    } catch (const std::system_error&) {
      if (t == 0) throw;
      return;
    }
}

}  // namespace

void predict_all(std::vector<Outcome>& outcomes, const Many& how) {
  const auto stopped = [&] { return how.stop != nullptr && how.stop->stop_requested(); };
  if (stopped()) return;
  const std::shared_ptr<Work> work = work_of(outcomes, how);
  start_threads(work, how.threads);
  std::unique_lock hold(work->lock);
  while (work->ended < work->pieces.size() && !stopped()) {
    work->changed.wait_for(hold, kBetweenLooks);
    if (how.progress && work->begun > 0)
      how.progress(static_cast<double>(work->ended) / static_cast<double>(work->pieces.size()),
                   outcomes[work->pieces[work->begun - 1].number].name);
  }
  if (stopped()) leave_threads_behind();  // those that are idle may not have ended yet
  work->begun = work->pieces.size();      // nothing is begun any more
  for (Piece& piece : work->pieces) {
    if (!piece.ended) continue;
    Outcome& outcome = outcomes[piece.number];
    outcome.figures = std::move(piece.outcome.figures);
    outcome.fault = std::move(piece.outcome.fault);
    outcome.bad_input = piece.outcome.bad_input;
  }
}

}  // namespace ds::cli
