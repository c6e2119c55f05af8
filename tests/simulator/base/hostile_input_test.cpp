// Files that are made to break a reader: each is answered with InputError, within two seconds.

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>

#include "simulator/base/error.h"
#include "simulator/base/json.h"

namespace ds {
namespace {

namespace fs = std::filesystem;

class HostileInput : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "ds-hostile-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder = name;
  }
  void TearDown() override { fs::remove_all(folder); }

  std::string write(const std::string& content) const {
    const fs::path file = folder / "input.json";
    std::ofstream(file, std::ios::binary) << content;
    return file.string();
  }

  /// The message of the refusal.
  static std::string refusal(const fs::path& file) {
    const auto start = std::chrono::steady_clock::now();
    std::string text;
    try {
      read_document(file);
      ADD_FAILURE() << file << " was read";
    } catch (const InputError& error) {
      text = error.what();
    }
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
    return text;
  }

  fs::path folder;
};

TEST_F(HostileInput, NestedListsAndObjectsAreRefused) {
  EXPECT_NE(refusal(write(std::string(100'000, '['))).find("nested"), std::string::npos);
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += "{\"a\":";
  EXPECT_NE(refusal(write(objects)).find("nested"), std::string::npos);
}

TEST_F(HostileInput, TextThatEndsTooEarlyIsRefused) {
  const std::string whole = R"({"plan": {"tp": 8, "note": "\u00e9\n", "list": [1.5e3, true, null]}})";
  for (std::size_t n = 0; n < whole.size(); ++n)
    EXPECT_NE(refusal(write(whole.substr(0, n))).find("line 1, column"), std::string::npos) << n;
}

TEST_F(HostileInput, ALongStringIsReadAndALongGarbageRefused) {
  EXPECT_NO_THROW(read_document(write("\"" + std::string(5'000'000, 'x') + "\"")));
  EXPECT_LT(refusal(write(std::string(5'000'000, 'x'))).size(), 500U);
  EXPECT_LT(refusal(write("\"" + std::string(5'000'000, 'x'))).size(), 500U);
}

TEST_F(HostileInput, AHugeFileIsRefusedByItsSize) {
  const fs::path file = folder / "huge.json";
  std::ofstream(file).close();
  fs::resize_file(file, 1LL << 30);  // sparse: takes no room
  EXPECT_NE(refusal(file).find("at most"), std::string::npos);
}

TEST_F(HostileInput, WhatIsNoRegularFileIsRefused) {
  const fs::path fifo = folder / "fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_NE(refusal(fifo).find("not a regular file"),
            std::string::npos);  // nobody writes it: opening must not hang
  EXPECT_NE(refusal(folder).find("is a directory"), std::string::npos);
  EXPECT_NE(refusal("/dev/zero").find("not a regular file"), std::string::npos);
  EXPECT_NE(refusal(folder / "missing.json").find("cannot be opened"), std::string::npos);
}

}  // namespace
}  // namespace ds
