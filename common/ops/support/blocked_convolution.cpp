#include "common/ops/support/blocked_convolution.h"

#include "common/ops/channel_blocks.h"
#include "common/ops/support/convolution.h"
#include "common/ops/support/packing.h"

namespace paceline::ops {

namespace {

constexpr std::size_t residual = 3;

enum class Form {
  dense,      // x[B,C,H,W,16], filters[M,C,h,w,16,16]: input channels before output channels.
  depthwise,  // x[B,C,H,W,16], filters[C,h,w,16]; M is C.
  plain,      // x[B,C,H,W], filters[M,C,h,w,16]: few channels, as images have.
};

Form form_of(const OpInputs& in) {
  const std::size_t x = in[0].shape.size(), filters = in[1].shape.size();
  if (x == 5 && filters == 6) return Form::dense;
  if (x == 5 && filters == 4) return Form::depthwise;
  if (x == 4 && filters == 5) return Form::plain;
  throw invalid(
      "expected x[B,C,H,W,16] with filters[M,C,h,w,16,16] or [C,h,w,16], or x[B,C,H,W] with "
      "filters[M,C,h,w,16]: {} and {}",
      in[0].to_string(), in[1].to_string());
}

// The same as `conv` on all channels, those that fill up blocks included.
struct Unblocked {
  Types types;
  Attributes attributes;

  explicit Unblocked(const OpInputs& in) {
    const Form form = form_of(in);
    const Shape &x = in[0].shape, &filters = in[1].shape;
    const bool has_whole_blocks = filters.back() == channel_block &&
                                  (form == Form::plain || x[4] == channel_block) &&
                                  (form != Form::dense || filters[4] == channel_block);
    if (!has_whole_blocks) {
      throw invalid("blocks are of {} channels: {} and {}", channel_block, in[0].to_string(),
                    in[1].to_string());
    }
    const std::size_t taps = form == Form::depthwise ? 1 : 2;
    const Dim rows = filters[0] * channel_block;
    Dim depth = 1;
    if (form == Form::dense) depth = filters[1] * channel_block;
    if (form == Form::plain) depth = filters[1];
    const Dim channels = form == Form::plain ? x[1] : x[1] * channel_block;
    types = {{in[0].dtype, {x[0], channels, x[2], x[3]}},
             {in[1].dtype, {rows, depth, filters[taps], filters[taps + 1]}},
             {in[2].dtype, {rows}}};
    for (const AttributeSpec& spec : convolution_attributes()) {
      if (spec.name != "groups") attributes.set(spec.name, *in.attributes.find(spec.name));
    }
    attributes.set("groups", form == Form::depthwise ? fixed_extent(types[1], 0) : 1);
  }

