#include <fmt/format.h>

#include "scheduler/rules/families.h"

namespace paceline::rules {

namespace {

using enum Precision;

// x[1,2,4,4] under three 3x3 filters: a result c[1,3,4,4], z as large, vectors of 3.
std::string of_filters(std::string_view body) {
  return graph(fmt::format(
      "input x: f64[1,2,4,4] weight w: f64[3,2,3,3] input z: f64[1,3,4,4] weight b: f64[3] "
      "weight s: f64[3] weight t: f64[3] weight m: f64[3] weight u: f64[3] v = abs(u) "
      "constant zero: f64[] = 0 constant six: f64[] = 6 "
      "low = broadcast(zero, shape=[1,3,4,4]) high = broadcast(six, shape=[1,3,4,4]) "
      "{} output y = y",
      body));
}

std::string filtered(std::string_view operands) {
  return fmt::format(
      "c = conv({}, strides=[1,1], dilations=[1,1], pads_low=[1,1], pads_high=[1,1]) ", operands);
}

std::string both(std::string_view body) {
  return of_filters(filtered("x, w, b") + std::string(body));
}

// Scales and shifts of channels go into weights and biases, where they cost nothing at run time.
Rules channels() {
  const std::string factor = "(mul ?s (rsqrt (add ?v (const ?e ?v))))";
  const std::string scaled =
      "(mul ?w (broadcast[shape=shape(?w)] (reshape[shape=as_filters(?{0}, "
      "?w)] {1})))";
  const std::string by_factor = fmt::format(fmt::runtime(scaled), "s", factor);
  const std::string by_g = fmt::format(fmt::runtime(scaled), "g", "?g");
  const std::string along = "(broadcast[shape=?a] (reshape[shape=?p] ?g:static))";
  const std::string condition = "is_along_channels(?g, ?p, ?a)";
  const std::string wide = "r = reshape(t, shape=[3,1,1]) g = broadcast(r, shape=[1,3,4,4]) ";
  return {
      {"batch-norm-into-conv",
       reorders,
       "(batch_norm[epsilon=?e] (conv[*=?r] ?x ?w:static) ?s:static ?t:static ?m:static ?v:static)",
       fmt::format("(conv[*=?r] ?x {} (sub ?t (mul ?m {})))", by_factor, factor),
       {},
       of_filters(filtered("x, w") + "y = batch_norm(c, s, t, m, v)")},
      {"batch-norm-into-conv-and-bias",
       reorders,
       "(batch_norm[epsilon=?e] (conv[*=?r] ?x ?w:static ?b:static) ?s:static ?t:static ?m:static "
       "?v:static)",
       fmt::format("(conv[*=?r] ?x {} (add ?t (mul (sub ?b ?m) {})))", by_factor, factor),
       {},
       both("y = batch_norm(c, s, t, m, v)")},
      {"channel-factors-into-conv",
       reorders,
       fmt::format("(mul (conv[*=?r] ?x ?w:static) {})", along),
       fmt::format("(conv[*=?r] ?x {})", by_g),
       {condition, "is_bound(?w)"},
       of_filters(filtered("x, w") + wide + "y = mul(c, g)")},
      {"channel-factors-into-conv-and-bias",
       reorders,
       fmt::format("(mul (conv[*=?r] ?x ?w:static ?b:static) {})", along),
       fmt::format("(conv[*=?r] ?x {} (mul ?b ?g))", by_g),
       {condition, "is_bound(?w)"},
       both(wide + "y = mul(c, g)")},
      {"channel-shifts-are-bias",
       reorders,
       "(add (conv[*=?r] ?x ?w) (broadcast[shape=?a] (reshape[shape=?p] ?g)))",
       "(conv[*=?r] ?x ?w ?g)",
       {condition},
       of_filters(filtered("x, w") + wide + "y = add(c, g)")},
      {"channel-shifts-are-more-bias",
       reorders,
       "(add (conv[*=?r] ?x ?w ?b) (broadcast[shape=?a] (reshape[shape=?p] ?g)))",
       "(conv[*=?r] ?x ?w (add ?b ?g))",
       {condition},
       both(wide + "y = add(c, g)")},
  };
}

// What follows a convolution: as a pattern around `{}`, as attributes, and as statements about c.
struct Following {
  std::string name, pattern, attributes, call;
};

const std::vector<Following>& followings() {
  static const std::vector<Following> all{
      {"relu", "(relu {})", "activation=\"relu\"", "y = relu(c)"},
      {"sigmoid", "(sigmoid {})", "activation=\"sigmoid\"", "y = sigmoid(c)"},
      {"silu", "(silu {})", "activation=\"silu\"", "y = silu(c)"},
      {"clip", "(minimum (maximum {} ?l:const) ?h:const)",
       "activation=\"clip\",low=value(?l),high=value(?h)",
       "k = maximum(c, low) y = minimum(k, high)"},
      {"clip-from-above", "(maximum (minimum {} ?h:const) ?l:const)",
       "activation=\"clip\",low=lower_of(?l, ?h),high=value(?h)",
       "k = minimum(c, high) y = maximum(k, low)"},
      {"clipped-relu", "(minimum (relu {}) ?h:const)", "activation=\"clip\",low=0.0,high=value(?h)",
       "k = relu(c) y = minimum(k, high)"},
  };
  return all;
}

Rules lifts() {
  Rules rules{{"lift-conv-residual",
               exact,
               "(add (conv[*=?r] ?x ?w ?b...) ?z)",
               "(conv_residual[activation=\"none\",*=?r] ?x ?w ?z ?b...)",
               {},
               both("y = add(c, z)")}};
  for (const Following& f : followings()) {
    rules.push_back({fmt::format("lift-conv-{}", f.name),
                     exact,
                     fmt::format(fmt::runtime(f.pattern), "(conv[*=?r] ?x ?w ?b...)"),
                     fmt::format("(conv_activation[{},*=?r] ?x ?w ?b...)", f.attributes),
                     {},
                     both(f.call)});
    rules.push_back(
        {fmt::format("lift-conv-residual-{}", f.name),
         exact,
         fmt::format(fmt::runtime(f.pattern),
                     "(conv_residual[activation=\"none\",low=0.0,high=0.0,*=?r] ?x ?w ?z ?b...)"),
         fmt::format("(conv_residual[{},*=?r] ?x ?w ?z ?b...)", f.attributes),
         {},
         of_filters("c = conv_residual(x, w, z, b, strides=[1,1], dilations=[1,1], "
                    "pads_low=[1,1], pads_high=[1,1], activation=\"none\") " +
                    f.call)});
  }
  return rules;
}

// Fewer products for 3x3 filters, whose transforms are computed when they are bound.
Rules winograd() {
  return {{"conv-by-winograd",
           approximates,
           "(conv_activation[strides=[1,1],dilations=[1,1],pads_low=?p,pads_high=?q,activation=?a,"
           "low=?l,high=?h] ?x ?w:static ?b...)",
           "(conv_winograd[pads_low=?p,pads_high=?q,activation=?a,low=?l,high=?h] ?x "
           "(winograd_filter ?w) ?b...)",
           {"suits_winograd(?x, ?w)"},
           graph("input x: f64[1,2,14,14] weight w: f64[3,2,3,3] weight b: f64[3] "
                 "y = conv_activation(x, w, b, strides=[1,1], dilations=[1,1], pads_low=[1,1], "
                 "pads_high=[1,0], activation=\"relu\") output y = y")}};
}

}  // namespace

Rules convolution() {
  Rules rules;
  for (const auto& family : {channels, lifts, winograd}) {
    const Rules own = family();
    rules.insert(rules.end(), own.begin(), own.end());
  }
  return rules;
}

}  // namespace paceline::rules
