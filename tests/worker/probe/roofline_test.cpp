#include "worker/probe/roofline.h"

#include <gtest/gtest.h>

#include "worker/probe/probe.h"

namespace paceline {
namespace {

TEST(Calibrate, FindsPeaksWithinWhatMachinesCanDo) {
  const Roofline roofline = calibrate(1);
  EXPECT_EQ(roofline.machine, probe_machine().id());
  EXPECT_EQ(roofline.threads, 1);
  EXPECT_GT(roofline.flops_per_s, 1e7);
  EXPECT_LT(roofline.flops_per_s, 1e13);
  EXPECT_GT(roofline.bytes_per_s, 1e7);
  EXPECT_LT(roofline.bytes_per_s, 1e13);
  EXPECT_GT(roofline.cache_bytes_per_s, 1e7);
  EXPECT_GT(roofline.call_s, 0);
  EXPECT_LT(roofline.call_s, 1e-2);
}

}  // namespace
}  // namespace paceline
