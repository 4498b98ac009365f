#pragma once

#include "kernels/cpu/support/blocked_call.h"

// How `conv_blocked` cuts an image: into strips of pixels that lie beside each other in the result,
// and those into chunks whose part of x stays in a second-level cache.
namespace paceline::kernels::cpu {

// The part of x that a chunk reads, with its padding, in floats; a chunk has two strips at least,
// whatever they are.
inline constexpr std::int64_t chunk_floats = 96 * 1024;
// Where each chunk meets filters that stay in no second-level cache, and x is not copied.
inline constexpr std::int64_t chunk_floats_max = 256 * 1024;

struct BlockedSweep {
  std::int64_t strips, width, last_width;  // The last strip may be shorter.
  std::int64_t strips_each, chunks;        // Of a chunk, at most.
  std::int64_t together;                   // Strips so short that a tile takes two of them.
  std::int64_t shares;  // Of the result's blocks, which threads take beside each other.
  bool is_padded;       // x is copied with its padding, chunk by chunk; else read where it lies.
  // Of the rows that a strip begins with, the columns of a row, and from plane to plane. Where x is
  // copied, planes are as high as a chunk needs.
  std::int64_t rows_each, columns, plane;

  BlockedSweep(const BlockedCall<float>& conv, std::int64_t strip_pixels, std::int64_t row_blocks,
               int threads)
      : strips(conv.down.out), width(conv.across.out), last_width(conv.across.out) {
    const WindowAxis &down = conv.down, &across = conv.across;
    const bool is_pointwise = conv.taps() == 1 && down.stride == 1 && across.stride == 1;
    is_padded = conv.has_padding();
    rows_each = down.stride;
    columns = across.in;
    if (is_pointwise && !is_padded) {
      width = strip_pixels;
      strips = (conv.pixels() + width - 1) / width;
      last_width = conv.pixels() - (strips - 1) * width;
      rows_each = 1;
      columns = width;
    }
    if (is_padded) columns = (across.out - 1) * across.stride + reach(across);
    together = 2 * width <= strip_pixels ? 2 : 1;
    const std::int64_t strip_floats =
        std::max<std::int64_t>(conv.depth * conv.lanes() * rows_each * columns, 1);
    const bool reads_in_place = has_large_filters(conv) && !is_padded;
    const std::int64_t limit = reads_in_place ? chunk_floats_max : chunk_floats;
    strips_each = std::max<std::int64_t>(limit / strip_floats / 2 * 2, 2);
    chunks = (strips + strips_each - 1) / strips_each;
    shares = share_rows(conv, row_blocks, threads) ? threads : 1;
    if (shares == 1) chunks = (chunks + threads - 1) / threads * threads;
    chunks = std::min(chunks, (strips + together - 1) / together);
    strips_each = ((strips + chunks - 1) / chunks + together - 1) / together * together;
    plane = conv.in() * conv.lanes();
    if (is_padded) plane = ((strips_each - 1) * rows_each + reach(down)) * columns * conv.lanes();
  }

  // Chunks are as even as strips that go together allow.
  Range strips_of(std::int64_t chunk) const {
    const std::int64_t count = (strips + together - 1) / together;
    return {count * chunk / chunks * together,
            std::min(count * (chunk + 1) / chunks * together, strips)};
  }
  std::int64_t pixels(std::int64_t strip) const { return strip + 1 == strips ? last_width : width; }
  // Elements between the rows of neighbouring strips.
  std::int64_t strip_stride(std::int64_t lanes) const { return rows_each * columns * lanes; }
  // What a chunk of x with its padding takes.
  std::int64_t floats(const BlockedCall<float>& conv) const {
    return is_padded ? conv.depth * plane : 0;
  }

  // What leaves less to the busiest thread: blocks of the result, or strips. Where neither does,
  // what makes threads read less: blocks part the filters, strips part x and lie where the thread
  // that wants them next wrote them.
  bool share_rows(const BlockedCall<float>& conv, std::int64_t row_blocks, int threads) const {
    if (threads == 1) return false;
    const auto busiest = [&](std::int64_t count, std::int64_t each) {
      const std::int64_t parts = (count + each - 1) / each;
      return static_cast<double>((parts + threads - 1) / threads * each) / count;
    };
    const double by_rows = busiest(conv.rows, row_blocks);
    const double margin = parts_filters(conv) ? 0.05 : -0.01;
    return by_rows <= busiest(conv.batches * strips, together) + margin;
  }
  static bool has_large_filters(const BlockedCall<float>& conv) {
    return conv.rows * conv.filter_floats() > chunk_floats_max;
  }
  static bool parts_filters(const BlockedCall<float>& conv) {
    const std::int64_t x = conv.depth * conv.lanes() * conv.in();
    const std::int64_t result = conv.rows * channel_block * conv.pixels();
    const std::int64_t around = conv.batches * std::max(x, result);
    return has_large_filters(conv) || conv.rows * conv.filter_floats() > 2 * around;
  }

  static std::int64_t reach(const WindowAxis& axis) {
    return (axis.kernel - 1) * axis.dilation + 1;
  }
};

// No less than floats() for the types' extents, whatever they are.
inline Dim blocked_workspace_floats(const OpInputs& in) {
  const auto list = [&](std::string_view name, int i) {
    return in.attributes.get<std::vector<std::int64_t>>(name)[i];
  };
  const Shape &x = in[0].shape, &filters = in[1].shape;
  if (filters.size() == 4) return 0;  // Depthwise ones read x where it lies.
  const auto reach = [&](int i) { return filters[2 + i] * list("dilations", i); };
  const Dim columns = x[3] + (list("pads_low", 1) + list("pads_high", 1)) + reach(1);
  const Dim depth = x[1] * (x.size() == 5 ? channel_block : 1);
  return chunk_floats + depth * columns * (2 * list("strides", 0) + reach(0)) * 2;
}

}  // namespace paceline::kernels::cpu
