#include "worker/measure/measurer.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/ops/all_ops.h"
#include "tests/worker/measure/unruly_kernels.h"

namespace paceline {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

// A machine that could do anything, so that no test depends on this one's speed.
const Roofline boundless = {.flops_per_s = 1e18, .bytes_per_s = 1e18};

class MeasurerWithUnrulyKernels : public testing::Test {
 protected:
  static Measurer::Options options() {
    return {.threads = 1,
            .step_time_max = 3s,
            .memory_bytes_max = std::int64_t{512} << 20,
            .child_command = test::unruly_child_command(),
            .lock_folder = testing::TempDir(),
            .roofline = boundless};
  }

  static MeasureTask task(std::vector<std::string> kernels) {
    return {.workload = parse_workload("abs(f32[64,257]) -> f32[64,257]", ops::all_ops()),
            .kernels = std::move(kernels),
            .regimes = {Regime::hot},
            .budget = {.time = 100ms}};
  }

  Measurement measure_one(const std::string& kernel) {
    const auto measurements = measurer_.measure(task({kernel}));
    EXPECT_THAT(measurements, SizeIs(1));
    return measurements.at(0);
  }

  Measurer measurer_{options()};
};

TEST_F(MeasurerWithUnrulyKernels, TimesAnHonestOne) {
  const Measurement measurement = measure_one("abs_honest");
  // A busy machine may disturb it; then it says so and gives no number.
  if (measurement.outcome == Outcome::polluted) GTEST_SKIP() << measurement.reason;
  EXPECT_EQ(measurement.outcome, Outcome::ok) << measurement.reason;
  EXPECT_EQ(measurement.error_relative, 0);
  EXPECT_EQ(measurement.method, method_checked_in_full);
  EXPECT_GT(measurement.summary.median_s, 0);
  EXPECT_EQ(measurement.samples_s.size(), measurement.blocks.size());
  EXPECT_EQ(measurement.machine, measurer_.machine().id());
  EXPECT_EQ(measurement.environment, measurer_.environment().id());
  EXPECT_LE(measurement.started, measurement.finished);
  EXPECT_FALSE(measurement.node.empty());
}

TEST_F(MeasurerWithUnrulyKernels, MeasuresHotAndColdApart) {
  MeasureTask both = task({"abs_honest"});
  both.regimes = {Regime::hot, Regime::cold};
  const auto measurements = measurer_.measure(both);
  EXPECT_THAT(measurements, ElementsAre(Field(&Measurement::regime, Regime::hot),
                                        Field(&Measurement::regime, Regime::cold)));
  EXPECT_EQ(measurements.at(1).calls_per_sample, 1);
}

TEST_F(MeasurerWithUnrulyKernels, CallsOneThatIsHopelesslySlowOnce) {
  const auto measurements = measurer_.measure(task({"abs_crawls", "abs_honest"}));
  ASSERT_THAT(measurements, SizeIs(2));
  const Measurement& slow = measurements[0];
  EXPECT_EQ(slow.outcome, Outcome::ok) << slow.reason;
  EXPECT_THAT(slow.samples_s, SizeIs(1));
  EXPECT_GT(slow.summary.median_s, 0.1);
  EXPECT_THAT(slow.reason, AllOf(HasSubstr("first call alone"), HasSubstr("abs_honest")));
}

TEST_F(MeasurerWithUnrulyKernels, SaysWhichOneIsWrongAndByHowMuch) {
  const Measurement measurement = measure_one("abs_wrong");
  EXPECT_EQ(measurement.outcome, Outcome::wrong);
  EXPECT_GT(measurement.error_relative, 1e-4);
  EXPECT_THAT(measurement.reason, HasSubstr("output 0"));
  EXPECT_THAT(measurement.samples_s, IsEmpty());
}

TEST_F(MeasurerWithUnrulyKernels, OutlivesACrash) {
  EXPECT_EQ(measure_one("abs_crashes").outcome, Outcome::crashed);
  EXPECT_NE(measure_one("abs_honest").outcome, Outcome::crashed);
}

TEST_F(MeasurerWithUnrulyKernels, EndsAHang) {
  const Measurement measurement = measure_one("abs_hangs");
  EXPECT_EQ(measurement.outcome, Outcome::timeout);
  EXPECT_EQ(measurement.reason, "took longer than 3 s in one step");
}

TEST_F(MeasurerWithUnrulyKernels, StopsOneThatEatsTheMemory) {
  const Measurement measurement = measure_one("abs_eats_memory");
  EXPECT_EQ(measurement.outcome, Outcome::out_of_memory);
  EXPECT_THAT(measurement.reason, HasSubstr("bytes of memory"));
}

TEST_F(MeasurerWithUnrulyKernels, TakesAnExceptionForAResult) {
  EXPECT_EQ(measure_one("abs_throws").reason, "threw: no mood");
  EXPECT_EQ(measure_one("abs_runs_out").outcome, Outcome::out_of_memory);
}

TEST_F(MeasurerWithUnrulyKernels, LosesOneMeasurementToEachAndGoesOn) {
  const auto measurements = measurer_.measure(
      task({"abs_crashes", "abs_honest", "abs_hangs", "abs_wrong", "abs_eats_memory"}));
  std::vector<Outcome> outcomes;
  for (const Measurement& measurement : measurements) {
    const bool timed = measurement.outcome == Outcome::polluted;
    outcomes.push_back(timed ? Outcome::ok : measurement.outcome);
  }
  EXPECT_THAT(outcomes, UnorderedElementsAre(Outcome::crashed, Outcome::ok, Outcome::timeout,
                                             Outcome::wrong, Outcome::out_of_memory));
}

TEST_F(MeasurerWithUnrulyKernels, CarriesTheIdsOfTheTask) {
  MeasureTask leased = task({"abs_honest", "abs_crashes"});
  leased.lease = LeaseId::random();
  leased.task = TaskId::random();
  EXPECT_THAT(
      measurer_.measure(leased),
      Each(AllOf(Field(&Measurement::lease, leased.lease), Field(&Measurement::task, leased.task),
                 Field(&Measurement::workload, leased.workload.id()))));
}

TEST_F(MeasurerWithUnrulyKernels, RefusesAKernelThatItDoesNotHave) {
  EXPECT_THROW(measurer_.measure(task({"abs_of_another_machine"})), Error);
}

TEST_F(MeasurerWithUnrulyKernels, TriesNoneWhenNoneAcceptsTheWorkload) {
  MeasureTask other = task({});
  other.workload = parse_workload("neg(f32[4]) -> f32[4]", ops::all_ops());
  EXPECT_THAT(measurer_.measure(other), IsEmpty());
}

TEST_F(MeasurerWithUnrulyKernels, TellsAnUnsupportedWorkloadByItsReason) {
  MeasureTask other = task({"abs_honest"});
  other.workload = parse_workload("abs(f64[4]) -> f64[4]", ops::all_ops());
  const auto measurements = measurer_.measure(other);
  ASSERT_THAT(measurements, SizeIs(1));
  EXPECT_EQ(measurements[0].outcome, Outcome::unsupported);
  EXPECT_EQ(measurements[0].reason, "takes f32, not f64");
}

TEST_F(MeasurerWithUnrulyKernels, RejectsTimesThatNoMachineReaches) {
  Measurer::Options slow = options();
  slow.roofline = Roofline{.flops_per_s = 1, .bytes_per_s = 1};
  const auto measurements = Measurer(slow).measure(task({"abs_honest"}));
  ASSERT_THAT(measurements, SizeIs(1));
  EXPECT_EQ(measurements[0].outcome, Outcome::polluted);
  EXPECT_EQ(measurements[0].summary.median_s, 0);
}

TEST(Measurer, SaysThatItsChildCannotBeStarted) {
  Measurer measurer({.child_command = {"/nowhere/child"},
                     .lock_folder = testing::TempDir(),
                     .roofline = boundless});
  try {
    measurer.measure({.workload = parse_workload("abs(f32[4]) -> f32[4]", ops::all_ops())});
    FAIL() << "nothing thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::unavailable);
    EXPECT_THAT(error.what(), HasSubstr("/nowhere/child"));
  }
}

TEST(Measurer, RefusesAChildOfAnotherBuild) {
  Measurer measurer({.child_command = test::foreign_child_command(),
                     .lock_folder = testing::TempDir(),
                     .roofline = boundless});
  for (int time = 0; time < 2; ++time) {
    try {
      measurer.measure({.workload = parse_workload("abs(f32[4]) -> f32[4]", ops::all_ops())});
      FAIL() << "nothing thrown";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::unavailable);
      EXPECT_THAT(error.what(), HasSubstr("kernel abs_plain"));
      EXPECT_THAT(error.what(), HasSubstr("one build"));
    }
  }
}

