#pragma once

// The launchers of pooling.cu are declared there; a kernel that includes this has the file in its digest.
#include "kernels/cuda/device/windows.h"
