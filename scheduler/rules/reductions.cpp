#include <fmt/format.h>

#include "scheduler/rules/families.h"

namespace paceline::rules {

namespace {

using enum Precision;

std::string of_cubes(std::string_view body) {
  return graph(fmt::format("input x: f64[2,3,4] input z: f64[2,3,4] {} output y = y", body));
}

// One spelling for each reduction: negative axes in order, extents of 1 kept.
Rules spelling() {
  Rules rules;
  for (const std::string op : {"reduce_sum", "reduce_max", "reduce_min"}) {
    rules.push_back({op + "-counts-from-last",
                     exact,
                     fmt::format("({}[axes=?a,*=?r] ?x)", op),
                     fmt::format("({}[axes=from_last(?a, ?x),*=?r] ?x)", op),
                     {"!counts_from_last(?a)"},
                     of_cubes(fmt::format("y = {}(x, axes=[1])", op))});
    rules.push_back(
        {op + "-keeps-dims",
         exact,
         fmt::format("(reshape[shape=?s] ({}[axes=?a] ?x))", op),
         fmt::format("({}[axes=?a,keep_dims=true] ?x)", op),
         {"is_shape_of_kept(?s, ?x, ?a)"},
         of_cubes(fmt::format("s = {}(x, axes=[1]) y = reshape(s, shape=[2,1,4])", op))});
    rules.push_back({op + "-drops-dims",
                     exact,
                     fmt::format("({}[axes=?a] ?x)", op),
                     fmt::format("(reshape[shape=without_axes(?x, ?a)] "
                                 "({}[axes=?a,keep_dims=true] ?x))",
                                 op),
                     {},
                     of_cubes(fmt::format("y = {}(x, axes=[-1])", op))});
    rules.push_back({op + "-of-permute",
                     exact,
                     fmt::format("({}[axes=?a,keep_dims=true] (permute[order=?p] ?x))", op),
                     fmt::format("(permute[order=?p] ({}[axes=axes_at(?a, ?p),keep_dims=true] "
                                 "?x))",
                                 op),
                     {},
                     of_cubes(fmt::format("p = permute(x, order=[1,2,0]) "
                                          "y = {}(p, axes=[-1], keep_dims=true)",
                                          op))});
    rules.push_back(
        {op + "-of-" + op,
         op == "reduce_sum" ? reorders : exact,
         fmt::format("({0}[axes=?a,keep_dims=true] ({0}[axes=?b,keep_dims=true] ?x))", op),
         fmt::format("({}[axes=both(?a, ?b, ?x),keep_dims=true] ?x)", op),
         {},
         of_cubes(fmt::format("s = {0}(x, axes=[-1], keep_dims=true) "
                              "y = {0}(s, axes=[-2], keep_dims=true)",
                              op))});
  }
  return rules;
}

Rules linearity() {
  return {
      {"sum-of-sums",
       reorders,
       "(add (reduce_sum[axes=?a,keep_dims=?k] ?x) (reduce_sum[axes=?a,keep_dims=?k] ?z))",
       "(reduce_sum[axes=?a,keep_dims=?k] (add ?x ?z))",
       {"have_one_shape(?x, ?z)"},
       of_cubes("s = reduce_sum(x, axes=[-1]) t = reduce_sum(z, axes=[-1]) y = add(s, t)")},
      {"sum-of-neg",
       exact,
       "(reduce_sum[*=?r] (neg ?x))",
       "(neg (reduce_sum[*=?r] ?x))",
       {},
       of_cubes("n = neg(x) y = reduce_sum(n, axes=[-1])")},
      {"max-of-neg",
       exact,
       "(reduce_max[*=?r] (neg ?x))",
       "(neg (reduce_min[*=?r] ?x))",
       {"is_float(?x)"},
       of_cubes("n = neg(x) y = reduce_max(n, axes=[-1])")},
      {"min-of-neg",
       exact,
       "(reduce_min[*=?r] (neg ?x))",
       "(neg (reduce_max[*=?r] ?x))",
       {"is_float(?x)"},
       of_cubes("n = neg(x) y = reduce_min(n, axes=[-1])")},
      // The mean of squares less the square of the mean loses digits; this way keeps them.
      {"variance-from-moments",
       approximates,
       "(sub (div (reduce_sum[axes=?a,keep_dims=true] (mul ?x ?x)) ?n:const) "
       "(mul (div (reduce_sum[axes=?a,keep_dims=true] ?x) ?n) "
       "(div (reduce_sum[axes=?a,keep_dims=true] ?x) ?n)))",
       "(div (reduce_sum[axes=?a,keep_dims=true] (mul "
       "(sub ?x (broadcast[shape=shape(?x)] (div (reduce_sum[axes=?a,keep_dims=true] ?x) ?n))) "
       "(sub ?x (broadcast[shape=shape(?x)] (div (reduce_sum[axes=?a,keep_dims=true] ?x) ?n))))) "
       "?n)",
       {"counts_along(?n, ?x, ?a)"},
       of_cubes("constant n: f64[] = 4 k = broadcast(n, shape=[2,3,1]) q = mul(x, x) "
                "s = reduce_sum(q, axes=[-1], keep_dims=true) m = div(s, k) "
                "t = reduce_sum(x, axes=[-1], keep_dims=true) u = div(t, k) v = mul(u, u) "
                "y = sub(m, v)")},
  };
}

}  // namespace

Rules reductions() {
  Rules rules = spelling();
  const Rules own = linearity();
  rules.insert(rules.end(), own.begin(), own.end());
  return rules;
}

}  // namespace paceline::rules
