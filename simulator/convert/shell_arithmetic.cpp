// A sum of products, read from left to right.
#include "simulator/convert/shell_arithmetic.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdint>
#include <limits>

#include "simulator/base/error.h"

namespace ds::convert {
namespace {

constexpr int kDeepest = 64;

/// What is not read; the result is unknown then.
struct Unreadable {
  std::string why;
};

class Arithmetic {
 public:
  Arithmetic(const Word& text, const ShellValues& values) : text_(text), rest_(text.text), values_(values) {}

  std::int64_t result() {
    const std::int64_t value = sum();
    skip();
    if (!rest_.empty()) give_up();
    return value;
  }

 private:
  void skip() {
    while (!rest_.empty() && (rest_[0] == ' ' || rest_[0] == '\t' || rest_[0] == '\n'))
      rest_.remove_prefix(1);
  }
  bool take(char c) {
    skip();
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  [[noreturn]] void give_up() const {
    throw Unreadable{fmt::format("$(({})) is more than is read of sums", text_.text)};
  }
  void check(bool overflows) const {
    if (overflows)
      throw InputError(at_line(text_.line), fmt::format("$(({})) is beyond 64 bits", text_.text));
  }

  std::int64_t sum() {
    std::int64_t value = product();
    for (;;)
      if (take('+'))
        check(__builtin_add_overflow(value, product(), &value));
      else if (take('-'))
        check(__builtin_sub_overflow(value, product(), &value));
      else
        return value;
  }
  std::int64_t product() {
    std::int64_t value = factor();
    for (;;)
      if (take('*')) {
        check(__builtin_mul_overflow(value, factor(), &value));
      } else if (take('/')) {
        value /= divisor(value);
      } else if (take('%')) {
        value %= divisor(value);
      } else {
        return value;
      }
  }
  std::int64_t divisor(std::int64_t of) {
    const std::int64_t value = factor();
    if (value == 0) throw InputError(at_line(text_.line), fmt::format("$(({})) divides by 0", text_.text));
    check(value == -1 && of == std::numeric_limits<std::int64_t>::min());
    return value;
  }

  std::int64_t factor() {
    if (take('-')) {
      std::int64_t negative = 0;
      check(__builtin_sub_overflow(std::int64_t{0}, nested(), &negative));
      return negative;
    }
    if (take('(')) {
      const std::int64_t value = nested_sum();
      if (!take(')')) give_up();
      return value;
    }
    skip();
    return number_or_variable();
  }
  std::int64_t nested() {
    const Deeper deeper(*this);
    return factor();
  }
  std::int64_t nested_sum() {
    const Deeper deeper(*this);
    return sum();
  }

  std::int64_t number_or_variable() {
    std::size_t n = 0;
    while (n < rest_.size() && (std::isalnum(static_cast<unsigned char>(rest_[n])) != 0 || rest_[n] == '_'))
      ++n;
    const std::string_view word = rest_.substr(0, n);
    rest_.remove_prefix(n);
    if (word.empty()) give_up();
    if (word[0] >= '0' && word[0] <= '9') return number(word);
    const Word* value = values_.find(std::string(word));
    if (value == nullptr) throw Unreadable{fmt::format("nothing here sets ${}", word)};
    return number(value->text);
  }
  std::int64_t number(std::string_view text) const {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    check(error == std::errc::result_out_of_range);
    if (error != std::errc() || end != text.data() + text.size()) give_up();
    return value;
  }

  struct Deeper {
    explicit Deeper(Arithmetic& of) : depth(of.depth_) {
      if (++depth > kDeepest) of.give_up();
    }
    ~Deeper() { --depth; }
    Deeper(const Deeper&) = delete;
    Deeper& operator=(const Deeper&) = delete;
    int& depth;
  };

  const Word& text_;
  std::string_view rest_;
  const ShellValues& values_;
  int depth_{0};
};

}  // namespace

Word arithmetic(const Word& text, const ShellValues& values) {
  try {
    return {.text = fmt::format("{}", Arithmetic(text, values).result()), .line = text.line, .unknown = {}};
  } catch (const Unreadable& unreadable) {
    return {.text = fmt::format("$(({}))", text.text), .line = text.line, .unknown = unreadable.why};
  }
}

}  // namespace ds::convert
