#include "worker/measure/eviction.h"

#include <algorithm>

#include <tbb/parallel_for.h>
#include <tbb/partitioner.h>

#include "worker/probe/probe.h"

namespace paceline {
namespace {

constexpr std::size_t line_bytes = 64;
// Where the size of the cache cannot be read: larger than most, and said in docs/measuring.md.
constexpr std::int64_t cache_bytes_assumed = std::int64_t{64} << 20;

std::size_t share_of(const Topology& topology, int threads) {
  const std::int64_t last_level =
      topology.last_level_cache_bytes > 0 ? topology.last_level_cache_bytes : cache_bytes_assumed;
  return std::max(last_level / threads, topology.largest_private_cache_bytes);
}

}  // namespace

Eviction::Eviction(int threads)
    : threads_(threads),
      bytes_per_thread_(share_of(probe_topology(), threads)),
      buffer_(bytes_per_thread_ * threads) {}

void Eviction::run() {
  tbb::parallel_for(
      0, threads_,
      [&](int part) {
        volatile std::byte* share = buffer_.data() + part * bytes_per_thread_;
        for (std::size_t i = 0; i < bytes_per_thread_; i += line_bytes) {
          share[i] = std::byte(std::to_integer<int>(share[i]) + 1);
        }
      },
      tbb::static_partitioner());
}

}  // namespace paceline
