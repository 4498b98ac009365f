#include "kernels/cpu/support/dtypes.h"
#include "kernels/cuda/support/info.h"
#include "kernels/cuda/support/launch_check.h"
#include "kernels/cuda/support/product_call.h"

// Products of any operands: what everything faster is compared with.
namespace paceline::kernels::cuda {
namespace {

static_assert(static_cast<int>(ops::BlockKind::q4_0) == 0 &&
              static_cast<int>(ops::BlockKind::iq4_nl) == 10);

template <ProductArguments (*arguments)(const Call&)>
void run(const Call& call) {
  launch_product(arguments(call), place_of(call));
  check_launch("products_cuda");
}

ProductArguments linear(const Call& call) { return linear_arguments(call, false); }
ProductArguments linear_residual(const Call& call) { return linear_arguments(call, true); }
ProductArguments packed(const Call& call) { return packed_arguments(call, false); }
ProductArguments packed_residual(const Call& call) { return packed_arguments(call, true); }

Kernel product(const char* op, void (*run)(const Call&), std::vector<Strides> strides,
               std::vector<Dtype> dtypes = cpu::Floats::list()) {
  Kernel kernel{
      .info = cuda_info(op, std::move(dtypes), std::move(strides), Precision::reorders, 0.1),
      .prepare = prepare_product,
      .run = run,
  };
  kernel.info.name = op;
  kernel.info.is_plain = true;
  return kernel;
}

}  // namespace

std::vector<Kernel> products_cuda() {
  return {
      product("matmul", run<matmul_arguments>, {Strides::any}),
      product("linear", run<linear>, {Strides::any}),
      product("linear_activation", run<linear>, {Strides::any}),
      product("linear_residual", run<linear_residual>, {Strides::any}),
      product("linear_packed", run<packed>, {Strides::any}),
      product("linear_packed_residual", run<packed_residual>, {Strides::any}),
      product("linear_packed_24", run<words24_arguments>,
              {Strides::any, Strides::dense, Strides::any}, {Dtype::f32}),
      product("linear_quantized", run<quantized_arguments>,
              {Strides::any, Strides::dense_inner, Strides::any}),
  };
}

}  // namespace paceline::kernels::cuda
