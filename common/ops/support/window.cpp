#include "common/ops/support/window.h"

#include <algorithm>

namespace paceline::ops {

namespace {

// floor(a / b) for every value of the symbols.
Dim floor_quotient(const Dim& a, std::int64_t b) {
  Bindings zeros;
  for (const std::string& symbol : a.symbols()) zeros[symbol] = 0;
  const std::int64_t constant = a.evaluate(zeros);
  const auto rest = (a - constant).divide_exactly(b);
  if (!rest) {
    throw invalid("a window of stride {} needs a multiple of it beside constants, or a number: {}",
                  b, a.to_string());
  }
  const std::int64_t down = constant % b < 0 ? 1 : 0;
  return *rest + (constant / b - down);
}

struct AxisWindow {
  Dim extent, kernel;
  std::int64_t stride, dilation, low, high;
};

Dim window_count(const AxisWindow& w, bool ceil_mode) {
  const Dim last = w.extent + w.low + w.high - (w.kernel - 1) * w.dilation - 1;
  const auto fixed = last.constant();
  if (fixed && *fixed < 0) {
    throw invalid("a window of {} with dilation {} is larger than {} with pads {} and {}",
                  w.kernel.to_string(), w.dilation, w.extent.to_string(), w.low, w.high);
  }
  if (!ceil_mode) return floor_quotient(last, w.stride) + 1;
  const Dim start = floor_quotient(last + (w.stride - 1), w.stride);
  const auto beyond = (start * w.stride - w.extent - w.low).constant();
  check(beyond.has_value(), "a quotient differs from its dividend by a constant");
  return *beyond >= 0 ? start : start + 1;
}

bool is_constant(const Shape& shape) {
  return std::ranges::all_of(shape, [](const Dim& dim) { return dim.is_constant(); });
}

// Of constant shapes.
std::optional<Windows> windows_of(const OpInputs& in, const Shape& kernel, const Shape& out) {
  if (!is_constant(in[0].shape) || !is_constant(kernel) || !is_constant(out)) return {};
  return Windows(evaluate(in[0].shape, {}), evaluate(kernel, {}), evaluate(out, {}),
                 spatial_rank(in[0]), in.attributes);
}

}  // namespace

int spatial_rank(const TensorType& x) {
  const int rank = rank_of(x) - 2;
  if (rank < 1 || rank > spatial_rank_max) {
    throw invalid("expected [B,C] and 1 to 3 spatial axes: {}", x.to_string());
  }
  return rank;
}

const Integers& spatial_integers(const OpInputs& in, std::string_view name, std::int64_t least) {
  const Integers& values = in.attributes.get<Integers>(name);
  if (std::ssize(values) != spatial_rank(in[0])) {
    throw invalid("{} needs {} entries, one a spatial axis: {}", name, spatial_rank(in[0]),
                  values.size());
  }
  for (const std::int64_t value : values) {
    if (value < least) throw invalid("{} must be {} or more: {}", name, least, value);
  }
  return values;
}

Shape window_extents(const OpInputs& in, const Shape& kernel, bool ceil_mode) {
  const Integers& strides = spatial_integers(in, "strides", 1);
  const Integers& dilations = spatial_integers(in, "dilations", 1);
  const Integers& low = spatial_integers(in, "pads_low", 0);
  const Integers& high = spatial_integers(in, "pads_high", 0);
  Shape extents;
  for (std::size_t axis = 0; axis < kernel.size(); ++axis) {
    extents.push_back(window_count({in[0].shape[axis + 2], kernel[axis], strides[axis],
                                    dilations[axis], low[axis], high[axis]},
                                   ceil_mode));
  }
  return extents;
}

Windows::Windows(const Extents& x, const Extents& taps, const Extents& windows, int rank,
                 const Attributes& attributes) {
  const auto last_of = [rank](const std::vector<std::int64_t>& from, Triple& to) {
    std::copy(from.end() - rank, from.end(), to.end() - rank);
  };
  last_of(x, in);
  last_of(taps, kernel);
  last_of(windows, out);
  last_of(attributes.get<Integers>("strides"), stride);
  last_of(attributes.get<Integers>("dilations"), dilation);
  last_of(attributes.get<Integers>("pads_low"), low);
  last_of(attributes.get<Integers>("pads_high"), high);
}

std::int64_t Windows::visits(int axis) const {
  std::int64_t visits = 0;
  for (std::int64_t o = 0; o < out[axis]; ++o) {
    for (std::int64_t k = 0; k < kernel[axis]; ++k) {
      const std::int64_t at = place(axis, o, k);
      visits += at >= 0 && at < in[axis];
    }
  }
  return visits;
}

std::int64_t Windows::touched(int axis) const {
  std::vector<bool> is_touched(in[axis], false);
  for (std::int64_t o = 0; o < out[axis]; ++o) {
    for (std::int64_t k = 0; k < kernel[axis]; ++k) {
      const std::int64_t at = place(axis, o, k);
      if (at >= 0 && at < in[axis]) is_touched[at] = true;
    }
  }
  return std::ranges::count(is_touched, true);
}

std::int64_t Windows::taps_with_padding(std::int64_t window) const {
  const Triple o = index_of(window);
  std::int64_t taps = 1;
  for (int axis = 0; axis < spatial_rank_max; ++axis) {
    std::int64_t inside = 0;
    for (std::int64_t k = 0; k < kernel[axis]; ++k) {
      inside += place(axis, o[axis], k) < in[axis] + high[axis];
    }
    taps *= inside;
  }
  return taps;
}

Dim window_visits(const OpInputs& in, const Shape& kernel, const Shape& out) {
  const auto windows = windows_of(in, kernel, out);
  if (!windows) return element_count(kernel) * element_count(out);
  return Dim(windows->visits(0)) * Dim(windows->visits(1)) * Dim(windows->visits(2));
}

Dim touched_bytes(const OpInputs& in, const Shape& kernel, const Shape& out) {
  const auto windows = windows_of(in, kernel, out);
  if (!windows) return size_bytes(in[0]);
  const Shape touched{in[0].shape[0], in[0].shape[1], windows->touched(0), windows->touched(1),
                      windows->touched(2)};
  return size_bytes({in[0].dtype, touched});
}

}  // namespace paceline::ops
