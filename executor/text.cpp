// Reads and splits a text, draws samples from it, and counts letters for the baseline.
#include "executor/text.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <iterator>
#include <vector>

#include "simulator/base/error.h"
#include "simulator/base/file.h"
#include "simulator/base/random.h"

namespace ds::executor {
namespace {

constexpr double kTrainShare = 0.9;
constexpr std::uint64_t kSamplerStream = 1;

constexpr std::int64_t kBlock = 1 << 20;

int byte_of(char letter) { return static_cast<unsigned char>(letter); }

std::string reason() { return std::strerror(errno); }

/// Four streams of 64-bit words, each by FNV-1a's multiplication, which one after the other a core can do at once: a byte
/// after the other a gigabyte takes over a second. Equal blocks in equal order, equal hash.
class BlockHash {
 public:
  void add(std::string_view bytes) {
    while (!bytes.empty()) {
      std::array<std::uint64_t, 4> words{};
      const std::string_view block = bytes.substr(0, sizeof words);
      std::memcpy(words.data(), block.data(), block.size());
      for (std::size_t i = 0; i < words.size(); ++i) lanes_[i] = (lanes_[i] ^ words[i]) * kPrime;
      bytes.remove_prefix(block.size());
    }
  }
  std::uint64_t result(std::int64_t size) const {
    auto hash = static_cast<std::uint64_t>(size);
    for (const std::uint64_t lane : lanes_) hash = (std::rotl(hash, 23) ^ lane ^ lane >> 32U) * kPrime;
    return hash;
  }

 private:
  static constexpr std::uint64_t kPrime =
      0x9e3779b97f4a7c15ULL;  // odd, so that no two words are taken for one
  std::array<std::uint64_t, 4> lanes_{1, 2, 3, 4};
};

std::int64_t written_ns(const struct stat& file) {
  return std::int64_t{file.st_mtim.tv_sec} * 1'000'000'000 + file.st_mtim.tv_nsec;
}

struct stat look_at(const Descriptor& file, const std::string& name) {
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) throw InputError(name, "cannot be looked at: " + reason());
  return status;
}

}  // namespace

Text::Text(const std::filesystem::path& file) : name_(file.string()), file_(open_file(file, kMaxTextBytes)) {
  const struct stat status = look_at(file_, name_);
  size_ = status.st_size;
  written_ns_ = written_ns(status);
  train_bytes_ = static_cast<std::int64_t>(kTrainShare * static_cast<double>(size_));
  scan_ = scan();
  tell_read(file, static_cast<std::size_t>(size_));
}

Text::Text(std::string_view bytes, std::int64_t train_bytes)
    : name_("the text"),
      file_(::memfd_create("ds-text", MFD_CLOEXEC)),
      size_(std::ssize(bytes)),
      train_bytes_(train_bytes) {
  if (::write(file_.get(), bytes.data(), bytes.size()) != std::ssize(bytes))
    throw MachineError("a text in memory cannot be made: " + reason());
  written_ns_ = written_ns(look_at(file_, name_));
  scan_ = scan();
}

void Text::read(std::int64_t first, std::span<char> to) const {
  while (!to.empty()) {
    const ssize_t n = ::pread(file_.get(), to.data(), to.size(), first);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw InputError(name_, "cannot be read: " + reason());
    if (n == 0) fail_changed();
    first += n;
    to = to.subspan(static_cast<std::size_t>(n));
  }
}

namespace {

/// `see(block)` of the bytes from `first` to `end`, in order.
template <class See>
void each_block(const Text& text, std::int64_t first, std::int64_t end, See&& see) {
  std::vector<char> block(static_cast<std::size_t>(std::min(kBlock, std::max<std::int64_t>(end - first, 0))));
  for (; first < end; first += std::ssize(block)) {
    block.resize(static_cast<std::size_t>(std::min(kBlock, end - first)));
    text.read(first, block);
    see(std::string_view(block.data(), block.size()));
  }
}

}  // namespace

Text::Scan Text::scan() const {
  BlockHash hash;
  unsigned char highest = 0;
  each_block(*this, 0, size_, [&](std::string_view block) {
    hash.add(block);
    for (const char letter : block) highest = std::max(highest, static_cast<unsigned char>(letter));
  });
  return {hash.result(size_), highest};
}

void Text::fail_changed() const {
  throw InputError(name_, "was changed while it was being trained on", "train on a copy that is left alone");
}

void Text::check_unchanged() const {
  const struct stat status = look_at(file_, name_);
  if (status.st_size != size_) fail_changed();
  if (written_ns(status) == written_ns_) return;
  if (scan().hash != scan_.hash) fail_changed();
  written_ns_ = written_ns(status);  // written to, and the same for all that
}

