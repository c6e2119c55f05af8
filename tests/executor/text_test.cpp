#include "executor/text.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

#include "executor/learning_rate.h"
#include "simulator/base/error.h"
#include "tests/support/jobs.h"

namespace ds::executor {
namespace {

class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "ds-text-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::filesystem::path file(const std::string& name, const std::string& content) const {
    std::ofstream(path_ / name) << content;
    return path_ / name;
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

workload::Job job_of(std::int64_t sequence, std::int64_t micro_batch, std::int64_t micro_batches,
                     std::int64_t dp = 1) {
  workload::Job job = support::small_job({.vocab = 256, .sequence = sequence, .micro_batch = micro_batch});
  job.plan.dp = dp;
  job.train.global_batch = micro_batch * micro_batches * dp;
  return job;
}

/// Text whose bytes tell where they stand: byte i is i modulo a prime.
Text counting_text(std::int64_t bytes) {
  std::string text;
  for (std::int64_t i = 0; i < bytes; ++i) text += static_cast<char>(i % 251);
  return {text, bytes * 9 / 10};
}

std::vector<std::int32_t> draw(const Sampler& sampler, const workload::Job& job, std::int64_t step,
                               std::int64_t dp, std::int64_t micro) {
  std::vector<std::int32_t> ids(static_cast<std::size_t>(job.micro_batch_tokens())), targets(ids.size());
  sampler.draw(step, dp, micro, ids, targets);
  for (std::size_t i = 0; i < ids.size(); ++i) EXPECT_EQ(targets[i], (ids[i] + 1) % 251);  // the byte after
  return ids;
}

TEST(Sampler, DrawsTheSameForTheSameStepWhateverWasDrawnBefore) {
  const Text text = counting_text(5000);
  const workload::Job job = job_of(10, 2, 3);
  const Sampler one(text, job), two(text, job);
  for (std::int64_t step = 0; step < 5; ++step) draw(one, job, step, 0, 0);
  EXPECT_EQ(draw(one, job, 5, 0, 1), draw(two, job, 5, 0, 1));
  EXPECT_NE(draw(one, job, 5, 0, 1), draw(one, job, 6, 0, 1));
}

TEST(Sampler, DrawsOneGlobalBatchHoweverItIsSharedOut) {
  const Text text = counting_text(5000);
  const workload::Job alone = job_of(10, 1, 4), shared = job_of(10, 1, 2, 2);
  const Sampler one(text, alone), two(text, shared);
  for (std::int64_t i = 0; i < 4; ++i)
    EXPECT_EQ(draw(one, alone, 3, 0, i), draw(two, shared, 3, i / 2, i % 2));
}

TEST(Sampler, NeverTrainsOnWhatIsHeldBackNorJudgesOnWhatWasTrainedOn) {
  const Text text(std::string(900, 'a') + std::string(100, 'z'), 900);
  const workload::Job job = job_of(20, 4, 2);
  const Sampler sampler(text, job);
  std::vector<std::int32_t> ids(static_cast<std::size_t>(job.micro_batch_tokens())), targets(ids.size());
  for (std::int64_t step = 0; step < 200; ++step) {
    sampler.draw(step, 0, step % 2, ids, targets);
    EXPECT_EQ(std::set<std::int32_t>(targets.begin(), targets.end()), std::set<std::int32_t>{'a'});
  }
  for (std::int64_t round = 0; round < 4; ++round) {
    sampler.held_back(round, 4, 0, round % 2, ids, targets);
    EXPECT_EQ(std::set<std::int32_t>(ids.begin(), ids.end()), std::set<std::int32_t>{'z'});
  }
}

TEST(Text, ThatCannotBeUsedIsRefusedByName) {
  const Folder folder;
  const workload::Job job = job_of(64, 1, 1);
  std::filesystem::create_symlink(folder.path() / "nowhere", folder.path() / "dangling");
  for (const std::filesystem::path& file :
       {folder.path(), folder.path() / "missing", folder.path() / "dangling",
        folder.file("short", "too short"), folder.file("empty", "")}) {
    try {
      read_text(file, job);
      ADD_FAILURE() << file << " was read";
    } catch (const InputError& e) {
      EXPECT_NE(std::string(e.what()).find(file.string()), std::string::npos) << e.what();
    }
  }
}

TEST(Text, WithAByteThatTheVocabularyLacksIsRefused) {
  const Folder folder;
  workload::Job job = job_of(4, 1, 1);
  job.model.vocab = 'b';  // holds bytes up to 'a'
  const auto file = folder.file("letters", std::string(200, 'a'));
  EXPECT_NO_THROW(read_text(file, job));
  EXPECT_THROW(read_text(folder.file("more", std::string(200, 'b')), job), InputError);
}

/// Written anew in its place, cut short, or with a byte changed; what is only touched, or replaced under its name, is the same.
TEST(Text, ThatIsChangedWhileItIsUsedIsFoundOut) {
  const Folder folder;
  const auto later = [](const std::filesystem::path& file) {
    std::filesystem::last_write_time(file, std::filesystem::last_write_time(file) + std::chrono::seconds(1));
  };
  const auto file = folder.file("text", std::string(200, 'a'));
  const Text text(file);
  later(file);
  EXPECT_NO_THROW(text.check_unchanged());
  std::filesystem::rename(folder.file("other", std::string(200, 'b')), file);
  EXPECT_NO_THROW(text.check_unchanged());
  char first = 0;
  text.read(0, {&first, 1});
  EXPECT_EQ(first, 'a');

  const Text other(file);
  EXPECT_NE(other.hash(), text.hash());
  folder.file("text", std::string(199, 'b') + 'c');
  later(file);
  EXPECT_THROW(other.check_unchanged(), InputError);
  folder.file("text", "b");
  EXPECT_THROW(other.check_unchanged(), InputError);
  std::string all(200, ' ');
  EXPECT_THROW(other.read(0, all), InputError);
}

/// Each byte counts, wherever it stands in a block of the hash.
TEST(Text, OfOtherBytesHasAnotherHash) {
  const std::string letters(101, 'a');
  std::set<std::uint64_t> hashes{Text(letters, 90).hash(), Text(letters + 'a', 90).hash()};
  for (std::size_t i = 0; i < letters.size(); ++i) {
    std::string changed = letters;
    changed[i] = 'b';
    hashes.insert(Text(changed, 90).hash());
  }
  EXPECT_EQ(hashes.size(), 2 + letters.size());
}

/// Training part: 90 a. One is added to each of 256 counts: p(a) = 91 / 346, p(a after a) = (89 + 1) / (90 + 256).
TEST(Text, BaselineIsThatOfSmoothedFrequencies) {
  const Text text(std::string(100, 'a'), 90);
  const Baseline known = baseline(text);
  EXPECT_NEAR(known.letters, -std::log(91.0 / 346.0), 1e-12);
  EXPECT_NEAR(known.pairs, -std::log(90.0 / 346.0), 1e-12);
}

/// Training part: 45 a and 45 b in turn, so that each letter decides the next; letters alone are a coin's toss.
TEST(Text, BaselineOfPairsKnowsTheLetterBefore) {
  std::string letters;
  for (int i = 0; i < 50; ++i) letters += "ab";
  const Text text(letters, 90);
  const Baseline known = baseline(text);
  EXPECT_NEAR(known.letters, -std::log(46.0 / 346.0), 1e-12);
  // After an a: 45 times b; after a b: 44 times a, for nothing follows the last. Held back: b 5 times, a 4 times.
  const double after_a = -std::log(46.0 / 301.0), after_b = -std::log(45.0 / 301.0);
  EXPECT_NEAR(known.pairs, (5 * after_a + 4 * after_b) / 9, 1e-12);
}

/// Batch 64 of reference 256: the peak is half the base rate. 100 steps, 10 of warm-up, cosine to a tenth.
TEST(LearningRate, WarmsUpLinearlyAndDecaysByHalfACosine) {
  workload::Train train{.sequence_length = 1, .global_batch = 64};
  train.hyper.base_learning_rate = 2e-3;
  train.hyper.warmup_share = 0.1;
  train.hyper.final_share = 0.1;
  EXPECT_NEAR(learning_rate(train, 0, 100), 1e-4, 1e-15);
  EXPECT_NEAR(learning_rate(train, 9, 100), 1e-3, 1e-15);
  EXPECT_NEAR(learning_rate(train, 10, 100), 1e-3, 1e-15);
  EXPECT_NEAR(learning_rate(train, 55, 100), 1e-3 * (0.1 + 0.9 * 0.5), 1e-15);  // half way down
  EXPECT_NEAR(learning_rate(train, 100, 100), 1e-4, 1e-15);
}

}  // namespace
}  // namespace ds::executor
