#pragma once

#include <dnnl.hpp>
#include <vector>

#include "kernels/cpu/support/blocked_call.h"
#include "kernels/cpu/support/onednn.h"
#include "kernels/cpu/support/parallel.h"

namespace paceline::kernels::cpu {

// A blocked convolution of f32 as primitives of oneDNN, whose layouts ours are (nChw16c with
// OIhw16i16o, or Goihw16g where it is depthwise): made for fixed extents, in `Kernel::bind`. Each
// takes a piece of the result's blocks of one image, with its part of the filters, and adds to a
// residual where it lies. The activation is ours, since oneDNN's bounds lose what is not a number.
class OnednnConvolution {
 public:
  // Requires products to add up: filters and x are not empty, and neither is the result.
  OnednnConvolution(const BlockedCall<float>& conv, int threads)
      : shape_(shape_of(conv)),
        pieces_(std::min<std::int64_t>(threads, conv.rows)),
        threads_(threads) {
    onednn::hold_to_one_thread();
    const std::int64_t most = (conv.rows + pieces_ - 1) / pieces_;
    try {
      add_primitive(conv, most);
      if (conv.rows % pieces_ != 0) add_primitive(conv, most - 1);
    } catch (const dnnl::error& error) {
      throw unsupported("oneDNN makes no convolution of {} by {} blocks, {}x{} taps: {}",
                        conv.depth, conv.rows, conv.down.kernel, conv.across.kernel, error.what());
    }
  }

  bool fits(const BlockedCall<float>& conv, int threads) const {
    return shape_ == shape_of(conv) && threads_ == threads;
  }

  // Of the extents that it was made for.
  void run(const BlockedCall<float>& conv) const {
    const std::int64_t block = conv.pixels() * channel_block;
    const std::int64_t cost = conv.products() / (conv.batches * pieces_) / products_per_element;
    parallel_ranges(conv.batches * pieces_, cost, threads_, [&](auto begin, auto end) {
      onednn::hold_to_one_thread();
      for (std::int64_t i = begin; i < end; ++i) {
        const std::int64_t batch = i / pieces_, piece = i % pieces_;
        const Range rows{conv.rows * piece / pieces_, conv.rows * (piece + 1) / pieces_};
        const std::int64_t planes = conv.in() * channel_block;
        const std::int64_t first =
            batch * conv.depth + (conv.form == BlockedForm::depthwise ? rows.begin : 0);
        const std::int64_t at = (batch * conv.rows + rows.begin) * block;
        const std::int64_t count = (rows.end - rows.begin) * block;
        if (conv.residual != nullptr && conv.residual != conv.out) {
          std::copy_n(conv.residual + at, count, conv.out + at);
        }
        primitive_of(rows).run(
            workspace_part(threads_),
            {conv.x + first * planes, conv.filters + rows.begin * conv.filter_floats(),
             conv.bias + rows.begin * channel_block, conv.out + at});
        finish(conv.activation, conv.out + at, count);
      }
    });
  }

 private:
  struct Operands {
    const float *x, *filters, *bias;
    float* out;
  };

  // A primitive for one number of blocks, and what one thread hands to it.
  struct Arguments {
    dnnl::stream stream;
    dnnl::memory x, filters, bias, out, scratch;
  };
  struct Primitive {
    std::int64_t rows;
    dnnl::convolution_forward primitive;
    std::vector<Arguments> of_thread;

