#include "scheduler/cost/stored_costs.h"

#include <gmock/gmock.h>

#include <cmath>
#include <tuple>

#include "common/ops/all_ops.h"
#include "scheduler/cost/work_size.h"

namespace paceline {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

const Machine here = {.cpu_model = "Example", .architecture = "x86_64", .cores = 4};
const Machine elsewhere = {.cpu_model = "Example", .architecture = "x86_64", .cores = 8};
const Environment now_running = {.os = "Debian 12", .kernel = "6.1.0"};
const Environment before_update = {.os = "Debian 12", .kernel = "5.10.0"};
const Roofline peaks = {.flops_per_s = 1e11, .bytes_per_s = 1e10, .call_s = 1e-6};

Workload exp_of(std::int64_t rows, Dtype dtype = Dtype::f32) {
  return {.op = "exp",
          .inputs = {{.dtype = dtype, .extents = {rows, 1000}}},
          .outputs = {{.dtype = dtype, .extents = {rows, 1000}}}};
}

KernelInfo some_kernel(std::string source = "s1") {
  KernelInfo kernel;
  kernel.name = "exp_rows";
  kernel.op = "exp";
  kernel.source = std::move(source);
  kernel.expected_efficiency = 0.5;
  return kernel;
}

Timing timing(double seconds, const Workload& workload = exp_of(10)) {
  return {.measurement = MeasurementId::random(),
          .kernel = some_kernel().id(),
          .kernel_name = "exp_rows",
          .workload = workload.id(),
          .machine = here.id(),
          .environment = now_running.id(),
          .summary = {.median_s = seconds, .low_s = seconds * 0.9, .high_s = seconds * 1.1},
          .noise_floor = 0.02,
          .error_relative = 1e-7};
}

Timing failed(Outcome outcome, std::string reason) {
  Timing failure = timing(0);
  failure.outcome = outcome;
  failure.reason = std::move(reason);
  failure.summary = {};
  return failure;
}

// `timings` newest first, as a store answers.
StoredCosts costs(std::vector<Timing> timings, std::optional<Roofline> roofline = peaks,
                  std::vector<Workload> known = {}) {
  Rooflines rooflines;
  if (roofline) rooflines[roofline->device] = *roofline;
  return StoredCosts(ops::all_ops(), here, now_running, std::move(timings), rooflines, known);
}

TEST(StoredCosts, AnswersWhatWasMeasuredHere) {
  const Timing row = timing(1e-5);
  const auto estimate = costs({row}).estimate(some_kernel(), exp_of(10));

  ASSERT_TRUE(estimate);
  EXPECT_EQ(estimate->origin, Origin::measured_here);
  EXPECT_EQ(estimate->seconds, 1e-5);
  EXPECT_EQ(estimate->noise_floor, 0.02);
  EXPECT_EQ(estimate->error_relative, 1e-7);
  EXPECT_FALSE(estimate->stale);
  EXPECT_THAT(estimate->records, ElementsAre(row.measurement));
}

TEST(StoredCosts, TakesTheNewestOfSeveral) {
  EXPECT_EQ(costs({timing(1e-5), timing(2e-5)}).estimate(some_kernel(), exp_of(10))->seconds, 1e-5);
}

TEST(StoredCosts, LetsAPollutedRowNotHideAGoodOne) {
  auto source = costs({failed(Outcome::polluted, "load"), timing(1e-5)});
  EXPECT_EQ(source.estimate(some_kernel(), exp_of(10))->seconds, 1e-5);
  EXPECT_EQ(source.failure(some_kernel(), exp_of(10)), std::nullopt);
}

TEST(StoredCosts, RulesOutWhatFailedLast) {
  auto source = costs({failed(Outcome::crashed, "killed by SIGSEGV"), timing(1e-5)});
  EXPECT_EQ(source.estimate(some_kernel(), exp_of(10)), std::nullopt);
  EXPECT_THAT(source.failure(some_kernel(), exp_of(10)).value(),
              HasSubstr("crashed: killed by SIGSEGV"));
}

TEST(StoredCosts, ForgivesAFailureBeforeASuccess) {
  auto source = costs({timing(1e-5), failed(Outcome::timeout, "")});
  EXPECT_EQ(source.failure(some_kernel(), exp_of(10)), std::nullopt);
  EXPECT_EQ(source.estimate(some_kernel(), exp_of(10))->origin, Origin::measured_here);
}

TEST(StoredCosts, ForgivesAFailureOfOtherContent) {
  EXPECT_EQ(costs({failed(Outcome::wrong, "")}).failure(some_kernel("s2"), exp_of(10)),
            std::nullopt);
}

TEST(StoredCosts, TakesRowsOfTheSameModelOfMachine) {
  Timing row = timing(1e-5);
  row.machine = elsewhere.id();
  const auto estimate = costs({row}).estimate(some_kernel(), exp_of(10));

  EXPECT_EQ(estimate->origin, Origin::measured_model);
  EXPECT_FALSE(estimate->stale);
  EXPECT_LT(estimate->low_s, row.summary.low_s) << "says less than a row of this machine";
}

TEST(StoredCosts, MarksRowsBeforeAnUpdateAsStale) {
  Timing row = timing(1e-5);
  row.environment = before_update.id();
  EXPECT_TRUE(costs({row}).estimate(some_kernel(), exp_of(10))->stale);
  EXPECT_TRUE(costs({timing(1e-5)}).estimate(some_kernel("s2"), exp_of(10))->stale);
}

TEST(StoredCosts, PredictsTheUnmeasuredByTheRoofline) {
  const auto estimate = costs({}).estimate(some_kernel(), exp_of(1000));

  // 8 MB to and fro at 10 GB/s and half of that expected, and a call.
  EXPECT_EQ(estimate->origin, Origin::roofline);
  EXPECT_NEAR(estimate->seconds, 1.6e-3 + 1e-6, 1e-6);
  EXPECT_LT(estimate->low_s, estimate->seconds / 2);
  EXPECT_GT(estimate->high_s, estimate->seconds * 2);
}

TEST(StoredCosts, PredictsAGpusKernelByTheGpusRoofline) {
  KernelInfo kernel = some_kernel();
  kernel.device = DeviceKind::cuda;
  EXPECT_FALSE(costs({}).estimate(kernel, exp_of(1000)));

  Roofline gpu = peaks;
  gpu.device = DeviceKind::cuda;
  gpu.flops_per_s = 1e15;
  gpu.bytes_per_s = 1e12;
  const auto estimate = costs({}, gpu).estimate(kernel, exp_of(1000));
  ASSERT_TRUE(estimate);
  // 8 MB, at half of the peak, and a launch.
  EXPECT_NEAR(estimate->seconds, 8e6 / 1e12 / 0.5 + gpu.call_s, 1e-9);
  EXPECT_FALSE(costs({}, gpu).estimate(some_kernel(), exp_of(1000)));
}

TEST(StoredCosts, CountsTensorCoresForNarrowFloats) {
  Roofline gpu = peaks;
  gpu.device = DeviceKind::cuda;
  EXPECT_DOUBLE_EQ(bound_s({.flops = 1e12, .bytes = 1}, gpu), 10);
  EXPECT_DOUBLE_EQ(bound_s({.flops = 1e12, .bytes = 1, .is_narrow = true}, gpu),
                   10 / tensor_core_gain);
  EXPECT_DOUBLE_EQ(bound_s({.flops = 1e12, .bytes = 1, .is_narrow = true}, peaks), 10);
}

TEST(StoredCosts, SaysNothingWithoutRowsOrRoofline) {
  EXPECT_EQ(costs({}, std::nullopt).estimate(some_kernel(), exp_of(10)), std::nullopt);
}

TEST(StoredCosts, InterpolatesBetweenASmallerAndALargerWorkload) {
  const std::vector<Workload> known = {exp_of(10), exp_of(1000)};
  const Timing small = timing(1e-5, known[0]);
  const Timing large = timing(1e-3, known[1]);
  const auto estimate = costs({small, large}, peaks, known).estimate(some_kernel(), exp_of(100));

  EXPECT_EQ(estimate->origin, Origin::interpolated);
  EXPECT_NEAR(estimate->seconds, 1e-4, 1e-9);
  EXPECT_LT(estimate->low_s, 0.9e-4);
  EXPECT_GT(estimate->high_s, 1.1e-4);
  EXPECT_THAT(estimate->records, UnorderedElementsAre(small.measurement, large.measurement));
}

TEST(StoredCosts, TrustsAnInterpolationMoreWhenTheKnownPointsLieOnALine) {
  const std::vector<Workload> known = {exp_of(10), exp_of(100), exp_of(1000)};
  const auto spread = [&](double middle_s) {
    const auto estimate =
        costs({timing(1e-5, known[0]), timing(middle_s, known[1]), timing(1e-3, known[2])}, peaks,
              known)
            .estimate(some_kernel(), exp_of(200));
    return estimate->high_s / estimate->low_s;
  };
  EXPECT_LT(spread(1e-4), spread(5e-4));
}

TEST(StoredCosts, NeverExtrapolates) {
  const std::vector<Workload> known = {exp_of(10), exp_of(100)};
  auto source = costs({timing(1e-5, known[0]), timing(1e-4, known[1])}, peaks, known);
  EXPECT_EQ(source.estimate(some_kernel(), exp_of(1000))->origin, Origin::roofline);
}

TEST(StoredCosts, InterpolatesOnlyBetweenWorkloadsOfOneFamily) {
  const std::vector<Workload> known = {exp_of(10, Dtype::f64), exp_of(1000)};
  auto source = costs({timing(1e-5, known[0]), timing(1e-3, known[1])}, peaks, known);
  EXPECT_EQ(source.estimate(some_kernel(), exp_of(100))->origin, Origin::roofline);
}

TEST(StoredCosts, InterpolatesOnlyWhereTheKnownShowTheWay) {
  // One row against many, and few columns against many: nothing tells which of them it was.
  Workload wide = exp_of(1);
  wide.inputs[0].extents[1] = wide.outputs[0].extents[1] = 20'000;
  const std::vector<Workload> known = {wide, exp_of(1000)};
  auto source = costs({timing(1e-5, known[0]), timing(1e-3, known[1])}, peaks, known);
  EXPECT_EQ(source.estimate(some_kernel(), exp_of(100))->origin, Origin::roofline);
}

TEST(StoredCosts, InterpolatesFromGoodRowsOfTheSameKernelHereAlone) {
  const std::vector<Workload> known = {exp_of(10), exp_of(100), exp_of(1000)};
  const Timing small = timing(1e-5, known[0]);
  const Timing large = timing(1e-3, known[2]);
  const auto with = [&](Timing middle) {
    return costs({small, middle, large}, peaks, known)
        .estimate(some_kernel(), exp_of(200))
        ->records;
  };
  EXPECT_THAT(with(timing(1e-4, known[1])), SizeIs(3));
  Timing wrong = failed(Outcome::wrong, "");
  wrong.workload = known[1].id();
  Timing other_content = timing(1e-4, known[1]);
  other_content.kernel = some_kernel("s2").id();
  Timing other_machine = timing(1e-4, known[1]);
  other_machine.machine = elsewhere.id();
  Timing other_environment = timing(1e-4, known[1]);
  other_environment.environment = before_update.id();
  for (const Timing& useless : {wrong, other_content, other_machine, other_environment}) {
    EXPECT_THAT(with(useless), UnorderedElementsAre(small.measurement, large.measurement));
  }
}

TEST(StoredCosts, ForgetsATimeThatALaterFailureTookBack) {
  const std::vector<Workload> known = {exp_of(10), exp_of(1000)};
  Timing crashed = failed(Outcome::crashed, "");
  crashed.workload = known[1].id();
  auto source = costs({crashed, timing(1e-5, known[0]), timing(1e-3, known[1])}, peaks, known);
  EXPECT_EQ(source.estimate(some_kernel(), exp_of(100))->origin, Origin::roofline);
}

Workload product(std::int64_t m, std::int64_t n, std::int64_t k) {
  return {.op = "matmul",
          .attributes = {{"transpose_a", false}, {"transpose_b", false}},
          .inputs = {{.dtype = Dtype::f32, .extents = {m, k}},
                     {.dtype = Dtype::f32, .extents = {k, n}}},
          .outputs = {{.dtype = Dtype::f32, .extents = {m, n}}}};
}

KernelInfo product_kernel(std::string name = "matmul_some") {
  KernelInfo kernel;
  kernel.name = std::move(name);
  kernel.op = "matmul";
  kernel.expected_efficiency = 0.5;
  return kernel;
}

// Of one row, where memory is the bound, it would convert the weights for nothing.
TEST(StoredCosts, ExpectLittleOfFewerBitsWhereMemoryIsTheBound) {
  KernelInfo narrow = product_kernel("matmul_narrow"), wide = product_kernel("matmul_wide");
  narrow.precision = Precision::narrows;
  narrow.expected_efficiency = 0.9;
  wide.expected_efficiency = 0.25;
  const auto seconds = [](const KernelInfo& kernel, const Workload& workload) {
    return costs({}).estimate(kernel, workload)->seconds;
  };
  EXPECT_GT(seconds(narrow, product(1, 1024, 1024)), 2 * seconds(wide, product(1, 1024, 1024)));
  EXPECT_LT(seconds(narrow, product(512, 1024, 1024)), seconds(wide, product(512, 1024, 1024)) / 2);
  Workload packed = product(1, 1024, 1024);  // For whoever reads it: converted once.
  packed.inputs[1].packing = "panels";
  EXPECT_LT(seconds(narrow, packed), seconds(wide, packed));
}

// A kernel whose time is a power law of M, N and K, measured on a lattice of them.
struct Lattice {
  std::vector<Workload> workloads;
  std::vector<Timing> rows;

