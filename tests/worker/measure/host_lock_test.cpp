#include "worker/measure/host_lock.h"

#include <atomic>
#include <chrono>
#include <optional>
#include <thread>

#include <gtest/gtest.h>

#include "common/base/error.h"

namespace paceline {
namespace {

TEST(HostLock, IsHeldByOneAtATime) {
  std::atomic<bool> second_holds = false;
  std::optional<HostLock> first;
  first.emplace("test-device", testing::TempDir());
  std::jthread second([&] {
    const HostLock lock("test-device", testing::TempDir());
    second_holds = true;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_FALSE(second_holds);
  first.reset();
  second.join();
  EXPECT_TRUE(second_holds);
}

TEST(HostLock, IsOfOneDevice) {
  const HostLock one("test-one", testing::TempDir());
  const HostLock other("test-other", testing::TempDir());
}

TEST(HostLock, OfAGpuThatIsNotHereHasNoName) {
  EXPECT_EQ(lock_name({}), "cpu");
  try {
    lock_name({DeviceKind::cuda, 99});
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::unsupported);
    EXPECT_NE(std::string(error.what()).find("GPUs: cuda:99"), std::string::npos) << error.what();
  }
}

TEST(HostLock, NeedsItsFolder) { EXPECT_THROW(HostLock("test", "/nowhere/at/all"), Error); }

}  // namespace
}  // namespace paceline
