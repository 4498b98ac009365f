#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/expert_mlp_simd.cpp"
#include "kernels/cpu/support/simd_targets.h"
// After the targets.
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/cpu/support/activations-inl.h"
#include "kernels/cpu/support/few_rows-inl.h"
#include "kernels/cpu/support/packed_product-inl.h"
#include "kernels/cpu/support/simd_kernel.h"

// Expert by expert: the tokens that chose it are gathered and pass through it together, so that its
// weights are read once for them all.
#ifndef PACELINE_EXPERT_MLP_SIMD_ONCE
#define PACELINE_EXPERT_MLP_SIMD_ONCE
namespace paceline::kernels::cpu {
namespace {

constexpr std::size_t first_expert = 3;
constexpr std::int64_t gathered_max = 128;  // Tokens that pass through an expert at a time.

struct State : Prepared {
  explicit State(const Attributes& attributes)
      : activation(parse_activation(attributes.get<std::string>("activation"))) {}
  Activation activation;
};

std::int64_t expert_count(std::size_t inputs) {
  return static_cast<std::int64_t>(inputs - first_expert) / 3;
}

// Choice i is that of token i / choices per token. Those of expert e are order[start[e]], ... below
// order[start[e + 1]], in their order.
template <typename Index>
void sort_by_expert(const TensorView& chosen, std::int64_t experts, std::int64_t* start,
                    std::int64_t* order) {
  const auto* indices = chosen.as<const Index>();
  const std::int64_t count = chosen.element_count();
  std::fill_n(start, experts + 1, 0);
  for (std::int64_t i = 0; i < count; ++i) {
    if (indices[i] < 0 || indices[i] >= experts) {
      throw invalid("expert_mlp: expert {} at position {} lies outside [0, {})", indices[i], i,
                    experts);
    }
    ++start[indices[i] + 1];
  }
  for (std::int64_t e = 0; e < experts; ++e) start[e + 1] += start[e];
  for (std::int64_t i = 0; i < count; ++i) order[start[indices[i]]++] = i;
  for (std::int64_t e = experts; e > 0; --e) start[e] = start[e - 1];
  start[0] = 0;
}

}  // namespace
}  // namespace paceline::kernels::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace paceline::kernels::cpu {
namespace HWY_NAMESPACE {
namespace {

template <typename T>
class Experts {
 public:
  explicit Experts(const Call& call)
      : call_(call),
        width_(call.inputs[0].extents[1]),
        inner_(call.inputs[first_expert].extents[0]),
        choices_(call.inputs[2].extents[1]),
        packed_(static_cast<float*>(call.workspace)),
        order_(reinterpret_cast<std::int64_t*>(packed_ +
                                               packed_product_floats(sizeof(T)) * call.threads)),
        start_(order_ + call.inputs[2].element_count()),
        sums_(reinterpret_cast<float*>(start_ + expert_count(call.inputs.size()) + 1)),
        gathered_(reinterpret_cast<T*>(sums_ + call.inputs[0].element_count())),
        gate_(gathered_ + gathered_max * width_),
        up_(gate_ + gathered_max * inner_) {}

  void run() {
    const std::int64_t experts = expert_count(call_.inputs.size());
    Indices::visit(call_.inputs[2].dtype, [&]<typename Index>(std::type_identity<Index>) {
      sort_by_expert<Index>(call_.inputs[2], experts, start_, order_);
    });
    const std::int64_t elements = call_.outputs[0].element_count();
    std::fill_n(sums_, elements, 0.0f);
    for (std::int64_t e = 0; e < experts; ++e) {
      for (std::int64_t i = start_[e]; i < start_[e + 1]; i += gathered_max) {
        run_expert(e, order_ + i, std::min(gathered_max, start_[e + 1] - i));
      }
    }
    T* out = call_.outputs[0].as<T>();
    for (std::int64_t i = 0; i < elements; i += lane_count) {
      store_first(load_first(sums_ + i, elements - i), out + i, elements - i);
    }
  }

