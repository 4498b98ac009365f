#pragma once

#include <span>

#include "common/graph/op.h"

// What softmax and log_softmax share: each row along `axis` becomes a row of the same length.
namespace paceline::ops {

// In double; `row` is overwritten and has one element or more.
using RowFunction = void (*)(std::span<double> row);

struct RowWise {
  RowFunction row;
  decltype(Op::decompose) decompose;
};
Op row_wise(const RowWise& row_wise);

}  // namespace paceline::ops
