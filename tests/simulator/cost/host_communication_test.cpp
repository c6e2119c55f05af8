#include "simulator/cost/host_communication.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

namespace ds::cost {
namespace {

using collective::Collective;

/// All-reduce over 2 ranks: 1 us at 64 B, 4 us at 1 KiB, 1 ms at 1 MiB. A message: 2 us at 64 B.
Profile measured() {
  Profile profile = rough_profile();
  const auto all_reduce = [](std::int64_t bytes, double seconds) {
    return CommunicationPoint{
        .what = Collective::all_reduce, .ranks = 2, .bytes = {bytes}, .seconds = seconds, .sigma = 0.01};
  };
  profile.communications = {all_reduce(1 << 20, 1e-3),
                            all_reduce(64, 1e-6),
                            all_reduce(1 << 10, 4e-6),
                            {.message = true, .ranks = 2, .bytes = {64}, .seconds = 2e-6, .sigma = 0.02}};
  return profile;
}

double seconds(const Profile& profile, std::int64_t ranks, std::int64_t bytes, bool message = false) {
  return HostCommunication(profile)
      .time(message, message ? Collective{} : Collective::all_reduce, ranks, {bytes})
      .seconds.value;
}

TEST(HostCommunication, HitsWhatWasMeasuredAndLiesBetweenInLogarithms) {
  const Profile profile = measured();
  EXPECT_NEAR(seconds(profile, 2, 64), 1e-6, 1e-15);
  EXPECT_NEAR(seconds(profile, 2, 1 << 10), 4e-6, 1e-15);
  EXPECT_NEAR(seconds(profile, 2, 1 << 20), 1e-3, 1e-12);
  // 256 B is half way from 64 B to 1 KiB: the geometric mean of 1 and 4 us.
  EXPECT_NEAR(seconds(profile, 2, 256), 2e-6, 1e-15);
  EXPECT_NEAR(seconds(profile, 2, 64, true), 2e-6, 1e-15);
}

TEST(HostCommunication, IsLatencyBelowTheSmallestSizeAndBytesAboveTheLargest) {
  const Profile profile = measured();
  EXPECT_NEAR(seconds(profile, 2, 8), 1e-6, 1e-15);
  EXPECT_NEAR(seconds(profile, 2, 4 << 20), 4e-3, 1e-12);
}

TEST(HostCommunication, OnMoreRanksThanWereMeasuredCoresAreSharedAndItIsLessSure) {
  const Profile profile = measured();
  const HostCommunication model(profile);
  const Estimate two = model.time(false, Collective::all_reduce, 2, {64});
  const Estimate six = model.time(false, Collective::all_reduce, 6, {64});
  EXPECT_NEAR(six.seconds / two.seconds, 3, 1e-12);
  EXPECT_EQ(two.source, Source::measured);
  EXPECT_EQ(six.source, Source::scaled);
  EXPECT_GT(six.sigma, two.sigma);
}

TEST(HostCommunication, WithoutMeasurementsIsRoughAndOfOneRankIsNothing) {
  const Profile profile = rough_profile();
  const HostCommunication model(profile);
  const Estimate rough = model.time(false, Collective::all_reduce, 2, {1 << 20});
  EXPECT_EQ(rough.source, Source::roofline);
  EXPECT_GT(rough.seconds.value, static_cast<double>(1 << 20) / profile.memory_bandwidth.value);
  EXPECT_EQ(model.time(false, Collective::all_reduce, 1, {1 << 20}).seconds.value, 0);
}

/// The same operator, 1 ms alone and 2 ms where 4 ranks compute at once.
TEST(OperatorModel, TakesTheTablesOfTheNearestNumberOfActiveRanks) {
  Profile profile = rough_profile();
  const ops::Add add{1024, 1024};
  for (const auto& [active, took] : {std::pair{1, 1e-3}, std::pair{4, 2e-3}})
    profile.tables.push_back({.kind = std::string(ops::kind_name(add)),
                              .pass = ops::Pass::forward,
                              .type = DataType::fp32,
                              .points = {{add, took, 0.01}},
                              .active = active});
  const ops::Op op{add, ops::Pass::forward, DataType::fp32};
  const std::pair<std::int64_t, double> expected[] = {{1, 1e-3}, {2, 1e-3}, {3, 2e-3}, {4, 2e-3}, {16, 2e-3}};
  for (const auto& [active, took] : expected)
    EXPECT_NEAR(OperatorModel(profile, active).time(op).seconds.value, took, 1e-9) << active;
}

TEST(ProfileFile, KeepsCommunicationsAndActiveRanks) {
  Profile profile = measured();
  profile.memory_bytes = 1e9, profile.rounds = 5;
  const ops::Add add{8, 8};
  profile.tables.push_back({.kind = std::string(ops::kind_name(add)),
                            .pass = ops::Pass::forward,
                            .type = DataType::fp32,
                            .points = {{add, 1e-6, 0.01}},
                            .active = 2});
  const auto file = std::filesystem::temp_directory_path() / ("ds-profile-" + std::to_string(::getpid()));
  std::ofstream(file) << to_json(profile, "{}");
  const Profile read = read_profile(file);
  std::filesystem::remove(file);
  ASSERT_EQ(read.tables.size(), 1U);
  EXPECT_EQ(read.tables[0].active, 2);
  ASSERT_EQ(read.communications.size(), profile.communications.size());
  for (std::size_t i = 0; i < read.communications.size(); ++i) {
    const CommunicationPoint &a = read.communications[i], &b = profile.communications[i];
    EXPECT_TRUE(a.message == b.message && (a.message || a.what == b.what) && a.ranks == b.ranks &&
                a.bytes == b.bytes && a.seconds == b.seconds && a.sigma == b.sigma)
        << i;
  }
}

}  // namespace
}  // namespace ds::cost