 private:
  void run_expert(std::int64_t expert, const std::int64_t* chosen, std::int64_t count) {
    const TensorView* weights = &call_.inputs[first_expert + 3 * expert];
    const T* x = call_.inputs[0].as<const T>();
    for (std::int64_t i = 0; i < count; ++i) {
      std::copy_n(x + chosen[i] / choices_ * width_, width_, gathered_ + i * width_);
    }
    visit_vector_activation(call_.state<State>().activation, [&]<typename F>(F) {
      multiply<F>(gathered_, count, width_, weights[0], inner_, gate_);
    });
    multiply<Same>(gathered_, count, width_, weights[1], inner_, up_);
    const std::int64_t hidden = count * inner_;
    for (std::int64_t i = 0; i < hidden; i += lane_count) {
      const std::int64_t left = hidden - i;
      store_first(hn::Mul(load_first(gate_ + i, left), load_first(up_ + i, left)), gate_ + i, left);
    }
    multiply<Same>(gate_, count, inner_, weights[2], width_, gathered_);
    const T* shares = call_.inputs[1].as<const T>();
    for (std::int64_t i = 0; i < count; ++i) {
      add_scaled(gathered_ + i * width_, static_cast<float>(shares[chosen[i]]),
                 sums_ + chosen[i] / choices_ * width_);
    }
  }

  // out = F(x weight^T).
  template <typename F>
  void multiply(const T* x, std::int64_t rows, std::int64_t k, const TensorView& weight,
                std::int64_t n, T* out) {
    if (rows <= few_rows_max) {
      const FewRows<T> p{.m = rows,
                         .n = n,
                         .k = k,
                         .x = x,
                         .weight = weight.as<const T>(),
                         .transpose_weight = true,
                         .around = {},
                         .out = out};
      return multiply_few_rows<T>(p, call_.threads, finish_row<F, T>);
    }
    const Product<T> p{.m = rows,
                       .n = n,
                       .k = k,
                       .a = x,
                       .a_stride = k,
                       .b = weight.as<const T>(),
                       .b_stride = k,
                       .transpose_b = true,
                       .c = out,
                       .c_stride = n};
    multiply_packed<T>(p, {}, finish_tile<F, T>, call_.threads, packed_);
  }

  void add_scaled(const T* x, float share, float* sums) {
    for (std::int64_t i = 0; i < width_; i += lane_count) {
      const std::int64_t left = width_ - i;
      const Vector sum =
          hn::MulAdd(load_first(x + i, left), fill(share), load_first(sums + i, left));
      store_first(sum, sums + i, left);
    }
  }

  const Call& call_;
  std::int64_t width_, inner_, choices_;
  float* packed_;
  std::int64_t *order_, *start_;
  float* sums_;  // Of each token.
  T *gathered_, *gate_, *up_;
};

void run_expert_mlp(const Call& call) {
  if (call.outputs[0].element_count() == 0) return;
  SimdFloats::visit(call.inputs[0].dtype,
                    [&]<typename T>(std::type_identity<T>) { Experts<T>(call).run(); });
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace paceline::kernels::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace paceline::kernels::cpu {
namespace {

HWY_EXPORT(run_expert_mlp);

// Packed blocks of each thread; a sum in float for each element of the output, aligned; the order
// of the choices; what is gathered for one expert, and its two inner rows.
Dim workspace_bytes(const OpInputs& in, const Resources& resources) {
  const auto element = static_cast<std::int64_t>(size_bytes(in[0].dtype));
  const Dim tokens = in[0].shape[0], width = in[0].shape[1], inner = in[first_expert].shape[0];
  const Dim packed = packed_product_floats(size_bytes(in[0].dtype)) * resources.threads * 4;
  const Dim integers = tokens * in[2].shape[1] + expert_count(in.size()) + 1;
  return packed + tokens * width * 4 + integers * 8 + (width + inner * 2) * gathered_max * element;
}

}  // namespace

Kernel expert_mlp_simd() {
  return {
      .info = simd_info("", "expert_mlp", {Strides::dense}, 0.4),
      .workspace_bytes = workspace_bytes,
      .prepare = prepare<State>,
      .run = PACELINE_BEST_TARGET(run_expert_mlp),
  };
}

}  // namespace paceline::kernels::cpu
#endif
