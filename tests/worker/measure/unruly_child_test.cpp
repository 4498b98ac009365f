#include <cmath>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <new>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include "common/ops/all_ops.h"
#include "tests/worker/measure/unruly_kernels.h"
#include "worker/measure/child.h"

namespace paceline::test {
namespace {

void abs_honest(const Call& call) {
  const float* in = call.inputs[0].as<const float>();
  float* out = call.outputs[0].as<float>();
  const std::int64_t count = call.outputs[0].element_count();
  for (std::int64_t i = 0; i < count; ++i) out[i] = std::abs(in[i]);
}

void abs_slow(const Call& call) {
  for (int i = 0; i < 10; ++i) abs_honest(call);
}

void abs_crawls(const Call& call) {
  ::usleep(100'000);
  abs_honest(call);
}

void abs_wrong(const Call& call) {
  abs_honest(call);
  call.outputs[0].as<float>()[0] += 1;
}

void abs_crashes(const Call&) { std::abort(); }

void abs_hangs(const Call&) {
  for (;;) ::usleep(1000);
}

void abs_eats_memory(const Call&) {
  std::vector<std::vector<char>> eaten;
  for (;;) {
    eaten.emplace_back(std::size_t{16} << 20, 'x');
    ::usleep(1000);
  }
}

void abs_throws(const Call&) { throw std::runtime_error("no mood"); }
void abs_runs_out(const Call&) { throw std::bad_alloc(); }

Kernel kernel(const char* name, void (*run)(const Call&)) {
  return {.info = {.name = name,
                   .op = "abs",
                   .library = "test",
                   .accepts = {.dtypes = {Dtype::f32}},
                   .source = name},
          .run = run};
}

}  // namespace

std::span<const Kernel> unruly_kernels() {
  static const std::vector<Kernel> kernels = {
      kernel("abs_honest", abs_honest),           kernel("abs_slow", abs_slow),
      kernel("abs_crawls", abs_crawls),           kernel("abs_wrong", abs_wrong),
      kernel("abs_crashes", abs_crashes),         kernel("abs_hangs", abs_hangs),
      kernel("abs_eats_memory", abs_eats_memory), kernel("abs_throws", abs_throws),
      kernel("abs_runs_out", abs_runs_out),
  };
  return kernels;
}

std::vector<std::string> child_command(const std::string& test) {
  return {std::filesystem::read_symlink("/proc/self/exe"),
          "--gtest_filter=DISABLED_UnrulyChild." + test, "--gtest_also_run_disabled_tests",
          "--gtest_brief=1"};
}

std::vector<std::string> unruly_child_command() { return child_command("ServesSittings"); }
std::vector<std::string> foreign_child_command() { return child_command("IsOfAnotherBuild"); }

std::span<const Kernel> foreign_kernels() {
  static const std::vector<Kernel> kernels = {kernel("abs_plain", abs_honest)};
  return kernels;
}

// No tests: the programs that other tests start as their measuring child.
TEST(DISABLED_UnrulyChild, ServesSittings) {
  std::_Exit(run_measure_child(ops::all_ops(), unruly_kernels));
}

TEST(DISABLED_UnrulyChild, IsOfAnotherBuild) {
  std::_Exit(run_measure_child(ops::all_ops(), foreign_kernels));
}

}  // namespace paceline::test
