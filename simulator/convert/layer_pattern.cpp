// Both are read letter by letter, with a bound on what repetition may make.
#include "simulator/convert/layer_pattern.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string>

#include "simulator/base/json.h"
#include "simulator/workload/limits.h"

namespace ds::convert {
namespace {

constexpr std::size_t kLongest = static_cast<std::size_t>(4 * workload::kMaxLayers);
constexpr int kDeepest = 16;

/// A sum of lists, each perhaps times a number.
class ListReader {
 public:
  explicit ListReader(const Flag& flag) : flag_(flag), rest_(only_value(flag)) {}

  std::vector<bool> whole() {
    std::vector<bool> list = sum(0);
    if (!rest_.empty()) give_up();
    return list;
  }

 private:
  [[noreturn]] void give_up() const {
    const std::string& text = flag_.values[0].text;
    fail(flag_, fmt::format("is {}, must be a number or a list", json_text(text.substr(0, 60))),
         "[0]*3+[1]*58 is one");
  }
  bool take(char c) {
    while (rest_.starts_with(' ')) rest_.remove_prefix(1);
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  std::int64_t number() {
    while (rest_.starts_with(' ')) rest_.remove_prefix(1);
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    if (error != std::errc() || value < 0) give_up();
    rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
    return value;
  }

  std::vector<bool> sum(int depth) {
    if (depth > kDeepest) give_up();
    std::vector<bool> list = term(depth);
    while (take('+')) {
      const std::vector<bool> more = term(depth);
      list.insert(list.end(), more.begin(), more.end());
      check(list.size());
    }
    return list;
  }
  std::vector<bool> term(int depth) {
    std::vector<bool> list;
    if (take('(')) {
      list = sum(depth + 1);
      if (!take(')')) give_up();
    } else if (take('[')) {
      do list.push_back(number() != 0);
      while (take(','));
      if (!take(']')) give_up();
    } else {
      give_up();
    }
    while (take('*')) {
      const std::vector<bool> once = list;
      const std::int64_t times = number();
      check(times > 0 &&
                    once.size() > kLongest / static_cast<std::size_t>(std::min<std::int64_t>(times, kLongest))
                ? kLongest + 1
                : 0);
      list.clear();
      for (std::int64_t i = 0; i < times && !once.empty(); ++i)
        list.insert(list.end(), once.begin(), once.end());
    }
    return list;
  }
  void check(std::size_t entries) const {
    if (entries > kLongest)
      fail(flag_, "makes more layers than any model has",
           fmt::format("at most {} are read", workload::kMaxLayers));
  }

  const Flag& flag_;
  std::string_view rest_;
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// The layout with its repetitions written out, as Megatron-LM's own reader does it: parentheses first, which do not nest.
class LayoutReader {
 public:
  explicit LayoutReader(const Flag& flag) : flag_(flag), text_(only_value(flag)) { std::erase(text_, ','); }

  std::string unrolled() {
    std::string flat;
    for (at_ = 0; at_ < text_.size();) {
      const std::size_t close = text_[at_] == '(' ? text_.find(')', at_) : std::string::npos;
      if (text_[at_] == '(' && close == std::string::npos) fail(flag_, "opens a ( that nothing closes");
      const std::string piece =
          close == std::string::npos ? text_.substr(at_, 1) : text_.substr(at_ + 1, close - at_ - 1);
      if (piece.find('(') != std::string::npos) fail(flag_, "has ( within (, which is not read");
      at_ = close == std::string::npos ? at_ + 1 : close + 1;
      repeat(flat, close == std::string::npos ? piece : letters(piece), times());
    }
    return flat;
  }

 private:
  std::int64_t times() {
    if (at_ + 1 >= text_.size() || text_[at_] != '*' || !is_digit(text_[at_ + 1])) return 1;
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text_.data() + at_ + 1, text_.data() + text_.size(), value);
    if (error != std::errc() || value > workload::kMaxLayers)
      fail(flag_, "repeats more often than any model has layers",
           fmt::format("at most {} times", workload::kMaxLayers));
    at_ = static_cast<std::size_t>(end - text_.data());
    return value;
  }
  /// x*n within parentheses.
  std::string letters(const std::string& piece) {
    const std::size_t at = std::exchange(at_, 0);
    const std::string whole = std::exchange(text_, piece);
    std::string flat;
    while (at_ < text_.size()) {
      const std::string one = text_.substr(at_++, 1);
      repeat(flat, one, times());
    }
    text_ = whole;
    at_ = at;
    return flat;
  }
  void repeat(std::string& flat, const std::string& piece, std::int64_t times) const {
    for (std::int64_t i = 0; i < times && !piece.empty(); ++i) {
      flat += piece;
      if (flat.size() > kLongest)
        fail(flag_, "makes more layers than any model has",
             fmt::format("at most {} are read", workload::kMaxLayers));
    }
  }

  const Flag& flag_;
  std::string text_;
  std::size_t at_{0};
};

}  // namespace

std::vector<bool> layer_pattern(const Flag& flag, std::int64_t layers, bool first_of_each) {
  const std::string& text = only_value(flag);
  if (!text.empty() && std::ranges::all_of(text, is_digit)) {
    const std::int64_t every = count_of(flag);
    if (every < 1) fail(flag, "is 0, must be at least 1");
    std::vector<bool> pattern;
    for (std::int64_t i = 0; i < layers; ++i) pattern.push_back((first_of_each ? i : i + 1) % every == 0);
    return pattern;
  }
  std::vector<bool> pattern = ListReader(flag).whole();
  if (std::ssize(pattern) != layers)
    fail(flag, fmt::format("has {} layers, must have one for each of --num-layers, which is {}",
                           pattern.size(), layers));
  return pattern;
}

Layout pipeline_layout(const Flag& flag) {
  const std::string flat = LayoutReader(flag).unrolled();
  if (const std::size_t unknown = flat.find_first_not_of("EtmL|"); unknown != std::string::npos)
    fail(flag, fmt::format("has {}, which is not a layer", json_text(flat.substr(unknown, 1))),
         "E, t, m and L are, | ends a stage");
  std::string order = flat;
  std::erase(order, '|');
  if (std::ranges::count(order, 'E') != 1 || !order.starts_with('E'))
    fail(flag, "must begin with the embedding, E, and have it once");
  if (std::ranges::count(order, 'L') != 1 || !order.ends_with('L'))
    fail(flag, "must end with the loss, L, and have it once");
  Layout layout{.layers = {0}, .predicted = std::ranges::count(order, 'm')};
  for (const char c : flat) {
    if (c == '|') layout.layers.push_back(0);
    if (c == 't') ++layout.layers.back();
  }
  const std::size_t last_stage = flat.rfind('|') == std::string::npos ? 0 : flat.rfind('|');
  layout.predicted_with_loss = flat.find('m') == std::string::npos || flat.find('m') > last_stage;
  return layout;
}

}  // namespace ds::convert
