#include "worker/probe/roofline.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <vector>

#include <hwy/aligned_allocator.h>
#include <tbb/parallel_for.h>
#include <tbb/partitioner.h>
#include <tbb/task_arena.h>

#include "worker/probe/peak_loops.h"
#include "worker/probe/probe.h"

namespace paceline {
namespace {

constexpr std::int64_t multiply_adds_per_try = 4'000'000;  // Vectors, each thread: about a ms.
constexpr double seconds_per_peak = 0.2;
constexpr std::int64_t cache_bytes_assumed = std::int64_t{32} << 20;

// Calls `body(part)` once on each of the arena's threads.
template <typename Body>
void on_all_threads(int threads, const Body& body) {
  tbb::parallel_for(0, threads, body, tbb::static_partitioner());
}

// The shortest time of `run` among all tries that fit in the time given to one peak.
template <typename Run>
double shortest_seconds(const Run& run) {
  double shortest = std::numeric_limits<double>::infinity();
  const std::int64_t end_ns = monotonic_ns() + static_cast<std::int64_t>(1e9 * seconds_per_peak);
  do {
    const std::int64_t start_ns = monotonic_ns();
    run();
    shortest = std::min(shortest, 1e-9 * static_cast<double>(monotonic_ns() - start_ns));
  } while (monotonic_ns() < end_ns);
  return shortest;
}

double measure_flops_per_s(int threads) {
  std::vector<double> lanes(threads);
  const double seconds = shortest_seconds([&] {
    on_all_threads(
        threads, [&](int part) { lanes[part] = probe::run_multiply_adds(multiply_adds_per_try); });
  });
  return threads * probe::flops_of_multiply_adds(multiply_adds_per_try) / seconds;
}

double measure_bytes_per_s(int threads, std::int64_t bytes) {
  const auto part_bytes = static_cast<std::size_t>(bytes / threads / 4096 * 4096);
  const auto buffer = hwy::AllocateAligned<std::byte>(part_bytes * threads);
  std::fill_n(buffer.get(), part_bytes * threads, std::byte{1});
  std::vector<std::uint64_t> sums(threads);
  const double seconds = shortest_seconds([&] {
    on_all_threads(threads, [&](int part) {
      sums[part] = probe::read_bytes(buffer.get() + part * part_bytes, part_bytes);
    });
  });
  return static_cast<double>(part_bytes) * threads / seconds;
}

double measure_call_s(int threads) {
  return shortest_seconds([&] { on_all_threads(threads, [](int) {}); });
}

}  // namespace

Roofline calibrate(int threads) {
  const std::int64_t measured_cache = probe_topology().last_level_cache_bytes;
  const std::int64_t cache = measured_cache > 0 ? measured_cache : cache_bytes_assumed;
  Roofline roofline{.machine = probe_machine().id(), .threads = threads};
  tbb::task_arena arena(threads);
  arena.execute([&] {
    roofline.flops_per_s = measure_flops_per_s(threads);
    // Four times the cache leaves at most a quarter of it cached.
    roofline.bytes_per_s = measure_bytes_per_s(threads, 4 * cache);
    roofline.cache_bytes_per_s = measure_bytes_per_s(threads, cache / 2);
    roofline.call_s = measure_call_s(threads);
  });
  roofline.measured = now();
  return roofline;
}

Roofline calibrate_cuda(kernels::DeviceRuntime& runtime, int device) {
  runtime.make_current(device);
  const kernels::DevicePeaks peaks = runtime.measure_peaks(device);
  return {.machine = probe_machine().id(),
          .device = DeviceKind::cuda,
          .flops_per_s = peaks.flops_per_s,
          .bytes_per_s = peaks.bytes_per_s,
          .cache_bytes_per_s = peaks.cache_bytes_per_s,
          .call_s = peaks.call_s,
          .measured = now()};
}

Roofline nominal_roofline(MachineId machine, DeviceKind device, int threads) {
  if (device == DeviceKind::cuda) {
    return {.machine = machine,
            .device = device,
            .flops_per_s = 4e13,
            .bytes_per_s = 3e12,
            .cache_bytes_per_s = 6e12,
            .call_s = 1.5e-6};
  }
  return {.machine = machine,
          .threads = threads,
          .flops_per_s = 5e10 * threads,
          .bytes_per_s = 1e10,
          .cache_bytes_per_s = 3e10 * threads,
          .call_s = 2e-7};
}

}  // namespace paceline
