// Numbers as people read them: three digits, a prefix, commas, hours and minutes.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

#include "cli/terminal/terminal.h"

namespace ds::terminal {
namespace {

constexpr std::string_view kMissing = "n/a";

/// To three significant digits. By way of text, so that 0.9995 becomes exactly what is printed for it.
double rounded(double value) { return std::strtod(fmt::format("{:.2e}", value).c_str(), nullptr); }

/// Three significant digits without an exponent: 1.23, 12.3, 123, 1230.
std::string three_digits(double value) {
  const double shown = rounded(value);
  const double size = std::abs(shown);
  return fmt::format("{:.{}f}", shown, size < 10 ? 2 : size < 100 ? 1 : 0);
}

struct Prefix {
  double factor;
  std::string_view name;
};

/// 312e12 FLOP/s is "312 TFLOP/s". Values below 1 keep the bare unit.
std::string with_prefix(double value, std::string_view unit) {
  static constexpr std::array<Prefix, 7> kPrefixes{
      {{1e18, "E"}, {1e15, "P"}, {1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}, {1, ""}}};
  if (std::isnan(value)) return std::string(kMissing);
  const double size = std::abs(rounded(value));
  for (const Prefix& prefix : kPrefixes)
    if (size >= prefix.factor)
      return fmt::format("{} {}{}", three_digits(value / prefix.factor), prefix.name, unit);
  return fmt::format("{} {}", three_digits(value), unit);
}

/// Two whole units, the second padded: "1 h 02 min".
std::string two_units(double value, std::int64_t small, std::string_view small_name, std::int64_t big,
                      std::string_view big_name) {
  const std::int64_t count = std::llround(value / static_cast<double>(small));
  const std::int64_t ratio = big / small;
  return fmt::format("{} {} {:02} {}", count / ratio, big_name, count % ratio, small_name);
}

std::string with_commas(std::string digits) {
  const std::size_t begin = digits.starts_with('-') ? 1 : 0;
  for (std::size_t end = std::min(digits.find('.'), digits.size()); end > begin + 3; end -= 3)
    digits.insert(end - 3, 1, ',');
  return digits;
}

}  // namespace

std::string bytes(Bytes value) {
  if (std::abs(static_cast<double>(value.value)) < 1000) return fmt::format("{} B", value.value);
  return with_prefix(static_cast<double>(value.value), "B");
}

std::string exact(std::int64_t value) { return with_commas(fmt::format("{}", value)); }

std::string duration(Seconds value) {
  const double s = value.value;
  const double size = std::abs(rounded(s));
  if (std::isnan(s)) return std::string(kMissing);
  if (s < 0) return "-" + duration({-s});
  if (std::isinf(s)) return "for ever";
  if (s == 0) return "0 s";
  if (size < 1e-6) return three_digits(s * 1e9) + " ns";
  if (size < 1e-3) return three_digits(s * 1e6) + " µs";
  if (size < 1) return three_digits(s * 1e3) + " ms";
  if (size < 60) return three_digits(s) + " s";
  if (s < 3599.5) return two_units(s, 1, "s", 60, "min");
  if (s < 86400 - 30) return two_units(s, 60, "min", 3600, "h");
  return two_units(s, 3600, "h", 86400, "d");
}

std::string in_unit_of(Seconds least, Seconds value) {
  if (std::isnan(value.value)) return std::string(kMissing);
  const bool seconds = least.value >= 0.1, milliseconds = least.value >= 1e-4;
  const double shown = value.value * (seconds ? 1 : milliseconds ? 1e3 : 1e6);
  const double size = std::abs(rounded(shown));
  const std::string digits = fmt::format("{:.{}f}", shown, size < 1 ? 3 : size < 10 ? 2 : size < 100 ? 1 : 0);
  return with_commas(digits) + (seconds ? " s" : milliseconds ? " ms" : " µs");
}

std::string rate(BytesPerSecond value) { return with_prefix(value.value, "B/s"); }
std::string rate(FlopsPerSecond value) { return with_prefix(value.value, "FLOP/s"); }

std::string rate(double per_second, std::string_view what) {
  if (std::isnan(per_second)) return std::string(kMissing);
  const int decimals = std::abs(rounded(per_second)) < 10 ? 2 : std::abs(rounded(per_second)) < 100 ? 1 : 0;
  return fmt::format("{} {}/s", with_commas(fmt::format("{:.{}f}", per_second, decimals)), what);
}

std::string percent(double share) {
  return std::isnan(share) ? std::string(kMissing) : fmt::format("{:.1f} %", share * 100);
}

std::string signed_percent(double share) {
  if (std::isnan(share)) return std::string(kMissing);
  const std::string text = fmt::format("{:+.1f} %", share * 100);
  return text == "-0.0 %" ? "+0.0 %" : text;  // which side of zero it was rounded from tells nobody anything
}

std::string energy(double kwh) {
  return std::abs(rounded(kwh)) < 1000 ? with_prefix(kwh, "kWh") : with_prefix(kwh * 1000, "Wh");
}

std::string money(double usd) {
  if (std::isnan(usd)) return std::string(kMissing);
  const std::string amount =
      with_commas(fmt::format("{:.{}f}", std::abs(usd), std::abs(usd) < 99.995 ? 2 : 0));
  return (usd < 0 ? "-$" : "$") + amount;
}

Cell error_cell(double share) {
  const double size = std::abs(share);
  const Hue hue = std::isnan(share) ? Hue::dim
                  : size <= 0.05    ? Hue::green
                  : size <= 0.10    ? Hue::yellow
                                    : Hue::red;
  return {signed_percent(share), hue};
}

}  // namespace ds::terminal