  static double seconds(double m, double n, double k) {
    return 1e-9 * std::pow(m, 0.7) * std::pow(n, 0.9) * std::pow(k, 1.05);
  }
  Lattice() {
    for (const int m : {16, 64, 256}) {
      for (const int n : {64, 256, 1024}) {
        for (const int k : {64, 256, 1024}) {
          workloads.push_back(product(m, n, k));
          rows.push_back(timing(seconds(m, n, k), workloads.back()));
          rows.back().kernel = product_kernel().id();
          rows.back().kernel_name = "matmul_some";
        }
      }
    }
  }
};

TEST(StoredCosts, RecoversAPowerLawOfSeveralExtents) {
  const Lattice lattice;
  auto source = costs(lattice.rows, peaks, lattice.workloads);
  for (const auto& [m, n, k] : {std::tuple(32, 512, 128), std::tuple(128, 80, 960),
                                std::tuple(240, 512, 512), std::tuple(16, 768, 64)}) {
    const auto estimate = source.estimate(product_kernel(), product(m, n, k));
    ASSERT_TRUE(estimate);
    EXPECT_EQ(estimate->origin, Origin::interpolated);
    const double truth = Lattice::seconds(m, n, k);
    EXPECT_NEAR(estimate->seconds / truth, 1, 0.01);
    EXPECT_LT(estimate->low_s, truth);
    EXPECT_GT(estimate->high_s, truth);
    EXPECT_LT(estimate->high_s / estimate->low_s, 1.2);
    EXPECT_THAT(estimate->records, SizeIs(4));
  }
}

TEST(StoredCosts, GuessesBeyondWhatWasMeasuredByWhatTheKernelReached) {
  const Lattice lattice;
  auto source = costs(lattice.rows, peaks, lattice.workloads);
  const auto estimate = source.estimate(product_kernel(), product(1024, 1024, 1024));

  EXPECT_EQ(estimate->origin, Origin::roofline);
  const double truth = Lattice::seconds(1024, 1024, 1024);
  EXPECT_GT(estimate->seconds, truth / 2);
  EXPECT_LT(estimate->seconds, truth * 2);
  EXPECT_LT(estimate->low_s, truth);
  EXPECT_GT(estimate->high_s, truth);
}

TEST(StoredCosts, GuessesByTheAuthorWhereTheKernelWasNeverMeasured) {
  const Lattice lattice;
  auto source = costs(lattice.rows, peaks, lattice.workloads);
  const auto estimate = source.estimate(product_kernel("matmul_other"), product(64, 512, 512));

  EXPECT_EQ(estimate->origin, Origin::roofline);
  EXPECT_NEAR(estimate->seconds, 2.0 * 64 * 512 * 512 / 1e11 / 0.5 + 1e-6, 1e-8);
  EXPECT_NEAR(estimate->high_s / estimate->low_s, 16, 1e-6);
}

TEST(StoredCosts, DoesNotInterpolateWhenTold) {
  const Lattice lattice;
  StoredCosts source(ops::all_ops(), here, now_running, lattice.rows,
                     Rooflines{{DeviceKind::cpu, peaks}}, lattice.workloads,
                     {.interpolates = false});
  EXPECT_EQ(source.estimate(product_kernel(), product(32, 512, 128))->origin, Origin::roofline);
}

TEST(StoredCosts, AnswersTheSameAgain) {
  const Lattice lattice;
  auto source = costs(lattice.rows, peaks, lattice.workloads);
  const auto first = source.estimate(product_kernel(), product(32, 512, 128));
  source.estimate(product_kernel(), product(33, 512, 128));
  source.estimate(product_kernel("matmul_other"), product(32, 512, 128));
  const auto again = source.estimate(product_kernel(), product(32, 512, 128));
  EXPECT_EQ(first->seconds, again->seconds);
  EXPECT_EQ(first->records, again->records);
}

TEST(StoredCosts, TellsKernelsOfOneNameApartByContent) {
  auto source = costs({timing(1e-5)});
  EXPECT_FALSE(source.estimate(some_kernel(), exp_of(10))->stale);
  KernelInfo other = some_kernel();
  other.accepts.rank_min = 2;
  EXPECT_TRUE(source.estimate(other, exp_of(10))->stale);
}

}  // namespace
}  // namespace paceline
