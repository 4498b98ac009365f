#pragma once

#include "kernels/cpu/support/blocked_call.h"

// What the plain kernels of `conv_blocked` and `conv_blocked_residual` share.
namespace paceline::kernels::cpu {

inline void run_blocked_plain(const Call& call) {
  Floats::visit(call.inputs[0].dtype, [&]<typename T>(std::type_identity<T>) {
    const BlockedCall<T> conv = blocked_call<T>(call);
    std::int64_t at = 0;
    for (std::int64_t block = 0; block < conv.batches * conv.rows; ++block) {
      const std::int64_t batch = block / conv.rows, row = block % conv.rows;
      for (std::int64_t pixel = 0; pixel < conv.pixels(); ++pixel) {
        const std::int64_t y = pixel / conv.across.out, x = pixel % conv.across.out;
        for (std::int64_t lane = 0; lane < channel_block; ++lane, ++at) {
          Compute<T> sum = widen(conv.bias[row * channel_block + lane]) +
                           sum_blocked_window(conv, batch, row, y, x, lane);
          if (conv.residual != nullptr) sum += widen(conv.residual[at]);
          conv.out[at] = static_cast<T>(conv.activation(sum));
        }
      }
    }
  });
}

inline Kernel blocked_plain(const char* op) {
  return {
      .info = plain_info(op, Floats::list(), {Strides::dense}),
      .prepare = prepare<BlockedState>,
      .run = run_blocked_plain,
  };
}

}  // namespace paceline::kernels::cpu
