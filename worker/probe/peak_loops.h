#pragma once

#include <cstddef>
#include <cstdint>

// Loops that do nothing but reach a peak, compiled for every vector width of this architecture and
// chosen when first called. One thread each.
namespace paceline::probe {

// `count` f32 vector multiply-adds in independent chains. Returns a sum, so that nothing is
// removed.
double run_multiply_adds(std::int64_t count);
double flops_of_multiply_adds(std::int64_t count);  // Depends on the vector width chosen.

// Reads each vector of [data, data + bytes) once. `data` is aligned to hwy's alignment.
std::uint64_t read_bytes(const std::byte* data, std::size_t bytes);

}  // namespace paceline::probe
