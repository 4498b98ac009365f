#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "common/graph/shape.h"
#include "worker/execute/memory.h"

namespace paceline {

// The memory of a model's states by name. Sessions whose plans were made for different sizes of one
// model may share it: each finds what the others' runs left. One thread at a time.
class States {
 public:
  // The memory of the state, zeroed when the name is new or had another type.
  std::byte* bind(const std::string& name, Dtype dtype, const Extents& extents);
  std::int64_t size_bytes() const;
  // Another number once some state has moved: sessions that share the states look for it.
  std::uint64_t moves() const { return moves_; }
  void clear();  // To zeros.

 private:
  struct State {
    Dtype dtype = Dtype::f32;
    Extents extents;
    AlignedBytes memory;
  };
  std::map<std::string, State> states_;
  std::uint64_t moves_ = 0;
};

}  // namespace paceline