  OpInputs inputs() const { return {types, attributes}; }
};

TensorType blocked(const TensorType& type) {
  Shape shape = type.shape;
  shape[1] = *shape[1].divide_exactly(channel_block);
  shape.push_back(channel_block);
  return {type.dtype, shape};
}

Types infer(const OpInputs& in) {
  const FinalActivation activation(in.attributes);
  expect_equal_dtypes(in);
  const Unblocked plain(in);
  const TensorType out = blocked(convolution_type(plain.inputs(), 2));
  if (in[2].shape != Shape{out.shape[1], channel_block}) {
    throw invalid("bias must be [{},{}]: {}", out.shape[1].to_string(), channel_block,
                  in[2].to_string());
  }
  if (in.size() > residual && in[residual].shape != out.shape) {
    throw invalid("the residual must be {}: {}", to_string(out.shape), in[residual].to_string());
  }
  return {out};
}

Work work(const OpInputs& in) {
  const Unblocked plain(in);
  const OpInputs inputs = plain.inputs();
  Dim bytes = convolution_bytes(inputs, 2);
  if (in.size() > residual) bytes += size_bytes(in[residual]);
  return {.flops = convolution_flops(inputs, 2), .bytes = bytes};
}

void reference(const ReferenceCall& call) {
  Types given;
  for (const Tensor& input : call.inputs) {
    given.push_back({Dtype::f64, {input.extents().begin(), input.extents().end()}});
  }
  const OpInputs in{given, call.attributes};
  const Form form = form_of(in);
  const Unblocked plain(in);
  const Extents x = evaluate(plain.types[0].shape, {}), weight = evaluate(plain.types[1].shape, {});
  const std::int64_t taps = weight[2] * weight[3], inner = weight[1] * taps;
  const auto place_in_x = [&](std::int64_t i) {
    return form == Form::plain ? i : blocked_place(i, x[1], x[2] * x[3]);
  };
  const auto place_in_filters = [&](std::int64_t i) {
    if (form != Form::dense) return blocked_place(i, weight[0], inner);
    const std::int64_t m = i / inner, first = (m - m % channel_block) * inner;
    return first + blocked_place(i % inner, weight[1], taps) * channel_block + m % channel_block;
  };
  std::vector<Tensor> inputs{rearranged(call.inputs[0], x, place_in_x),
                             rearranged(call.inputs[1], weight, place_in_filters),
                             Tensor(Dtype::f64, {weight[0]}, nullptr, call.inputs[2].data())};
  const TensorType type = convolution_type(plain.inputs(), 2);
  Tensor sums(Dtype::f64, evaluate(type.shape, {}));
  convolution_reference({inputs, {&sums, 1}, plain.attributes}, 2);
  const FinalActivation activation(call.attributes);
  const std::int64_t pixels = sums.extents()[2] * sums.extents()[3];
  for (std::int64_t i = 0; i < sums.element_count(); ++i) {
    const std::int64_t at = blocked_place(i, weight[0], pixels);
    const double added = in.size() > residual ? call.inputs[residual].as<double>()[at] : 0;
    call.outputs[0].as<double>()[at] = activation(sums.as<double>()[i] + added);
  }
}

struct Case {
  Form form = Form::dense;
  Extents x, weight;  // As of `conv`, but for channels: whole blocks where they are blocked.
  Integers strides = {1, 1}, low = {1, 1}, high = {1, 1}, dilations = {1, 1};
  const char* activation = "relu";
  Dtype dtype = Dtype::f32;
};

Sample sample_of(const Case& of, bool has_residual) {
  const bool is_plain = of.form == Form::plain;
  const std::int64_t rows = channel_blocks(of.weight[0]), depth = channel_blocks(of.weight[1]);
  Extents x{of.x[0], is_plain ? of.x[1] : channel_blocks(of.x[1]), of.x[2], of.x[3]};
  if (!is_plain) x.push_back(channel_block);
  Extents filters{rows};
  if (of.form != Form::depthwise) filters.push_back(is_plain ? of.weight[1] : depth);
  filters.insert(filters.end(), {of.weight[2], of.weight[3], channel_block});
  if (of.form == Form::dense) filters.push_back(channel_block);
  Sample sample{{{of.dtype, x}, {of.dtype, filters}, {of.dtype, {rows, channel_block}}},
                {{"strides", of.strides},
                 {"dilations", of.dilations},
                 {"pads_low", of.low},
                 {"pads_high", of.high},
                 {"activation", std::string(of.activation)},
                 {"low", -0.5},
                 {"high", 6.0}}};
  if (!has_residual) return sample;
  Types types;
  for (const Sample::Operand& operand : sample.inputs) {
    types.push_back({operand.dtype, {operand.extents.begin(), operand.extents.end()}});
  }
  sample.inputs.push_back({of.dtype, evaluate(infer({types, sample.attributes})[0].shape, {})});
  return sample;
}

std::vector<Sample> samples(bool has_residual) {
  const Integers none{0, 0}, two{2, 2};
  std::vector<Sample> samples;
  for (const Case& one : std::vector<Case>{
           {Form::dense, {1, 16, 1, 1}, {16, 16, 1, 1}, {1, 1}, none, none},
           {Form::dense, {2, 32, 7, 7}, {48, 32, 1, 1}, {1, 1}, none, none, {1, 1}},
           {Form::dense, {1, 32, 9, 13}, {32, 32, 1, 1}, two, none, none},
           {Form::dense, {1, 16, 7, 7}, {16, 16, 3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, "clip"},
           {Form::dense, {2, 32, 14, 14}, {32, 32, 3, 3}},
           {Form::dense, {1, 16, 15, 29}, {48, 16, 3, 3}, two, {1, 1}, {0, 2}, {1, 1}, "none"},
           {Form::dense, {1, 16, 9, 17}, {16, 16, 3, 2}, {1, 1}, two, {1, 0}, {1, 2}},
           {Form::dense, {1, 32, 6, 40}, {32, 32, 5, 1}, {1, 3}, {2, 0}, {2, 0}, {1, 1}, "silu"},
           {Form::depthwise, {1, 16, 1, 1}, {16, 1, 1, 1}, {1, 1}, none, none},
           {Form::depthwise, {2, 32, 14, 14}, {32, 1, 3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}},
           {Form::depthwise, {1, 48, 15, 9}, {48, 1, 3, 3}, two, {1, 1}, {1, 1}, {1, 1}, "clip"},
           {Form::depthwise, {1, 16, 20, 9}, {16, 1, 7, 7}, {1, 1}, {3, 3}, {3, 3}, {1, 1}, "none"},
           {Form::depthwise, {1, 16, 6, 5}, {16, 1, 5, 3}, {1, 2}, {4, 2}, {3, 2}, two, "sigmoid"},
           {Form::plain, {1, 3, 30, 34}, {16, 3, 7, 7}, two, {3, 3}, {3, 3}},
           {Form::plain, {2, 3, 17, 16}, {32, 3, 3, 3}, two, {0, 0}, {1, 1}, {1, 1}, "clip"},
           {Form::plain, {1, 1, 9, 9}, {16, 1, 3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, "none"},
           {Form::dense,
            {1, 16, 3, 4},
            {16, 16, 3, 3},
            {1, 1},
            {1, 1},
            {1, 1},
            {1, 1},
            "relu",
            Dtype::f64},
           {Form::depthwise,
            {1, 16, 3, 4},
            {16, 1, 3, 3},
            {1, 1},
            {1, 1},
            {1, 1},
            {1, 1},
            "none",
            Dtype::f16},
           {Form::plain,
            {1, 2, 3, 4},
            {16, 2, 3, 3},
            {1, 1},
            {1, 1},
            {1, 1},
            {1, 1},
            "none",
            Dtype::bf16},
       }) {
    samples.push_back(sample_of(one, has_residual));
  }
  return samples;
}

}  // namespace

Op BlockedConvolution::op() const {
  std::vector<AttributeSpec> attributes;
  for (const AttributeSpec& spec : convolution_attributes()) {
    if (spec.name != "groups") attributes.push_back(spec);
  }
  for (const AttributeSpec& spec : FinalActivation::attributes()) attributes.push_back(spec);
  const int inputs = has_residual ? 4 : 3;
  std::vector<std::pair<int, int>> in_place;
  if (has_residual) in_place.emplace_back(0, static_cast<int>(residual));
  return {
      .input_count_min = inputs,
      .input_count_max = inputs,
      .attributes = attributes,
      .infer = infer,
      .work = work,
      .reference = reference,
      .samples = samples(has_residual),
      .in_place = in_place,
  };
}

}  // namespace paceline::ops
