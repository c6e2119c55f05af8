#include "tests/cli/e2e/world.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace ds::e2e {

namespace fs = std::filesystem;

World::World() {
  std::string name = (fs::temp_directory_path() / "ds-e2e-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp: no folder for the test");
  folder_ = name;
  fs::create_directory(folder_ / "cache");
}

World::~World() {
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

std::string World::write(const std::string& name, const std::string& content) const {
  fs::create_directories((folder_ / name).parent_path());
  std::ofstream(folder_ / name, std::ios::binary) << content;
  return path(name);
}

std::string World::read(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

Words World::entries(const std::string& below) const {
  Words names;
  for (const auto& entry : fs::directory_iterator(folder_ / below))
    names.push_back(entry.path().filename().string());
  std::ranges::sort(names);
  return names;
}

Ended World::start(const std::string& program, const Words& arguments, Conditions conditions) const {
  Words all{std::string(DS_BINARY_DIR) + "/bin/" + program};
  all.insert(all.end(), arguments.begin(), arguments.end());
  conditions.environment.push_back("XDG_CACHE_HOME=" + path("cache"));
  return run(all, conditions);
}

testing::AssertionResult complains(const Ended& ended, int status) {
  const std::vector<std::string> said = lines(ended.err);
  if (ended.status == status && ended.out.empty() && said.size() == 1 && said[0].starts_with("ds: "))
    return testing::AssertionSuccess();
  return testing::AssertionFailure() << "status " << ended.status << " for " << status
                                     << (ended.timed_out ? " (out of time)" : "")
                                     << ", standard output: " << ended.out.substr(0, 500)
                                     << ", standard error: " << ended.err.substr(0, 2000);
}

testing::AssertionResult complains(const Ended& ended, int status, const std::string& part) {
  testing::AssertionResult result = complains(ended, status);
  if (result && ended.err.find(part) == std::string::npos)
    return testing::AssertionFailure() << "no '" << part << "' in: " << ended.err;
  return result;
}

std::string some_text(std::size_t bytes) {
  const char* words[] = {"the ",     "plan ", "of ",   "a ",    "step ",  "is ",  "cut ",   "into ",
                         "stages, ", "and ",  "each ", "rank ", "sends ", "its ", "part.\n"};
  std::string text;
  for (std::uint32_t state = 1; text.size() < bytes;) {
    state = state * 1664525U + 1013904223U;
    text += words[(state >> 16U) % std::size(words)];
  }
  text.resize(bytes);
  return text;
}

}  // namespace ds::e2e
