#include "kernels/cuda/runtime/peaks.h"

#include <algorithm>

#include "kernels/cuda/device/copy.h"
#include "kernels/cuda/device/peak.h"
#include "kernels/cuda/device/spin.h"

namespace paceline::kernels::cuda {
namespace {

constexpr int tries = 5;
constexpr std::int64_t most_bytes = std::int64_t{1} << 30;

// Of the quickest try.
template <typename Work>
double best_seconds(DeviceQueue& queue, Work&& work) {
  double best = 1e9;
  for (int i = 0; i < tries; ++i) {
    queue.keep_busy(100e-6);
    const auto begin = queue.record();
    work();
    const auto end = queue.record();
    best = std::min(best, end->seconds_since(*begin));
  }
  return best;
}

Loop<2> dense_loop(std::byte* from, std::byte* to, std::int64_t bytes) {
  Loop<2> loop{.count = bytes, .rank = 1, .extents = {bytes}};
  loop.strides[0][0] = loop.strides[1][0] = 1;
  loop.data[0] = from;
  loop.data[1] = to;
  return loop;
}

double copy_rate(DeviceQueue& queue, std::byte* memory, std::int64_t bytes, int rounds) {
  const Loop<2> loop = dense_loop(memory, memory + bytes, bytes);
  const double seconds = best_seconds(queue, [&] {
    for (int i = 0; i < rounds; ++i) launch_copy(loop, 1, {.stream = queue.stream()});
  });
  return 2.0 * static_cast<double>(bytes) * rounds / seconds;
}

double empty_call(DeviceQueue& queue) {
  constexpr int calls = 100;
  queue.begin_capture();
  for (int i = 0; i < calls; ++i) launch_spin(0, {.stream = queue.stream()});
  const auto graph = queue.end_capture();
  return best_seconds(queue, [&] { graph->launch(); }) / calls;
}

}  // namespace

DevicePeaks measure_peaks(DeviceRuntime& runtime, DeviceQueue& queue, int device) {
  const DeviceProperties properties = runtime.properties(device);
  const std::int64_t bytes = std::min(most_bytes, runtime.memory(device).free_bytes / 4) & ~255;
  const DeviceBytes memory = runtime.allocate(device, 2 * bytes);
  const DeviceBytes floats = runtime.allocate(device, peak_floats(properties.multiprocessors) * 4);
  DevicePeaks peaks;
  peaks.bytes_per_s = copy_rate(queue, memory.get(), bytes, 1);
  peaks.cache_bytes_per_s =
      copy_rate(queue, memory.get(), std::min(bytes, properties.l2_bytes / 4) & ~255, 20);
  constexpr int rounds = 1 << 14;
  double flops = 0;
  const double seconds = best_seconds(queue, [&] {
    flops = launch_peak_flops(reinterpret_cast<float*>(floats.get()), properties.multiprocessors,
                              rounds, {.stream = queue.stream()});
  });
  peaks.flops_per_s = flops / seconds;
  peaks.call_s = empty_call(queue);
  queue.finish();
  return peaks;
}

}  // namespace paceline::kernels::cuda
