#pragma once

#include <array>
#include <cstddef>

// Winograd's minimal filtering F(4x4,3x3): Lavin and Gray, "Fast Algorithms for Convolutional
// Neural Networks" (2015). A filter g becomes G g G^T, which 6x6 windows of x meet element by
// element.
namespace paceline::ops {

inline constexpr int winograd_window = 6;
inline constexpr int winograd_filter_extent = 3;

inline constexpr int winograd_tile = 4;

// G of filters, B^T of windows, A^T of sums.
inline constexpr std::array<std::array<double, 3>, 6> winograd_g = {{
    {1.0 / 4, 0, 0},
    {-1.0 / 6, -1.0 / 6, -1.0 / 6},
    {-1.0 / 6, 1.0 / 6, -1.0 / 6},
    {1.0 / 24, 1.0 / 12, 1.0 / 6},
    {1.0 / 24, -1.0 / 12, 1.0 / 6},
    {0, 0, 1},
}};
inline constexpr std::array<std::array<double, 6>, 6> winograd_b = {{
    {4, 0, -5, 0, 1, 0},
    {0, -4, -4, 1, 1, 0},
    {0, 4, -4, -1, 1, 0},
    {0, -2, -1, 2, 1, 0},
    {0, 2, -1, -2, 1, 0},
    {0, 4, 0, -5, 0, 1},
}};
inline constexpr std::array<std::array<double, 6>, 4> winograd_a = {{
    {1, 1, 1, 1, 1, 0},
    {0, 1, -1, 2, -2, 0},
    {0, 1, 1, 4, 4, 0},
    {0, 1, -1, 8, -8, 1},
}};

// out = map * in * map^T, row by row, for a square `in` of six.
template <typename T, std::size_t rows>
void winograd_transform(const std::array<std::array<double, 6>, rows>& map, const T* in, T* out) {
  T half[rows][6] = {};
  for (std::size_t a = 0; a < rows; ++a) {
    for (std::size_t j = 0; j < 6; ++j) {
      for (std::size_t i = 0; i < 6; ++i) half[a][j] += static_cast<T>(map[a][i]) * in[i * 6 + j];
    }
  }
  for (std::size_t a = 0; a < rows; ++a) {
    for (std::size_t b = 0; b < rows; ++b) {
      T sum = 0;
      for (std::size_t j = 0; j < 6; ++j) sum += static_cast<T>(map[b][j]) * half[a][j];
      out[a * rows + b] = sum;
    }
  }
}

}  // namespace paceline::ops
