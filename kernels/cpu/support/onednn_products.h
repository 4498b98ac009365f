#pragma once

#include <dnnl.hpp>
#include <memory>
#include <optional>
#include <vector>

#include "kernels/cpu/support/blas.h"
#include "kernels/cpu/support/onednn.h"
#include "kernels/cpu/support/parallel.h"

namespace paceline::kernels::cpu {

// Matrix products of bf16 as primitives of oneDNN, which are made for fixed extents: making one
// takes oneDNN about 200 us, so this belongs to `Kernel::bind`, and is repeated only for new
// extents. Sums are kept in float. Running allocates nothing of ours; oneDNN itself lists a
// primitive's arguments in a table that it allocates.
class OnednnProducts {
 public:
  // `count` products of the extents and strides of `one`, on up to `threads` threads. A bias of n
  // elements is added to each row.
  OnednnProducts(const Product<Bfloat16>& one, std::int64_t count, bool has_bias, int threads)
      : one_(one),
        count_(count),
        has_bias_(has_bias),
        threads_(threads),
        cut_(cut_of(one.m, one.n, one.k, count < threads ? threads : 1)) {
    onednn::hold_to_one_thread();
    const std::int64_t side = cut_.by_rows ? one.m : one.n;
    const std::int64_t last = side - (cut_.pieces - 1) * cut_.extent;
    try {
      add_shape(cut_.extent);
      if (last != cut_.extent) add_shape(last);
    } catch (const dnnl::error& error) {
      throw unsupported("oneDNN makes no product of {}x{}x{} in bf16: {}", one.m, one.n, one.k,
                        error.what());
    }
  }

  bool fits(const Product<Bfloat16>& other, std::int64_t count, bool has_bias) const {
    const auto shape = [](const Product<Bfloat16>& p) {
      return std::array{p.m,
                        p.n,
                        p.k,
                        p.a_stride,
                        p.b_stride,
                        p.c_stride,
                        std::int64_t{p.transpose_a},
                        std::int64_t{p.transpose_b}};
    };
    return shape(one_) == shape(other) && count_ == count && has_bias_ == has_bias;
  }

  // `product_at(i)` gives the addresses of product i. May be called by one thread at a time.
  template <typename ProductAt>
  void run(const ProductAt& product_at, const Bfloat16* bias) const {
    const auto run_pieces = [&](std::int64_t begin, std::int64_t end) {
      onednn::hold_to_one_thread();
      for (std::int64_t i = begin; i < end; ++i) {
        const std::int64_t start = i % cut_.pieces * cut_.extent;
        const std::int64_t extent = std::min(cut_.extent, (cut_.by_rows ? one_.m : one_.n) - start);
        const Product<Bfloat16> whole = product_at(i / cut_.pieces);
        const Product<Bfloat16> piece = cut_.by_rows ? whole.part(start, extent, 0, one_.n)
                                                     : whole.part(0, one_.m, start, extent);
        const Shape& shape = shapes_[extent == cut_.extent ? 0 : 1];
        const std::int64_t column = cut_.by_rows ? 0 : start;
        shape.run(workspace_part(threads_), piece, bias == nullptr ? nullptr : bias + column);
      }
    };
    const std::int64_t elements = one_.m * one_.n / cut_.pieces * (one_.k / 16 + 1);
    parallel_ranges(count_ * cut_.pieces, elements, threads_, run_pieces);
  }

 private:
  // What one thread hands to a primitive.
  struct Arguments {
    dnnl::stream stream;
    dnnl::memory a, b, bias, c, scratch;
  };

  // A primitive for one size of piece.
  struct Shape {
    dnnl::matmul primitive;
    std::vector<Arguments> of_thread;
    bool has_bias;

    void run(int thread, const Product<Bfloat16>& p, const Bfloat16* bias) const {
      const Arguments& with = of_thread[thread];
      const auto place = [](const dnnl::memory& memory, const Bfloat16* at) {
        check(dnnl_memory_set_data_handle(memory.get(), const_cast<Bfloat16*>(at)) == dnnl_success,
              "oneDNN takes an address");
      };
      place(with.a, p.a);
      place(with.b, p.b);
      place(with.c, p.c);
      if (has_bias) place(with.bias, bias);
      const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_SRC, with.a.get()},
                                           {DNNL_ARG_WEIGHTS, with.b.get()},
                                           {DNNL_ARG_DST, with.c.get()},
                                           {DNNL_ARG_SCRATCHPAD, with.scratch.get()},
                                           {DNNL_ARG_BIAS, with.bias.get(true)}};
      check(dnnl_primitive_execute(primitive.get(), with.stream.get(), has_bias ? 5 : 4,
                                   arguments) == dnnl_success,
            "oneDNN runs a product");
    }
  };

  void add_shape(std::int64_t extent) {
    using dnnl::memory;
    const std::int64_t m = cut_.by_rows ? extent : one_.m, n = cut_.by_rows ? one_.n : extent;
    const auto matrix = [](std::int64_t rows, std::int64_t columns, std::int64_t stride,
                           bool transpose) {
      return memory::desc({rows, columns}, memory::data_type::bf16,
                          transpose ? memory::dims{1, stride} : memory::dims{stride, 1});
    };
    const memory::desc a = matrix(m, one_.k, one_.a_stride, one_.transpose_a);
    const memory::desc b = matrix(one_.k, n, one_.b_stride, one_.transpose_b);
    const memory::desc c = matrix(m, n, one_.c_stride, false);
    const memory::desc bias = matrix(1, n, n, false);
    dnnl::primitive_attr attributes;
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    const dnnl::engine& engine = OnednnProducts::engine();
    const dnnl::matmul::primitive_desc description(
        has_bias_ ? dnnl::matmul::desc(a, b, bias, c) : dnnl::matmul::desc(a, b, c), attributes,
        engine);
    Shape shape{dnnl::matmul(description), {}, has_bias_};
    for (int thread = 0; thread < threads_; ++thread) {
      const auto elsewhere = [&](const memory::desc& desc) {
        return memory(desc, engine, DNNL_MEMORY_NONE);
      };
      shape.of_thread.push_back({dnnl::stream(engine), elsewhere(a), elsewhere(b),
                                 has_bias_ ? elsewhere(bias) : memory(), elsewhere(c),
                                 memory(description.scratchpad_desc(), engine)});
    }
    shapes_.push_back(std::move(shape));
  }

  static const dnnl::engine& engine() {
    static const dnnl::engine cpu(dnnl::engine::kind::cpu, 0);
    return cpu;
  }

  Product<Bfloat16> one_;
  std::int64_t count_;
  bool has_bias_;
  int threads_;
  Cut cut_;
  std::vector<Shape> shapes_;  // Whole pieces, and the last one if it is smaller.
};

}  // namespace paceline::kernels::cpu
