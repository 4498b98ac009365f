// Measuring on a GPU: which one is timed, what is refused, and what a kernel costs that breaks its
// context.

#include "worker/measure/measurer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "common/ops/all_ops.h"
#include "kernels/cuda_module.h"
#include "worker/measure/child.h"

namespace paceline {
namespace {

using testing::HasSubstr;

const Kernel& abs_kernel() {
  static const Kernel found = *std::ranges::find_if(
      kernels::cuda_kernels(), [](const Kernel& kernel) { return kernel.info.op == "abs"; });
  return found;
}

// Lets the GPU write where no memory is: its context is gone then.
void abs_strays(const Call& call) {
  std::vector<TensorView> outputs(call.outputs.begin(), call.outputs.end());
  outputs[0].data = reinterpret_cast<void*>(std::uintptr_t{1} << 20);
  Call astray = call;
  astray.outputs = outputs;
  if (abs_kernel().bind != nullptr) abs_kernel().bind(astray);
  abs_kernel().run(astray);
}

std::span<const Kernel> unruly_kernels() {
  static const std::vector<Kernel> kernels = [] {
    Kernel honest = abs_kernel();
    honest.info.name = "abs_honest_cuda";
    Kernel stray = honest;
    stray.info.name = "abs_strays_cuda";
    stray.info.source = "strays";
    stray.run = abs_strays;
    stray.bind = nullptr;
    return std::vector<Kernel>{honest, stray};
  }();
  return kernels;
}

// No test: the program that another one starts as its measuring child.
TEST(DISABLED_UnrulyGpuChild, ServesSittings) {
  std::_Exit(run_measure_child(ops::all_ops(), unruly_kernels));
}

class GpuMeasurer : public testing::Test {
 protected:
  void SetUp() override {
    if (const auto absence = kernels::cuda_absence()) GTEST_SKIP() << *absence;
  }

  static MeasureTask task(std::vector<std::string> kernels) {
    const OperandType type{.dtype = Dtype::f32, .extents = {1 << 20}};
    MeasureTask task{
        .workload = {.op = "abs", .attributes = {}, .inputs = {type}, .outputs = {type}},
        .kernels = std::move(kernels),
        .devices = {.cpu = false, .cuda = 0},
        .regimes = {Regime::hot}};
    task.budget.time = std::chrono::milliseconds(50);
    return task;
  }

  // Other tests beside this one are work of others.
  static bool is_shared(const Measurement& row) {
    return row.outcome == Outcome::polluted &&
           row.reason.find("another process used the GPU") != std::string::npos;
  }

  static std::vector<Measurement> measure(const MeasureTask& task,
                                          std::vector<std::string> child = {}) {
    return Measurer({.child_command = std::move(child), .roofline = Roofline{}}).measure(task);
  }
};

TEST_F(GpuMeasurer, TimesOnEveryGpu) {
  for (int device = 0; device < kernels::device_runtime()->count(); ++device) {
    MeasureTask wanted = task({abs_kernel().info.name});
    wanted.devices.cuda = device;
    const std::vector<Measurement> rows = measure(wanted);
    ASSERT_EQ(rows.size(), 1u);
    if (is_shared(rows[0])) GTEST_SKIP() << rows[0].reason;
    EXPECT_EQ(rows[0].outcome, Outcome::ok) << device << ": " << rows[0].reason;
  }
}

TEST_F(GpuMeasurer, RefusesAGpuThatIsNotHere) {
  MeasureTask wanted = task({abs_kernel().info.name});
  wanted.devices.cuda = kernels::device_runtime()->count();
  try {
    measure(wanted);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::unsupported);
    EXPECT_THAT(error.what(), HasSubstr("GPUs: cuda:"));
  }
}

TEST_F(GpuMeasurer, AnIllegalAccessCostsOneMeasurement) {
  const std::vector<std::string> child = {std::filesystem::read_symlink("/proc/self/exe"),
                                          "--gtest_filter=DISABLED_UnrulyGpuChild.ServesSittings",
                                          "--gtest_also_run_disabled_tests", "--gtest_brief=1"};
  const std::vector<Measurement> rows =
      measure(task({"abs_strays_cuda", "abs_honest_cuda"}), child);
  ASSERT_EQ(rows.size(), 2u);
  const auto of = [&](Outcome outcome) {
    return std::ranges::find(rows, outcome, &Measurement::outcome);
  };
  ASSERT_NE(of(Outcome::crashed), rows.end());
  EXPECT_THAT(of(Outcome::crashed)->reason, HasSubstr("context"));
  EXPECT_TRUE(of(Outcome::ok) != rows.end() || std::ranges::any_of(rows, is_shared));
}

// In a process of its own, whose context goes.
TEST(LostContext, IsAnErrorAndNothingHangs) {
  if (const auto absence = kernels::cuda_absence()) GTEST_SKIP() << *absence;
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto stray = [] {
    kernels::DeviceRuntime* runtime = kernels::device_runtime();
    const auto queue = runtime->open_queue(0);
    const kernels::DeviceBytes memory = runtime->allocate(0, 1024);
    const TensorView view = TensorView::dense(memory.get(), Dtype::f32, {256});
    const TensorView operands[] = {view};
    const auto prepared = abs_kernel().prepare({}, {});
    abs_strays({.inputs = operands,
                .outputs = operands,
                .prepared = prepared.get(),
                .stream = queue->stream(),
                .fault = queue->fault()});
    int lost = 0;
    for (int call = 0; call < 2; ++call) {
      try {
        queue->finish();
      } catch (const kernels::DeviceLost& error) {
        fmt::print(stderr, "{}\n", error.what());
        ++lost;
      }
    }
    std::_Exit(lost);
  };
  EXPECT_EXIT(stray(), testing::ExitedWithCode(2), "context is gone");
}

}  // namespace
}  // namespace paceline
