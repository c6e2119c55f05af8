#pragma once
// What charts are made of: SVG that stands alone, to be looked at in a browser or put into a page.

#include <array>
#include <functional>
#include <string>
#include <string_view>

namespace ds::chart {

/// Told apart by colour-blind people too. Okabe & Ito 2008.
inline constexpr std::array<std::string_view, 7> kColours{"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                                          "#e69f00", "#56b4e9", "#000000"};

/// A picture of that size around what is drawn.
std::string picture(double width, double height, const std::string& drawn);

/// `anchor`: what of it stands at x: start, middle, end.
std::string text_at(double x, double y, std::string_view anchor, std::string_view text, int size = 12);

/// A round number: 1, 2 or 5 times a power of ten, so that some five of them reach `most`, which is above 0.
double tick_of(double most);
/// The first of them that is not below `most`.
double end_of(double most);

/// A dot with a text that shows where the pointer rests on it; a hollow one stands for what does not count.
std::string dot(double x, double y, std::string_view colour, bool hollow, std::string_view says);

/// Lines across at each tick from 0 to `most`, with what it says to their left. `y`: where a value stands.
std::string lines_across(double left, double right, double most, const std::function<double(double)>& y,
                         const std::function<std::string(double)>& says);

}  // namespace ds::chart
