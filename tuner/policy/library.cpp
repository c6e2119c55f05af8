// The library with LibTorch in it, and files of policies.
#include <dlfcn.h>
#include <fmt/format.h>

#include <exception>

#include "simulator/base/error.h"
#include "simulator/base/file.h"
#include "simulator/workload/presets.h"
#include "tuner/policy/features.h"
#include "tuner/policy/network_library.h"
#include "tuner/policy/policy.h"

namespace ds::tuner {
namespace {

constexpr const char* kLibrary = "libds-policy.so";  // found by the program's own search path
constexpr std::int64_t kMostBytes = 16LL << 20;      // of a policy

struct Library {
  decltype(&ds_make_network) make;
  decltype(&ds_load_network) load;
};

const Library& library() {
  static const Library loaded = [] {
    void* handle = dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr)
      throw InputError(
          "--method rl", "needs LibTorch, which is not here",
          "install libtorch-dev and libopenblas0-pthread, and build again; all other methods do without");
    const auto function = [&]<class F>(const char* name, F*& to) {
      to = reinterpret_cast<F*>(dlsym(handle, name));
    };
    Library found{};
    function("ds_make_network", found.make);
    function("ds_load_network", found.load);
    if (found.make == nullptr || found.load == nullptr)
      throw InputError("the learned policy", fmt::format("{} is of another version", kLibrary),
                       "build again");
    return found;
  }();
  return loaded;
}

}  // namespace

std::shared_ptr<Network> fresh_network(std::uint64_t seed) {
  return std::shared_ptr<Network>(library().make(feature_names().size(), seed));
}

std::shared_ptr<Network> load_policy(const std::filesystem::path& file) {
  const Library& functions = library();
  const std::string bytes = read_file(file, kMostBytes);
  std::shared_ptr<Network> network;
  try {
    network.reset(functions.load(bytes.data(), bytes.size()));
  } catch (const std::exception&) {
    throw InputError("", "is no policy", "ds-tune train makes one").in_file(file.string());
  }
  if (network->inputs() != feature_names().size())
    throw InputError("",
                     fmt::format("is a policy of {} features, and there are {}", network->inputs(),
                                 feature_names().size()),
                     "ds-tune train makes one of this version")
        .in_file(file.string());
  return network;
}

std::filesystem::path default_policy() { return workload::profiles_directory() / "tuner" / "policy.pt"; }

}  // namespace ds::tuner
