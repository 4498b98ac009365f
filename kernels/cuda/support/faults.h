#pragma once

#include <cstddef>

#include "kernels/cuda/device/fault.h"
#include "kernels/kernel.h"

namespace paceline::kernels::cuda {

static_assert(sizeof(Fault) == sizeof(DataFault));
static_assert(offsetof(Fault, step) == offsetof(DataFault, step));
static_assert(offsetof(Fault, value) == offsetof(DataFault, value));
static_assert(offsetof(Fault, high) == offsetof(DataFault, high));
static_assert(static_cast<int>(fault_outside) == static_cast<int>(DataFault::outside));
static_assert(static_cast<int>(fault_division) == static_cast<int>(DataFault::division_by_zero));
static_assert(static_cast<int>(fault_shift) == static_cast<int>(DataFault::negative_shift));
static_assert(static_cast<int>(fault_empty) == static_cast<int>(DataFault::empty));

}  // namespace paceline::kernels::cuda
