#include <array>

#include "common/base/error.h"
#include "common/models/onnx/normalise.h"

namespace paceline::onnx {

namespace {

using Terms = std::vector<Term>;

// Before opset 13 all axes from `axis` on are one.
Terms over_axis(Call& call, Value (*over)(const Value& x, int axis)) {
  const Value x = call.in(0);
  if (call.opset() >= 13) return {over(x, axis_of(call.integer("axis", -1), x.rank()))};
  const int axis = axis_of(call.integer("axis", 1), x.rank());
  return {over(flatten(x, axis), 1).reshape(x.shape())};
}

Value softmax(const Value& x, int axis) {
  return x.builder().op("softmax", {x}, {{"axis", std::int64_t{axis}}});
}

Value log_softmax(const Value& x, int axis) {
  return x.builder().op("log_softmax", {x}, {{"axis", std::int64_t{axis}}});
}

Value hardmax(const Value& x, int axis) {
  const Value best =
      x.builder().op("argmax", {x}, {{"axis", std::int64_t{axis}}, {"keep_dims", true}});
  Shape shape(x.rank(), Dim(1));
  shape[axis] = x.dim(axis);
  return apply("equal", counting(x.builder(), x.dim(axis)).reshape(shape), best).cast(x.dtype());
}

Terms softmax(Call& call) { return over_axis(call, softmax); }
Terms log_softmax(Call& call) { return over_axis(call, log_softmax); }
Terms hardmax(Call& call) { return over_axis(call, hardmax); }

Terms layer_normalization(Call& call) {
  const Value x = call.in(0);
  const int axis = axis_of(call.integer("axis", -1), x.rank());
  const std::optional<Value> bias = call.has(2) ? std::optional(call.in(2)) : std::nullopt;
  const double epsilon = call.real("epsilon", 1e-5);
  Terms outputs{layer_norm(x, call.in(1), bias, axis, epsilon)};
  if (!call.wants_output(1) && !call.wants_output(2)) return outputs;
  const Moments moments = moments_of(x.cast(Dtype::f32), axis, epsilon);
  outputs.push_back(moments.mean);
  outputs.push_back(moments.inverse_deviation);
  return outputs;
}

Terms rms_normalization(Call& call) {
  const Value x = call.in(0);
  const int axis = axis_of(call.integer("axis", -1), x.rank());
  return {rms_norm(x, call.in(1), axis, call.real("epsilon", 1e-5))};
}

// Statistics of the batch, and what the running ones become.
Terms batch_normalization_of_batch(Call& call) {
  const Value x = call.in(0);
  if (x.rank() < 2) throw invalid("channels are missing: {}", x.type().to_string());
  Axes axes = all_axes(x.rank());
  axes.erase(axes.begin() + 1);
  const Value average = mean(x, axes, false);
  const Value variance = mean(square(x - as_channels(average, x.rank())), axes, false);
  const double momentum = call.real("momentum", 0.9);
  const Value y = x.builder().op("batch_norm", {x, call.in(1), call.in(2), average, variance},
                                 {{"epsilon", call.real("epsilon", 1e-5)}});
  return {y, call.in(3) * momentum + average * (1 - momentum),
          call.in(4) * momentum + variance * (1 - momentum)};
}

Terms batch_normalization(Call& call) {
  const bool wants_statistics =
      call.wants_output(1) || call.wants_output(2) || call.wants_output(3) || call.wants_output(4);
  const bool trains = call.opset() < 14 ? wants_statistics : call.integer("training_mode", 0) != 0;
  if (trains) return batch_normalization_of_batch(call);
  if (call.opset() < 9 && call.integer("spatial", 1) == 0) {
    throw unsupported("statistics for each place of a channel (spatial=0)");
  }
  const Value x = call.in(0);
  std::vector<Value> operands{x};
  for (std::size_t i = 1; i < 5; ++i) operands.push_back(call.in(i).cast(x.dtype()));
  return {x.builder().op("batch_norm", operands, {{"epsilon", call.real("epsilon", 1e-5)}})};
}

Value group_norm(const Value& x, const Value& scale, const Value& bias, std::int64_t groups,
                 double epsilon) {
  return x.builder().op("group_norm", {x, scale, bias}, {{"groups", groups}, {"epsilon", epsilon}});
}

Terms instance_normalization(Call& call) {
  const Value x = call.in(0);
  if (x.rank() < 2) throw invalid("channels are missing: {}", x.type().to_string());
  return {group_norm(x, call.in(1), call.in(2), fixed(x.dim(1), "channels"),
                     call.real("epsilon", 1e-5))};
}

// Up to opset 20 there is one factor a group, later one a channel.
Terms group_normalization(Call& call) {
  const Value x = call.in(0);
  const std::int64_t groups = call.integer("num_groups");
  if (x.rank() < 2 || groups <= 0) {
    throw invalid("channels and groups are needed: {} and {}", x.type().to_string(), groups);
  }
  const std::int64_t channels = fixed(x.dim(1), "channels");
  const auto a_channel = [&](const Value& vector) {
    if (vector.dim(0) == Dim(channels)) return vector;
    return insert_axes(vector, {1}).broadcast({groups, channels / groups}).reshape({channels});
  };
  return {group_norm(x, a_channel(call.in(1)), a_channel(call.in(2)), groups,
                     call.real("epsilon", 1e-5))};
}

// x / (bias + alpha / size * the sum of squares over neighbouring channels)^beta
Terms local_response(Call& call) {
  const Value x = call.in(0);
  const std::int64_t size = call.integer("size");
  if (x.rank() < 2 || size <= 0 || size > 4096) {
    throw invalid("channels and a size in [1, 4096] are needed: {} and {}", x.type().to_string(),
                  size);
  }
  Axes low(x.rank(), 0);
  Axes high(x.rank(), 0);
  low[1] = (size - 1) / 2;
  high[1] = size - 1 - low[1];
  const Value squares = pad(square(x), low, high, 0);
  Value sum = squares.slice(1, 0, x.dim(1));
  for (std::int64_t k = 1; k < size; ++k) sum = sum + squares.slice(1, k, x.dim(1) + Dim(k));
  const double alpha = call.real("alpha", 1e-4) / static_cast<double>(size);
  const Value scale = sum * alpha + call.real("bias", 1);
  return {x / apply("pow", scale, call.real("beta", 0.75))};
}

Terms lp_normalization(Call& call) {
  const Value x = call.in(0);
  const Axes axes{axis_of(call.integer("axis", -1), x.rank())};
  const std::int64_t p = call.integer("p", 2);
  if (p != 1 && p != 2) throw invalid("p must be 1 or 2: {}", p);
  if (p == 1) return {x / reduce("reduce_sum", apply("abs", x), axes, true)};
  return {x / apply("sqrt", reduce("reduce_sum", square(x), axes, true))};
}

Terms mean_variance_normalization(Call& call) {
  const Value x = call.in(0);
  const Axes axes = axes_of(call.integers("axes").value_or(Axes{0, 2, 3}), x.rank());
  const Value average = mean(x, axes, true);
  const Value variance = mean(square(x), axes, true) - square(average);
  return {(x - average) / (apply("sqrt", variance) + 1e-9)};
}

// Without training nothing is dropped.
Terms dropout(Call& call) {
  const Value x = call.in(0);
  const bool trains = call.has(2) && call.integer(2) != 0;
  if (trains && (!call.has(1) || call.real(1) != 0)) {
    throw unsupported("dropout while training: its result is random");
  }
  const Value mask = call.builder().scalar(1, Dtype::boolean).broadcast(x.shape());
  return {call.term(0), call.opset() < 10 ? mask.cast(x.dtype()) : mask};
}

constexpr std::array table{
    Translator{"BatchNormalization", batch_normalization},
    Translator{"Dropout", dropout},
    Translator{"GroupNormalization", group_normalization},
    Translator{"Hardmax", hardmax},
    Translator{"InstanceNormalization", instance_normalization},
    Translator{"LRN", local_response},
    Translator{"LayerNormalization", layer_normalization},
    Translator{"LogSoftmax", log_softmax},
    Translator{"LpNormalization", lp_normalization},
    Translator{"MeanVarianceNormalization", mean_variance_normalization},
    Translator{"RMSNormalization", rms_normalization},
    Translator{"SimplifiedLayerNormalization", rms_normalization},
    Translator{"Softmax", softmax},
};

}  // namespace

std::span<const Translator> normalisation_translators() { return table; }

}  // namespace paceline::onnx
