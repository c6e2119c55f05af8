#include "executor/available_memory.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "simulator/base/error.h"

namespace ds::executor {
namespace {

namespace fs = std::filesystem;

/// A machine of files: 1000 KiB available, 24 KiB of swap.
class AvailableMemoryTest : public testing::Test {
 protected:
  AvailableMemoryTest() {
    std::string name = (fs::temp_directory_path() / "ds-memory-XXXXXX").string();
    root = ::mkdtemp(name.data());
    write("proc/meminfo", "MemTotal:  9000 kB\nMemFree: 10 kB\nMemAvailable:  1000 kB\nSwapFree:  24 kB\n");
  }
  ~AvailableMemoryTest() override { fs::remove_all(root); }
  void write(const std::string& file, const std::string& content) const {
    fs::create_directories((root / file).parent_path());
    std::ofstream(root / file) << content;
  }
  fs::path root;
};

TEST_F(AvailableMemoryTest, IsTheMachinesWhereNoGroupSaysLess) {
  EXPECT_EQ(available_memory(root).bytes, Bytes{1024 * 1024});
  write("proc/self/cgroup", "0::/\n");
  write("sys/fs/cgroup/memory.max", "max\n");
  write("sys/fs/cgroup/memory.current", "5\n");
  EXPECT_EQ(available_memory(root).bytes, Bytes{1024 * 1024});
  EXPECT_EQ(available_memory(root).of, "of this machine");
}

/// The group above has less left: 50,000 - 30,000 + 1,000 of cached files, which the kernel gives up first.
TEST_F(AvailableMemoryTest, IsWhatTheTightestGroupAboveLeaves) {
  write("proc/self/cgroup", "0::/jobs/mine\n");
  write("sys/fs/cgroup/jobs/mine/memory.max", "90000\n");
  write("sys/fs/cgroup/jobs/mine/memory.current", "20000\n");
  write("sys/fs/cgroup/jobs/memory.max", "50000\n");
  write("sys/fs/cgroup/jobs/memory.current", "30000\n");
  write("sys/fs/cgroup/jobs/memory.stat", "anon 29000\ninactive_file 1000\n");
  EXPECT_EQ(available_memory(root).bytes, Bytes{21000});
  EXPECT_EQ(available_memory(root).of, "of the control group");
}

TEST_F(AvailableMemoryTest, KnowsTheFirstVersionOfGroups) {
  write("proc/self/cgroup", "9:pids:/\n4:cpu,memory:/mine\n0::/\n");
  write("sys/fs/cgroup/memory/mine/memory.limit_in_bytes", "7000\n");
  write("sys/fs/cgroup/memory/mine/memory.usage_in_bytes", "9000\n");
  write("sys/fs/cgroup/memory/mine/memory.stat", "inactive_file 1\ntotal_inactive_file 2500\n");
  EXPECT_EQ(available_memory(root).bytes, Bytes{500});
}

TEST(AvailableMemory, TooLittleIsSaidInOneLineWithBothNumbers) {
  const AvailableMemory some{.bytes = {5'000'000}, .of = "of the control group"};
  EXPECT_NO_THROW(check_available("the arenas of 2 ranks", {5'000'000}, some));
  try {
    check_available("the arenas of 2 ranks", {6'000'000}, some);
    ADD_FAILURE() << "that is more than there is";
  } catch (const MachineError& e) {
    EXPECT_STREQ(
        e.what(),
        "not enough memory: the arenas of 2 ranks take 6 MB, and 5 MB of the control group are free");
  }
}

TEST(AvailableMemory, OfThisMachineIsSomething) { EXPECT_GT(available_memory().bytes, Bytes{1 << 20}); }

}  // namespace
}  // namespace ds::executor