TEST(Measurer, RefusesMoreThreadsThanTheMachineHas) {
  EXPECT_THROW(Measurer({.threads = 100'000}), Error);
}

// The only child of this thread.
pid_t measuring_child() {
  std::ifstream file("/proc/self/task/" + std::to_string(::getpid()) + "/children");
  pid_t child = 0;
  file >> child;
  return child;
}

// While operands are drawn and the reference is computed no kernel runs.
TEST_F(MeasurerWithUnrulyKernels, BlamesNoKernelForADeathThatCameFromElsewhere) {
  Measurer::Options roomy = options();
  roomy.memory_bytes_max = 0;
  Measurer measurer(roomy);
  measurer.measure(task({"abs_honest"}));  // Starts the child.
  const pid_t child = measuring_child();
  if (child == 0) GTEST_SKIP() << "this system does not list children";
  std::jthread killer([child] {
    std::this_thread::sleep_for(30ms);
    ::kill(child, SIGKILL);
  });
  MeasureTask large = task({"abs_honest", "abs_slow"});
  large.workload = parse_workload("abs(f32[512,8192]) -> f32[512,8192]", ops::all_ops());
  const auto measurements = measurer.measure(large);
  EXPECT_NE(measuring_child(), child);
  EXPECT_THAT(measurements, SizeIs(2));
  for (const Measurement& measurement : measurements) {
    EXPECT_TRUE(measurement.outcome == Outcome::ok || measurement.outcome == Outcome::polluted)
        << measurement.reason;
  }
}

TEST(InterruptedMeasurer, EndsTheSittingAndMeasuresAgainAfterwards) {
  std::atomic<bool> is_interrupted = false;
  Measurer measurer({.threads = 1,
                     .step_time_max = 60s,
                     .child_command = test::unruly_child_command(),
                     .lock_folder = testing::TempDir(),
                     .roofline = boundless,
                     .is_interrupted = &is_interrupted});
  MeasureTask task{.workload = parse_workload("abs(f32[64,257]) -> f32[64,257]", ops::all_ops()),
                   .kernels = {"abs_hangs"},
                   .regimes = {Regime::hot},
                   .budget = {.time = 100ms}};
  std::jthread other([&] {
    std::this_thread::sleep_for(300ms);
    is_interrupted = true;
  });
  const auto began_ns = monotonic_ns();
  try {
    measurer.measure(task);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::unavailable);
    EXPECT_THAT(error.what(), HasSubstr("interrupted"));
  }
  EXPECT_LT(monotonic_ns() - began_ns, 10'000'000'000);

  other.join();
  is_interrupted = false;
  task.kernels = {"abs_honest"};
  EXPECT_THAT(measurer.measure(task), SizeIs(1));
}

}  // namespace
}  // namespace paceline
