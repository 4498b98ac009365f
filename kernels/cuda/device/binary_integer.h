#pragma once

// The launchers of binary_integer.cu are declared there; a kernel that includes this has the file in its digest.
#include "kernels/cuda/device/elementwise.h"
