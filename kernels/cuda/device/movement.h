#pragma once

#include "kernels/cuda/device/walk.h"

// Ops that move elements of `element_bytes` each, whatever they mean.
namespace paceline::kernels::cuda {

// Operand 1 to operand 0, which do not overlap.
void launch_move(const Loop<2>& loop, std::int32_t element_bytes, const LaunchPlace& place);
// `count` elements of those bytes.
void launch_fill(void* to, std::int64_t count, std::uint64_t bits, std::int32_t element_bytes,
                 const LaunchPlace& place);

struct LateStart {
  std::int64_t value = 0;
  const std::int64_t* late = nullptr;  // Where it is read when the kernel runs, unless null.
};

// `from` into `to` from `start` of `axis` on, where all of it must lie. Their other extents are
// equal.
struct SliceUpdate {
  DeviceView from, to;
  LateView late_from, late_to;
  std::int32_t axis = 0;
  LateStart start;
};
void launch_update(const SliceUpdate& update, std::int32_t element_bytes, const LaunchPlace& place);

// out[i] = start + i.
void launch_iota(const DeviceView& out, const LateView& late, const LateStart& start,
                 const LaunchPlace& place);

// out[outer, place of indices, tail] = data[outer, index, tail]. Out is dense.
struct Gather {
  Walk<1> outer, indices, tail;  // Of data, of the indices, of data.
  void* out = nullptr;
  std::int64_t step = 0, extent = 0;  // Of data along the axis that is indexed.
  bool is_wide = true;                // Indices of 64 bits.
};
void launch_gather(const Loop<1>& outer, const Loop<1>& tail, Gather gather,
                   std::int32_t element_bytes, const LaunchPlace& place);

// Operands: out, indices, data where index 0 would lie.
struct ElementGather {
  Walk<3> places;
  std::int64_t step = 0, extent = 0;
  bool is_wide = true;
};
void launch_gather_elements(const ElementGather& gather, std::int32_t element_bytes,
                            const LaunchPlace& place);

// Tuples of `depth` indices, each the place of a slice of data. Out is dense.
struct TupleGather {
  Walk<2> tuples;  // Operands: indices, the batch of data that belongs to them.
  Walk<1> slice;   // Of data.
  void* out = nullptr;
  std::int32_t depth = 0;
  std::int64_t index_step = 0;
  std::int64_t steps[rank_max] = {}, extents[rank_max] = {};  // Of data, by position in a tuple.
  bool is_wide = true;
};
void launch_gather_nd(const TupleGather& gather, std::int32_t element_bytes,
                      const LaunchPlace& place);

enum class Scatter : int { none, add, mul, max, min };

// Operands: indices, updates, out where index 0 would lie; all without the axis, along which
// `count` updates follow each other.
struct ElementScatter {
  Walk<3> lanes;
  std::int64_t count = 0, steps[3] = {}, extent = 0;
  bool is_wide = true;
  Scatter reduction = Scatter::none;
};
void launch_scatter_elements(const ElementScatter& scatter, Element dtype,
                             const LaunchPlace& place);

// Tuples of `depth` indices, each the place of a slice of out. Updates come in the tuples' order.
struct TupleScatter {
  Walk<2> tuples;  // Operands: indices, updates.
  Walk<2> slice;   // Operands: updates, out.
  void* out = nullptr;
  std::int32_t depth = 0;
  std::int64_t index_step = 0;
  std::int64_t steps[rank_max] = {}, extents[rank_max] = {};
  bool is_wide = true;
  Scatter reduction = Scatter::none;
};
void launch_scatter_nd(const TupleScatter& scatter, Element dtype, const LaunchPlace& place);

}  // namespace paceline::kernels::cuda
