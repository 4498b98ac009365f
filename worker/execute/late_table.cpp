#include "worker/execute/late_table.h"

#include <algorithm>

#include "common/base/error.h"

namespace paceline {
namespace {

std::int64_t bytes_of(const DimTable& dims) {
  constexpr std::int64_t each = sizeof(std::int64_t);
  return each * std::max<std::int64_t>(static_cast<std::int64_t>(dims.dim_count()), 1);
}

}  // namespace

LateTable::LateTable(kernels::DeviceRuntime& runtime, const Device& device, const DimTable& dims)
    : host_(allocate_host(bytes_of(dims), &runtime)),
      there_(allocate_on(device, bytes_of(dims), &runtime)) {}

void LateTable::write(const DimTable& dims) {
  check(bytes_of(dims) == host_.size(), "no dim is added once their values are on the device");
  auto* values = reinterpret_cast<std::int64_t*>(host_.data());
  for (std::size_t i = 0; i < dims.dim_count(); ++i) {
    values[i] = dims.value(static_cast<std::int32_t>(i));
  }
}

void LateTable::upload(kernels::DeviceQueue& queue) const {
  queue.copy(there_.data(), host_.data(), host_.size());
}

const std::int64_t* LateTable::values() const {
  return reinterpret_cast<const std::int64_t*>(there_.data());
}

}  // namespace paceline
