#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "common/base/error.h"
#include "common/models/onnx/elements.h"
#include "common/models/onnx/lower.h"

namespace paceline::onnx {

namespace {

using Terms = std::vector<Term>;
using std::numbers::pi;

constexpr std::int64_t table_extent_max = 4096;
constexpr std::int64_t framed_max = std::int64_t{1} << 23;  // Ten minutes in steps of 10 ms.

// a0 - a1 cos(2 pi n / N) + a2 cos(4 pi n / N)
Terms window(Call& call, double a0, double a1, double a2) {
  const std::int64_t size = call.integer(0);
  if (size < 0 || size > (1 << 20)) throw invalid("a window of {} elements", size);
  const bool is_periodic = call.integer("periodic", 1) != 0;
  const auto period = static_cast<double>(is_periodic ? size : size - 1);
  std::vector<double> elements;
  for (std::int64_t n = 0; n < size; ++n) {
    const double angle = size == 1 ? 0 : 2 * pi * static_cast<double>(n) / period;
    elements.push_back(a0 - a1 * std::cos(angle) + a2 * std::cos(2 * angle));
  }
  const Dtype dtype = require_dtype(call.integer("output_datatype", 1), "a window's elements");
  return {Known::of(Tensor::of<double>({size}, elements).cast(dtype))};
}

Terms hann(Call& call) { return window(call, 0.5, 0.5, 0); }
Terms hamming(Call& call) { return window(call, 25.0 / 46, 21.0 / 46, 0); }
Terms blackman(Call& call) { return window(call, 0.42, 0.5, 0.08); }

double mel_of(double hertz) { return 2595 * std::log10(1 + hertz / 700); }
double hertz_of(double mel) { return 700 * (std::pow(10, mel / 2595) - 1); }

// Triangles over the bins of a spectrum, equally wide in mel.
Terms mel_weights(Call& call) {
  const std::int64_t bands = call.integer(0);
  const std::int64_t length = call.integer(1);
  const std::int64_t rate = call.integer(2);
  const double low = mel_of(call.real(3));
  const double high = mel_of(call.real(4));
  if (bands < 1 || length < 1 || bands > table_extent_max || length > 2 * table_extent_max) {
    throw invalid("{} bands of a transform of {}", bands, length);
  }
  if (rate < 1) throw invalid("the sample rate must be 1 or more: {}", rate);
  const auto bin_of = [&](double hertz) {
    const double bin =
        std::floor(static_cast<double>(length + 1) * hertz / static_cast<double>(rate));
    if (!(std::abs(bin) < 1e12)) {
      throw invalid("edges from {} to {} Hz at {} samples a second", call.real(3), call.real(4),
                    rate);
    }
    return static_cast<std::int64_t>(bin);
  };
  const std::int64_t bins = length / 2 + 1;
  std::vector<std::int64_t> edges;
  for (std::int64_t i = 0; i < bands + 2; ++i) {
    const double mel = low + static_cast<double>(i) * (high - low) / static_cast<double>(bands + 2);
    edges.push_back(bin_of(hertz_of(mel)));
  }
  std::vector<double> weights(bins * bands);
  for (std::int64_t band = 0; band < bands; ++band) {
    const std::int64_t first = edges[band], middle = edges[band + 1], last = edges[band + 2];
    const auto slope = [&](std::int64_t from, std::int64_t to, const auto& weight) {
      for (std::int64_t bin = std::max<std::int64_t>(from, 0); bin < std::min(to, bins); ++bin) {
        weights[bin * bands + band] = weight(bin);
      }
    };
    slope(first, middle + 1, [&](std::int64_t bin) {
      if (middle == first) return 1.0;
      return static_cast<double>(bin - first) / static_cast<double>(middle - first);
    });
    slope(middle, last, [&](std::int64_t bin) {
      return static_cast<double>(last - bin) / static_cast<double>(last - middle);
    });
  }
  const Dtype dtype = require_dtype(call.integer("output_datatype", 1), "mel weights");
  return {Known::of(Tensor::of<double>({bins, bands}, weights).cast(dtype))};
}

struct Spectrum {
  Value real;
  Value imaginary;
};

// Matrices of cosines and sines: products with them are the transform of a last axis, from `extent`
// elements (as if zeros followed) of `length` to `bins`.
Spectrum transform(const Call& call, const Value& real, const std::optional<Value>& imaginary,
                   std::int64_t length, std::int64_t bins, bool is_inverse) {
  const std::int64_t extent = fixed(real.dim(-1), "an axis that is transformed");
  if (extent > table_extent_max || bins > table_extent_max) {
    throw unsupported("a transform of more than {} elements: {}", table_extent_max, extent);
  }
  const double scale = is_inverse ? 1.0 / static_cast<double>(length) : 1;
  const auto matrix = [&](const char* name, double (*wave)(double), double factor) {
    const auto make = [&] {
      std::vector<double> elements;
      for (std::int64_t n = 0; n < extent; ++n) {
        for (std::int64_t k = 0; k < bins; ++k) {
          const double turn = static_cast<double>(n * k % length) / static_cast<double>(length);
          elements.push_back(wave(2 * pi * turn) * factor);
        }
      }
      return Known::of(Tensor::of<double>({extent, bins}, elements).cast(real.dtype()));
    };
    return call.value(call.shared(fmt::format("{} {} {} {} {} {}", name, extent, length, bins,
                                              factor, to_string(real.dtype())),
                                  make));
  };
  const Value c = matrix("cosines", std::cos, scale);
  const Value s = matrix("sines", std::sin, is_inverse ? scale : -scale);
  if (!imaginary) return {matmul(real, c), matmul(real, s)};
  return {matmul(real, c) - matmul(*imaginary, s), matmul(real, s) + matmul(*imaginary, c)};
}

Value joined(const Spectrum& spectrum) {
  const int rank = spectrum.real.rank();
  return concat({insert_axes(spectrum.real, {rank}), insert_axes(spectrum.imaginary, {rank})},
                rank);
}

// The real (0) or imaginary (1) part, which stand side by side on the last axis.
Value part_of(const Value& x, int part) {
  return drop_axes(x.slice(x.rank() - 1, part, part + 1), {x.rank() - 1});
}

Terms fourier(Call& call) {
  const Value x = call.in(0);
  if (x.rank() < 2) throw invalid("[..., 1 or 2] is needed: {}", x.type().to_string());
  const std::int64_t given = call.opset() < 20 ? call.integer("axis", 1)
                             : call.has(2)     ? call.integer(2)
                                               : -2;
  const int axis = axis_of(given, x.rank());
  const bool is_inverse = call.integer("inverse", 0) != 0;
  const bool is_onesided = call.integer("onesided", 0) != 0;
  const std::int64_t extent = fixed(x.dim(axis), "an axis that is transformed");
  const std::int64_t length = call.has(1) ? call.integer(1) : extent;
  if (length < 1) throw invalid("a transform of {} elements", length);
  const auto prepared = [&](int part) {
    Value y = part_of(x, part);
    y = y.transpose(axis, y.rank() - 1);
    return length < extent ? y.slice(y.rank() - 1, 0, length) : y;
  };
  const bool is_complex = x.dim(-1) == Dim(2);
  const Spectrum spectrum =
      transform(call, prepared(0), is_complex ? std::optional(prepared(1)) : std::nullopt, length,
                is_onesided ? length / 2 + 1 : length, is_inverse);
  const int last = spectrum.real.rank() - 1;
  return {joined({spectrum.real.transpose(axis, last), spectrum.imaginary.transpose(axis, last)})};
}

Terms short_time_fourier(Call& call) {
  Value signal = call.in(0);
  if (signal.rank() == 2) signal = insert_axes(signal, {2});
  if (signal.rank() != 3) throw invalid("[batch, length, 1 or 2] is needed");
  const std::int64_t step = call.integer(1);
  const std::int64_t length = call.has(3)   ? call.integer(3)
                              : call.has(2) ? fixed(call.shape(2).at(0), "a window")
                                            : 0;
  const std::int64_t extent = fixed(signal.dim(1), "a signal");
  if (step < 1 || length < 1 || length > extent) {
    throw invalid("frames of {} every {} elements of {}", length, step, extent);
  }
  const std::int64_t frames = (extent - length) / step + 1;
  if (length > table_extent_max || frames > framed_max / length) {
    throw unsupported("{} frames of {} elements: {} at most, {} in all", frames, length,
                      table_extent_max, framed_max);
  }
  std::vector<std::int64_t> places;
  for (std::int64_t frame = 0; frame < frames; ++frame) {
    for (std::int64_t n = 0; n < length; ++n) places.push_back(frame * step + n);
  }
  const Value indices =
      call.value(Term(Known::of(Tensor::of<std::int64_t>({frames, length}, places))));
  const auto framed = [&](int part) {
    const Value cut = signal.builder().op("gather", {part_of(signal, part), indices},
                                          {{"axis", std::int64_t{1}}});
    return call.has(2) ? cut * call.in(2) : cut;
  };
  const bool is_complex = signal.dim(2) == Dim(2);
  const bool is_onesided = call.integer("onesided", 1) != 0 && !is_complex;
  return {joined(transform(call, framed(0), is_complex ? std::optional(framed(1)) : std::nullopt,
                           length, is_onesided ? length / 2 + 1 : length, false))};
}

constexpr std::array table{
    Translator{"BlackmanWindow", blackman},     Translator{"DFT", fourier},
    Translator{"HammingWindow", hamming},       Translator{"HannWindow", hann},
    Translator{"MelWeightMatrix", mel_weights}, Translator{"STFT", short_time_fourier},
};

}  // namespace

std::span<const Translator> signal_translators() { return table; }

}  // namespace paceline::onnx
