#pragma once
// The learned tuner: a network that has seen other models, machines and scales says which plan of this job to ask for next.
//
//   const std::shared_ptr<Network> network = load_policy(default_policy());
//   Search(space, judge, *learned_searcher(setting, *network), options).run();
//
// It needs LibTorch, in a library that is loaded when the first of these functions is called.

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "tuner/policy/network.h"
#include "tuner/search/search.h"

namespace ds::tuner {

/// Throws InputError where the program was built without LibTorch, or that is not installed: how to get it.
std::shared_ptr<Network> fresh_network(std::uint64_t seed);
/// Throws InputError, also for what is no policy or one of other features.
std::shared_ptr<Network> load_policy(const std::filesystem::path& file);
/// The one that is shipped. Throws InputError.
std::filesystem::path default_policy();

/// The network has to outlive the searcher.
std::unique_ptr<Searcher> learned_searcher(const Setting& setting, Network& network);

/// The method that goes by the policy that is shipped. Its `make` throws InputError.
const Method& learned_method();
/// That one, or one of the catalogue. Null where there is none of that name.
const Method* find_any_method(std::string_view name);

/// Rows for a network, of legal candidates of the space.
PlanRows rows_of(const Space& space, std::span<const Candidate> candidates, std::span<const Glance> glances);

}  // namespace ds::tuner
