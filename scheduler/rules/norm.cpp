#include <array>

#include <fmt/format.h>

#include "scheduler/rules/families.h"

namespace paceline::rules {

namespace {

using enum Precision;

// How exporters write the mean over the last axis: by a quotient or by a factor, whose constants
// are checked against the extent.
struct Mean {
  std::string suffix;
  std::string text;  // Of what, the constant's variable.
  std::string condition;
  std::string call;
};

const std::array<Mean, 2> means{{
    {"", "(div (reduce_sum[axes=[-1],keep_dims=true] {}) {})", "counts_last({}, ?x)",
     "constant n: f64[] = 4 k = broadcast(n, shape=[2,3,1]) {1} = div({0}, k) "},
    {"-by-factor", "(mul (reduce_sum[axes=[-1],keep_dims=true] {}) {})",
     "is_reciprocal_of_last({}, ?x)",
     "constant n: f64[] = 0.25 k = broadcast(n, shape=[2,3,1]) {1} = mul({0}, k) "},
}};

// How they divide by the root of what `{1}` is.
struct Root {
  std::string suffix;
  std::string text;
  std::string call;  // y = x / sqrt(v).
};

const std::array<Root, 3> roots{{
    {"", "(mul {0} (broadcast[*] (rsqrt {1})))",
     "r = rsqrt(v) q = broadcast(r, shape=[2,3,4]) "
     "i = mul({}, q) "},
    {"-by-quotient", "(div {0} (broadcast[*] (sqrt {1})))",
     "r = sqrt(v) q = broadcast(r, shape=[2,3,4]) i = div({}, q) "},
    {"-by-reciprocal", "(mul {0} (broadcast[*] (div 1 (sqrt {1}))))",
     "constant o: f64[] = 1 u = broadcast(o, shape=[2,3,1]) s = sqrt(v) r = div(u, s) "
     "q = broadcast(r, shape=[2,3,4]) i = mul({}, q) "},
}};

std::string spread(const char* pattern, auto&&... values) {
  return fmt::format(fmt::runtime(pattern), values...);
}

const std::string epsilon_call =
    "constant e: f64[] = 0.01 f = broadcast(e, shape=[2,3,1]) v = add(a, f) ";
const std::string weight_call = "h = broadcast(w, shape=[2,3,4]) ";

Rules lift_rms_norm() {
  Rules rules;
  for (const Mean& mean : means) {
    for (const Root& root : roots) {
      const std::string variance =
          fmt::format("(add {} ?e:const)", spread(mean.text.c_str(), "(mul ?x ?x)", "?n:const"));
      const std::vector<std::string> conditions{spread(mean.condition.c_str(), "?n"),
                                                "has_shape_of_last(?w, ?s)"};
      const std::string start =
          "input x: f64[2,3,4] weight w: f64[4] p = mul(x, x) "
          "t = reduce_sum(p, axes=[-1], keep_dims=true) " +
          spread(mean.call.c_str(), "t", "a") + epsilon_call + spread(root.call.c_str(), "x") +
          weight_call;
      rules.push_back({fmt::format("lift-rms-norm{}{}", mean.suffix, root.suffix), reorders,
                       fmt::format("(mul {} (broadcast[shape=?s] ?w))",
                                   spread(root.text.c_str(), "?x", variance)),
                       "(rms_norm[epsilon=value(?e)] ?x ?w)", conditions,
                       graph(start + "y = mul(i, h) output y = y")});
    }
  }
  return rules;
}

Rules lift_layer_norm() {
  Rules rules;
  for (const Mean& mean : means) {
    for (const Root& root : roots) {
      const std::string centered =
          fmt::format("(sub ?x (broadcast[*] {}))", spread(mean.text.c_str(), "?x", "?n:const"));
      const std::string square = fmt::format("(mul {0} {0})", centered);
      const std::string variance =
          fmt::format("(add {} ?e:const)", spread(mean.text.c_str(), square, "?n"));
      const std::string scaled = fmt::format("(mul {} (broadcast[shape=?s] ?w))",
                                             spread(root.text.c_str(), centered, variance));
      const std::vector<std::string> conditions{spread(mean.condition.c_str(), "?n"),
                                                "has_shape_of_last(?w, ?s)"};
      std::vector<std::string> with_bias = conditions;
      with_bias.push_back("has_shape_of_last(?b, ?z)");
      const std::string start =
          "input x: f64[2,3,4] weight w: f64[4] weight b: f64[4] "
          "t0 = reduce_sum(x, axes=[-1], keep_dims=true) " +
          spread(mean.call.c_str(), "t0", "m") +
          "l = broadcast(m, shape=[2,3,4]) c = sub(x, l) p = mul(c, c) "
          "t = reduce_sum(p, axes=[-1], keep_dims=true) " +
          (mean.suffix.empty() ? "a = div(t, k) " : "a = mul(t, k) ") + epsilon_call +
          spread(root.call.c_str(), "c") + weight_call + "j = mul(i, h) ";
      const std::string suffix = mean.suffix + root.suffix;
      rules.push_back(
          {"lift-layer-norm" + suffix, reorders,
           fmt::format("(add {} (broadcast[shape=?z] ?b))", scaled),
           "(layer_norm[epsilon=value(?e)] ?x ?w ?b)", with_bias,
           graph(start + "d = broadcast(b, shape=[2,3,4]) y = add(j, d) output y = y")});
      rules.push_back({"lift-layer-norm-without-bias" + suffix, reorders, scaled,
                       "(layer_norm[epsilon=value(?e)] ?x ?w (const 0 ?w))", conditions,
                       graph(start + "output y = j")});
    }
  }
  return rules;
}

std::string of_norm(std::string_view body) {
  return graph(
      fmt::format("input x: f64[2,3,4] weight w: f64[4] weight b: f64[4] "
                  "constant k: f64[] = 0.7 {} output y = y",
                  body));
}

Rules forms() {
  return {
      {"weight-offset",
       reorders,
       "(rms_norm[epsilon=?e] ?x (add ?w ?c:const))",
       "(rms_norm[epsilon=?e,weight_offset=value(?c)] ?x ?w)",
       {"is_finite(?c)"},
       of_norm("c = broadcast(k, shape=[4]) v = add(w, c) y = rms_norm(x, v)")},
      {"weight-offset-into-weight",
       reorders,
       "(rms_norm[epsilon=?e,weight_offset=?o] ?x ?w:static)",
       "(rms_norm[epsilon=?e] ?x (add ?w (const ?o ?w)))",
       {"!is_zero(?o)"},
       of_norm("y = rms_norm(x, w, weight_offset=1)")},
      {"factors-into-rms-norm",
       reorders,
       "(mul (rms_norm[epsilon=?e] ?x ?w) (broadcast[shape=?s] ?g))",
       "(rms_norm[epsilon=?e] ?x (mul ?w ?g))",
       {"has_shape_of_last(?g, ?s)"},
       of_norm("n = rms_norm(x, w) g = broadcast(b, shape=[2,3,4]) y = mul(n, g)")},
      {"constant-into-rms-norm",
       reorders,
       "(mul (rms_norm[epsilon=?e] ?x ?w) ?c:const)",
       "(rms_norm[epsilon=?e] ?x (mul ?w (const value(?c) ?w)))",
       {"is_finite(?c)"},
       of_norm("n = rms_norm(x, w) c = broadcast(k, shape=[2,3,4]) y = mul(n, c)")},
      {"bias-into-layer-norm",
       reorders,
       "(add (layer_norm[epsilon=?e] ?x ?w ?b) (broadcast[shape=?s] ?c))",
       "(layer_norm[epsilon=?e] ?x ?w (add ?b ?c))",
       {"has_shape_of_last(?c, ?s)"},
       of_norm("n = layer_norm(x, w, b) v = exp(b) c = broadcast(v, shape=[2,3,4]) y = add(n, c)")},
      {"rms-norm-of-reshape",
       exact,
       "(rms_norm[*=?r] (reshape[shape=?s] ?x) ?w)",
       "(reshape[shape=?s] (rms_norm[*=?r] ?x ?w))",
       {"keeps_last(?x, ?s)"},
       of_norm("r = reshape(x, shape=[6,4]) y = rms_norm(r, w)")},
      {"rms-norm-of-permute",
       exact,
       "(rms_norm[*=?r] (permute[order=?p] ?x) ?w)",
       "(permute[order=?p] (rms_norm[*=?r] ?x ?w))",
       {"keeps_last_axis(?p)"},
       of_norm("p = permute(x, order=[1,0,2]) y = rms_norm(p, w)")},
      {"layer-norm-of-reshape",
       exact,
       "(layer_norm[*=?r] (reshape[shape=?s] ?x) ?w ?b)",
       "(reshape[shape=?s] (layer_norm[*=?r] ?x ?w ?b))",
       {"keeps_last(?x, ?s)"},
       of_norm("r = reshape(x, shape=[6,4]) y = layer_norm(r, w, b)")},
      {"rows-of-rms-norm",
       exact,
       "(slice[axis=?a,*=?q] (rms_norm[*=?r] ?x ?w))",
       "(rms_norm[*=?r] (slice[axis=?a,*=?q] ?x) ?w)",
       {"is_before_last(?a)"},
       of_norm("n = rms_norm(x, w) y = slice(n, axis=-2, start=1, stop=2)")},
      {"rows-of-layer-norm",
       exact,
       "(slice[axis=?a,*=?q] (layer_norm[*=?r] ?x ?w ?b))",
       "(layer_norm[*=?r] (slice[axis=?a,*=?q] ?x) ?w ?b)",
       {"is_before_last(?a)"},
       of_norm("n = layer_norm(x, w, b) y = slice(n, axis=-2, start=1, stop=2)")},
      // A quotient by a root, spread over rows, is a factor of the inverse root.
      {"div-by-spread-sqrt",
       reorders,
       "(div ?x (broadcast[shape=?s] (sqrt ?v)))",
       "(mul ?x (broadcast[shape=?s] (rsqrt ?v)))",
       {},
       of_norm("v = mul(b, b) r = sqrt(v) q = broadcast(r, shape=[2,3,4]) y = div(x, q)")},
      // In a narrower float the norm is computed in f32 inside.
      {"rms-norm-cast-before-weight",
       narrows,
       "(mul (cast[dtype=?d] (rms_norm[*=?r] (cast[dtype=f32] ?x) 1)) (broadcast[shape=?s] ?w))",
       "(rms_norm[*=?r] ?x ?w)",
       {"has_dtype(?x, ?d)", "has_shape_of_last(?w, ?s)"},
       graph("input x: bf16[2,4] weight w: bf16[4] constant k: f32[] = 1 "
             "o = broadcast(k, shape=[4]) u = cast(x, dtype=f32) n = rms_norm(u, o) "
             "c = cast(n, dtype=bf16) g = broadcast(w, shape=[2,4]) y = mul(c, g) output y = y")},
  };
}

}  // namespace

Rules norm() {
  Rules rules;
  for (const auto& family : {lift_rms_norm, lift_layer_norm, forms}) {
    const Rules own = family();
    rules.insert(rules.end(), own.begin(), own.end());
  }
  return rules;
}

}  // namespace paceline::rules
