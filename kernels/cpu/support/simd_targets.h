#pragma once

// Included before any header of Highway. Three targets on x86-64: AVX-512, AVX2 and portable code;
// those between them only cost compile time.
#include <hwy/detect_targets.h>
#undef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4)
