#include "common/models/onnx/diagonal_table.h"

#include <cstring>

namespace paceline::onnx {

namespace {

// Elements by their bits.
class Bits {
 public:
  explicit Bits(const Tensor& table)
      : table_(table), size_(static_cast<std::int64_t>(size_bytes(table.dtype()))) {}

  const std::byte* at(std::int64_t index) const {
    return table_.as<const std::byte>() + index * size_;
  }
  bool are_equal(std::int64_t a, std::int64_t b) const {
    return std::memcmp(at(a), at(b), size_) == 0;
  }
  Tensor element(std::int64_t index) const {
    Tensor one(table_.dtype(), {});
    std::memcpy(one.data(), at(index), size_);
    return one;
  }

 private:
  const Tensor& table_;
  std::int64_t size_;
};

}  // namespace

std::optional<DiagonalTable> diagonal_table(const Tensor& table) {
  const Extents& extents = table.extents();
  if (extents.size() < 2 || table.element_count() == 0) return std::nullopt;
  const std::int64_t rows = extents.end()[-2], columns = extents.back();
  if (rows == 1 || columns == 1) return std::nullopt;
  const Bits bits(table);
  // The last element of the first row lies beyond the diagonal, the first of the last row within.
  const std::int64_t beyond = columns - 1, within = (rows - 1) * columns;
  if (bits.are_equal(within, beyond)) return std::nullopt;
  std::int64_t last = -1;  // Of the first row; below that, of the first column.
  while (last + 1 < columns && bits.are_equal(last + 1, within)) ++last;
  while (last < 0 && bits.are_equal(-last * columns, beyond)) --last;
  for (std::int64_t at = 0; at < table.element_count(); ++at) {
    const bool is_within = at % columns - at / columns % rows <= last;
    if (!bits.are_equal(at, is_within ? within : beyond)) return std::nullopt;
  }
  return DiagonalTable{last, bits.element(within), bits.element(beyond)};
}

Value value_of(GraphBuilder& builder, const DiagonalTable& table, const Extents& extents) {
  const Dim rows = extents.end()[-2], columns = extents.back();
  const Shape matrix{rows, columns}, shape(extents.begin(), extents.end());
  const Value column = builder.op("iota", {}, {{"extent", columns}});
  const Value bound = builder.op("iota", {}, {{"start", Dim(table.last)}, {"extent", rows}});
  const Value is_within = builder.op(
      "less_equal", {column.broadcast(matrix), bound.reshape({rows, 1}).broadcast(matrix)});
  return builder
      .op("where", {is_within, builder.constant(table.within).broadcast(matrix),
                    builder.constant(table.beyond).broadcast(matrix)})
      .broadcast(shape);
}

}  // namespace paceline::onnx
