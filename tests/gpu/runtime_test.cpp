#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "kernels/cuda_module.h"

namespace paceline::kernels {
namespace {

class Runtime : public testing::Test {
 protected:
  void SetUp() override {
    if (const auto absence = cuda_absence()) GTEST_SKIP() << *absence;
    runtime_ = device_runtime();
    queue_ = runtime_->open_queue(0);
  }

  DeviceRuntime* runtime_ = nullptr;
  std::unique_ptr<DeviceQueue> queue_;
};

TEST_F(Runtime, SaysWhatThereIs) {
  EXPECT_GE(runtime_->count(), 1);
  const DeviceProperties found = runtime_->properties(0);
  EXPECT_EQ(found.architecture, "sm_90");
  EXPECT_GT(found.multiprocessors, 100);
  EXPECT_GT(found.l2_bytes, 30 << 20);
  EXPECT_FALSE(found.bus_id.empty());
  const DeviceMemory memory = runtime_->memory(0);
  EXPECT_GT(memory.free_bytes, 0);
  EXPECT_LE(memory.free_bytes, memory.total_bytes);
}

TEST_F(Runtime, BytesThereAndBackAreTheSame) {
  constexpr std::int64_t count = 50'000'001;  // More than one piece each, the last not full.
  std::vector<std::byte> sent(count), received(count);
  for (std::int64_t i = 0; i < count; ++i) sent[i] = std::byte(i * 2654435761u >> 24);
  const DeviceBytes memory = runtime_->allocate(0, count);
  queue_->upload(memory.get(), sent.data(), count);
  queue_->copy(received.data(), memory.get(), count);
  EXPECT_EQ(queue_->finish().has_value(), false);
  EXPECT_EQ(std::memcmp(sent.data(), received.data(), count), 0);
}

TEST_F(Runtime, MoreMemoryThanThereIsIsRefusedWithTheNumbers) {
  const std::int64_t wanted = runtime_->memory(0).total_bytes * 2;
  try {
    runtime_->allocate(0, wanted);
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::exhausted);
    EXPECT_THAT(error.what(), testing::HasSubstr(std::to_string(wanted)));
  }
  EXPECT_NE(runtime_->allocate(0, 1 << 20), nullptr);
}

TEST_F(Runtime, EventsMeasureWhatIsBetweenThem) {
  queue_->keep_busy(0.001);
  const auto before = queue_->record();
  queue_->keep_busy(0.01);
  const auto after = queue_->record();
  EXPECT_THAT(after->seconds_since(*before), testing::AllOf(testing::Ge(0.0099), testing::Le(0.1)));
}

// Another process may have the GPU, so that this says only what no device can do otherwise.
TEST_F(Runtime, AWatchingThreadTellsForWhichShareItStoodStill) {
  const auto begin = queue_->record();
  const double share = queue_->paused_share(0.005);
  EXPECT_GE(queue_->record()->seconds_since(*begin), 0.0049);
  EXPECT_GE(share, 0);
  EXPECT_LE(share, 1);
}

TEST_F(Runtime, ACapturedGraphDoesTheSameAgain) {
  constexpr std::int64_t count = 1 << 16;
  const DeviceBytes from = runtime_->allocate(0, count), to = runtime_->allocate(0, count);
  const DeviceBytes host = runtime_->allocate_pinned(count);
  queue_->begin_capture();
  queue_->copy(to.get(), from.get(), count);
  queue_->copy(host.get(), to.get(), count);
  const auto graph = queue_->end_capture();
  for (const int value : {7, 9}) {
    queue_->fill(from.get(), std::byte(value), count);
    graph->launch();
    EXPECT_EQ(queue_->finish().has_value(), false);
    EXPECT_EQ(host.get()[count - 1], std::byte(value));
  }
}

TEST_F(Runtime, AFaultIsTakenOnce) {
  queue_->fault()->kind = DataFault::outside;
  queue_->fault()->value = 12;
  queue_->fault()->high = 10;
  const auto fault = queue_->finish();
  ASSERT_TRUE(fault);
  EXPECT_EQ(to_string(*fault), "index outside [0, 10): 12");
  EXPECT_EQ(queue_->finish().has_value(), false);
}

}  // namespace
}  // namespace paceline::kernels
