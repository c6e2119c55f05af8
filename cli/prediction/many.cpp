// Several jobs, predicted side by side.
#include <algorithm>
#include <atomic>
#include <map>

#include "cli/prediction/prediction.h"
#include "cli/session/session.h"
#include "simulator/base/thread_pool.h"

namespace ds::cli {

void predict_all(std::vector<Outcome>& outcomes, const Many& how) {
  // Files are read by one thread, each once.
  std::map<std::string, cost::Profile> profiles;
  std::vector<std::size_t> ready;
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    attempt(outcomes[i], [&] {
      const std::string& path = outcomes[i].job->cluster.groups.front().node.profile_path;
      if (!profiles.contains(path)) profiles.emplace(path, profile_of(*outcomes[i].job));
      ready.push_back(i);
    });
  }
  std::atomic<std::size_t> done{0};
  ThreadPool(how.threads).share(ready.size(), [&](std::size_t piece, std::size_t) {
    if (how.stop != nullptr && how.stop->stop_requested()) return;
    Outcome& outcome = outcomes[ready[piece]];
    const double share = static_cast<double>(done) / static_cast<double>(ready.size());
    if (how.progress) how.progress(share, outcome.name);
    attempt(outcome, [&] {
      const workload::Job& job = *outcome.job;
      const cost::Profile& profile = profiles.at(job.cluster.groups.front().node.profile_path);
      outcome.figures = predict(job, profile, depth_of(how.depth, job));
    });
    ++done;
  });
}

}  // namespace ds::cli