Text read_text(const std::filesystem::path& file, const workload::Job& job) {
  Text text(file);
  const std::int64_t need = job.train.sequence_length + 1;
  if (std::min(text.held_back_bytes(), text.train_bytes()) < need)
    throw InputError(file.string(),
                     fmt::format("is too short: it has {} bytes, of which {} are held back to test on",
                                 text.size(), text.held_back_bytes()),
                     fmt::format("both parts need train.sequence_length + 1 = {} bytes", need));
  if (text.highest_byte() >= job.model.vocab)
    throw InputError("model.vocab",
                     fmt::format("{} is too small for {}, which holds byte {}", job.model.vocab,
                                 file.string(), text.highest_byte()),
                     "256 holds every byte");
  return text;
}

Sampler::Sampler(const Text& text, const workload::Job& job)
    : text_(text),
      seed_(job.seed),
      sequence_(job.train.sequence_length),
      rows_(job.plan.micro_batch),
      micro_batches_(job.micro_batches()),
      global_batch_(job.train.global_batch) {}

void Sampler::window(std::int64_t start, std::int32_t* ids, std::int32_t* targets) const {
  std::string letters(static_cast<std::size_t>(sequence_ + 1), '\0');
  text_.read(start, letters);
  for (std::size_t t = 0; t + 1 < letters.size(); ++t) {
    ids[t] = byte_of(letters[t]);
    targets[t] = byte_of(letters[t + 1]);
  }
}

void Sampler::draw(std::int64_t step, std::int64_t dp, std::int64_t micro, std::span<std::int32_t> ids,
                   std::span<std::int32_t> targets) const {
  const RandomStream random(seed_, kSamplerStream);
  const auto starts = static_cast<std::uint64_t>(text_.train_bytes() - sequence_);
  for (std::int64_t row = 0; row < rows_; ++row) {
    const std::int64_t in_batch = (dp * micro_batches_ + micro) * rows_ + row;
    const auto index = static_cast<std::uint64_t>(step * global_batch_ + in_batch);
    window(static_cast<std::int64_t>(random.below(starts, index)),
           &ids[static_cast<std::size_t>(row * sequence_)],
           &targets[static_cast<std::size_t>(row * sequence_)]);
  }
}

void Sampler::held_back(std::int64_t round, std::int64_t rounds, std::int64_t dp, std::int64_t micro,
                        std::span<std::int32_t> ids, std::span<std::int32_t> targets) const {
  const std::int64_t windows = rounds * global_batch_;
  const std::int64_t last_start = text_.held_back_bytes() - sequence_ - 1;
  for (std::int64_t row = 0; row < rows_; ++row) {
    const std::int64_t number = round * global_batch_ + (dp * micro_batches_ + micro) * rows_ + row;
    const std::int64_t start = windows > 1 ? last_start * number / (windows - 1) : 0;
    window(text_.train_bytes() + start, &ids[static_cast<std::size_t>(row * sequence_)],
           &targets[static_cast<std::size_t>(row * sequence_)]);
  }
}

Baseline baseline(const Text& text) {
  constexpr std::size_t kBytes = 256;
  std::array<double, kBytes> single{};
  std::vector<double> pair(kBytes * kBytes, 0.0);
  // `see(before, here)`: before is negative at the first byte.
  const auto each_pair = [&](std::int64_t first, std::int64_t end, auto&& see) {
    int before = -1;
    each_block(text, first, end, [&](std::string_view block) {
      for (const char letter : block) see(before, byte_of(letter)), before = byte_of(letter);
    });
  };
  const auto pair_of = [](int before, int here) {
    return static_cast<std::size_t>(before) * kBytes + static_cast<std::size_t>(here);
  };
  each_pair(0, text.train_bytes(), [&](int before, int here) {
    single[static_cast<std::size_t>(here)] += 1;
    if (before >= 0) pair[pair_of(before, here)] += 1;
  });
  Baseline result;
  const double n = static_cast<double>(text.train_bytes()) + kBytes;
  each_pair(text.train_bytes(), text.size(), [&](int before, int here) {
    if (before < 0) return;
    result.letters -= std::log((single[static_cast<std::size_t>(here)] + 1) / n);
    result.pairs -=
        std::log((pair[pair_of(before, here)] + 1) / (single[static_cast<std::size_t>(before)] + kBytes));
  });
  const auto count = static_cast<double>(text.held_back_bytes() - 1);
  return {result.letters / count, result.pairs / count};
}

}  // namespace ds::executor
