#pragma once

#include <cstdint>
#include <cstdlib>
#include <new>

// Counts what each thread allocates. Replaces the program's operator new: for one source of a
// program alone.

namespace paceline::testing {

inline thread_local std::int64_t allocation_count = 0;

}  // namespace paceline::testing

// All forms that share a delete, so that sanitizers see pairs.
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  ++paceline::testing::allocation_count;
  return std::malloc(size > 0 ? size : 1);
}
void* operator new(std::size_t size) {
  if (void* memory = operator new(size, std::nothrow)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
