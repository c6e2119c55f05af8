// The catalogue of methods: each is a file beside this one, declared and listed here.
#include <algorithm>

#include "tuner/search/search.h"

namespace ds::tuner {

/// Every candidate, by number.
std::unique_ptr<Searcher> in_order(const Setting& setting);
/// Every candidate, in an order that the seed says.
std::unique_ptr<Searcher> random_order(const Setting& setting);
/// Every candidate, those of least work first.
std::unique_ptr<Searcher> best_first(const Setting& setting);
/// One plan for each way to divide the ranks.
std::unique_ptr<Searcher> rules_of_thumb(const Setting& setting);
std::unique_ptr<Searcher> annealing(const Setting& setting);
std::span<const Parameter> annealing_parameters();
std::unique_ptr<Searcher> evolution(const Setting& setting);
std::span<const Parameter> evolution_parameters();

std::span<const Method> methods() {
  static const Method all[] = {{"exhaustive", in_order, true, {}},
                               {"random", random_order, true, {}},
                               {"best-first", best_first, true, {}},
                               {"heuristic", rules_of_thumb, false, {}},
                               {"anneal", annealing, false, annealing_parameters()},
                               {"evolution", evolution, false, evolution_parameters()}};
  return all;
}

const Method* find_method(std::string_view name) {
  const auto found = std::ranges::find(methods(), name, &Method::name);
  return found == methods().end() ? nullptr : &*found;
}

double parameter(const Setting& setting, std::span<const Parameter> list, std::size_t number) {
  return number < setting.parameters.size() ? setting.parameters[number] : list[number].usual;
}

}  // namespace ds::tuner