    void run(int thread, const Operands& operands) const {
      const Arguments& with = of_thread[thread];
      const auto place = [](const dnnl::memory& memory, const float* at) {
        check(dnnl_memory_set_data_handle(memory.get(), const_cast<float*>(at)) == dnnl_success,
              "oneDNN takes an address");
      };
      place(with.x, operands.x);
      place(with.filters, operands.filters);
      place(with.bias, operands.bias);
      place(with.out, operands.out);
      const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_SRC, with.x.get()},
                                           {DNNL_ARG_WEIGHTS, with.filters.get()},
                                           {DNNL_ARG_BIAS, with.bias.get()},
                                           {DNNL_ARG_DST, with.out.get()},
                                           {DNNL_ARG_SCRATCHPAD, with.scratch.get()}};
      check(
          dnnl_primitive_execute(primitive.get(), with.stream.get(), 5, arguments) == dnnl_success,
          "oneDNN runs a convolution");
    }
  };

  using Shape = std::array<std::int64_t, 19>;
  static Shape shape_of(const BlockedCall<float>& conv) {
    const WindowAxis &d = conv.down, &a = conv.across;
    return {static_cast<std::int64_t>(conv.form),
            conv.residual != nullptr,
            conv.batches,
            conv.depth,
            conv.rows,
            d.in,
            d.kernel,
            d.out,
            d.stride,
            d.dilation,
            d.low,
            d.high,
            a.in,
            a.kernel,
            a.out,
            a.stride,
            a.dilation,
            a.low,
            a.high};
  }

  const Primitive& primitive_of(const Range& rows) const {
    return primitives_[rows.end - rows.begin == primitives_.front().rows ? 0 : 1];
  }

  void add_primitive(const BlockedCall<float>& conv, std::int64_t rows) {
    using dnnl::memory;
    using Tag = memory::format_tag;
    const bool is_depthwise = conv.form == BlockedForm::depthwise;
    const WindowAxis &down = conv.down, &across = conv.across;
    const std::int64_t channels = rows * channel_block;
    const std::int64_t depth = is_depthwise ? channels : conv.depth * channel_block;
    const auto described = [](const memory::dims& dims, Tag tag) {
      return memory::desc(dims, memory::data_type::f32, tag);
    };
    const memory::desc x = described({1, depth, down.in, across.in}, Tag::nChw16c);
    const memory::desc filters =
        is_depthwise ? described({channels, 1, 1, down.kernel, across.kernel}, Tag::Goihw16g)
                     : described({channels, depth, down.kernel, across.kernel}, Tag::OIhw16i16o);
    const memory::desc bias = described({channels}, Tag::x);
    const memory::desc out = described({1, channels, down.out, across.out}, Tag::nChw16c);
    dnnl::primitive_attr attributes;
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    if (conv.residual != nullptr) {
      dnnl::post_ops after;
      after.append_sum(1);
      attributes.set_post_ops(after);
    }
    // What the last window reads beyond x.
    const auto high = [](const WindowAxis& axis) {
      return axis.place(axis.out - 1, axis.kernel - 1) - (axis.in - 1);
    };
    const dnnl::convolution_forward::primitive_desc description(
        {dnnl::prop_kind::forward_inference,
         dnnl::algorithm::convolution_direct,
         x,
         filters,
         bias,
         out,
         {down.stride, across.stride},
         {down.dilation - 1, across.dilation - 1},
         {down.low, across.low},
         {high(down), high(across)}},
        attributes, engine());
    Primitive made{rows, dnnl::convolution_forward(description), {}};
    for (int thread = 0; thread < threads_; ++thread) {
      const auto elsewhere = [](const memory::desc& desc) {
        return memory(desc, engine(), DNNL_MEMORY_NONE);
      };
      made.of_thread.push_back({dnnl::stream(engine()), elsewhere(x), elsewhere(filters),
                                elsewhere(bias), elsewhere(out),
                                memory(description.scratchpad_desc(), engine())});
    }
    primitives_.push_back(std::move(made));
  }

  static void finish(const FinalActivation& activation, float* out, std::int64_t count) {
    using Kind = FinalActivation::Kind;
    if (activation.kind == Kind::none) return;
    if (activation.kind == Kind::relu) {
      for (std::int64_t i = 0; i < count; ++i) out[i] = out[i] < 0 ? 0 : out[i];
      return;
    }
    for (std::int64_t i = 0; i < count; ++i) out[i] = activation(out[i]);
  }

  static const dnnl::engine& engine() {
    static const dnnl::engine cpu(dnnl::engine::kind::cpu, 0);
    return cpu;
  }

  Shape shape_;
  std::int64_t pieces_;
  int threads_;
  std::vector<Primitive> primitives_;  // Of the most blocks, and of one less where it occurs.
};

}  // namespace paceline::kernels::cpu
