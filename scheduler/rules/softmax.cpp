#include <fmt/format.h>

#include "scheduler/rules/families.h"

namespace paceline::rules {

namespace {

using enum Precision;

std::string of_cube(std::string_view body) {
  return graph(fmt::format("input x: f64[2,3,4] {} output y = y", body));
}

constexpr const char* largest = "(broadcast[*] (reduce_max[axes=?a,keep_dims=true] ?x))";

// Sums along the axis of what `power` is, spread over it again.
std::string sum_of(std::string_view power) {
  return fmt::format("(broadcast[*] (reduce_sum[axes=?a,keep_dims=true] {}))", power);
}

Rules lifts() {
  const std::string shifted = fmt::format("(sub ?x {})", largest);
  const std::string power = fmt::format("(exp {})", shifted);
  const std::string start =
      "m = reduce_max(x, axes=[-1], keep_dims=true) b = broadcast(m, shape=[2,3,4]) "
      "s = sub(x, b) e = exp(s) t = reduce_sum(e, axes=[-1], keep_dims=true) ";
  const std::string bare =
      "e = exp(x) t = reduce_sum(e, axes=[-1], keep_dims=true) c = broadcast(t, shape=[2,3,4]) ";
  return {
      {"lift-softmax",
       reorders,
       fmt::format("(div {} {})", power, sum_of(power)),
       "(softmax[axis=only(?a)] ?x)",
       {},
       of_cube(start + "c = broadcast(t, shape=[2,3,4]) y = div(e, c)")},
      // Without the largest taken off, large elements overflow; the op's do not.
      {"lift-bare-softmax",
       approximates,
       fmt::format("(div (exp ?x) {})", sum_of("(exp ?x)")),
       "(softmax[axis=only(?a)] ?x)",
       {"!has_largest_taken_off(?x)"},
       of_cube(bare + "y = div(e, c)")},
      {"lift-log-softmax",
       reorders,
       fmt::format("(sub {} (broadcast[*] (log (reduce_sum[axes=?a,keep_dims=true] {}))))", shifted,
                   power),
       "(log_softmax[axis=only(?a)] ?x)",
       {},
       of_cube(start + "l = log(t) c = broadcast(l, shape=[2,3,4]) y = sub(s, c)")},
      {"lift-log-softmax-by-log-sum",
       reorders,
       fmt::format("(sub ?x (broadcast[*] (add (reduce_max[axes=?a,keep_dims=true] ?x) "
                   "(log (reduce_sum[axes=?a,keep_dims=true] {})))))",
                   power),
       "(log_softmax[axis=only(?a)] ?x)",
       {},
       of_cube(start + "l = log(t) a = add(m, l) c = broadcast(a, shape=[2,3,4]) y = sub(x, c)")},
      {"lift-bare-log-softmax",
       approximates,
       "(sub ?x (broadcast[*] (log (reduce_sum[axes=?a,keep_dims=true] (exp ?x)))))",
       "(log_softmax[axis=only(?a)] ?x)",
       {"!has_largest_taken_off(?x)"},
       of_cube("e = exp(x) t = reduce_sum(e, axes=[-1], keep_dims=true) l = log(t) "
               "c = broadcast(l, shape=[2,3,4]) y = sub(x, c)")},
      {"log-of-softmax",
       approximates,
       "(log (softmax[axis=?a] ?x))",
       "(log_softmax[axis=?a] ?x)",
       {},
       of_cube("s = softmax(x) y = log(s)")},
      {"exp-of-log-softmax",
       approximates,
       "(exp (log_softmax[axis=?a] ?x))",
       "(softmax[axis=?a] ?x)",
       {},
       of_cube("s = log_softmax(x) y = exp(s)")},
  };
}

Rules forms() {
  Rules rules;
  const std::string constant = "constant k: f64[] = 3 c = broadcast(k, shape=[2,3,4]) ";
  for (const std::string op : {"softmax", "log_softmax"}) {
    rules.push_back({op + "-counts-from-last",
                     exact,
                     fmt::format("({}[axis=?a] ?x)", op),
                     fmt::format("({}[axis=from_last(?a, ?x)] ?x)", op),
                     {"!counts_from_last(?a)"},
                     of_cube(fmt::format("y = {}(x, axis=1)", op))});
    // What is the same for all of a row falls out, unless it is so large that it takes digits
    // along.
    rules.push_back({op + "-of-shifted",
                     reorders,
                     fmt::format("({}[axis=?a] (add ?x ?c:const))", op),
                     fmt::format("({}[axis=?a] ?x)", op),
                     {"is_moderate(?c)"},
                     of_cube(constant + fmt::format("s = add(x, c) y = {}(s)", op))});
    rules.push_back({op + "-of-shifted-rows",
                     reorders,
                     fmt::format("({}[axis=?a] (sub ?x (broadcast[*] "
                                 "(reduce_max[axes=?b,keep_dims=true] ?x))))",
                                 op),
                     fmt::format("({}[axis=?a] ?x)", op),
                     {"is_only_axis(?a, ?b)"},
                     of_cube(fmt::format("m = reduce_max(x, axes=[-1], keep_dims=true) "
                                         "b = broadcast(m, shape=[2,3,4]) s = sub(x, b) y = {}(s)",
                                         op))});
    rules.push_back({op + "-of-permute",
                     exact,
                     fmt::format("({}[axis=?a] (permute[order=?p] ?x))", op),
                     fmt::format("(permute[order=?p] ({}[axis=axis_at(?a, ?p)] ?x))", op),
                     {},
                     of_cube(fmt::format("p = permute(x, order=[1,2,0]) y = {}(p, axis=-1)", op))});
    rules.push_back({op + "-of-reshape",
                     exact,
                     fmt::format("({}[axis=-1] (reshape[shape=?s] ?x))", op),
                     fmt::format("(reshape[shape=?s] ({}[axis=-1] ?x))", op),
                     {"keeps_last(?x, ?s)"},
                     of_cube(fmt::format("r = reshape(x, shape=[6,4]) y = {}(r)", op))});
  }
  return rules;
}

}  // namespace

Rules softmax() {
  Rules rules = lifts();
  const Rules own = forms();
  rules.insert(rules.end(), own.begin(), own.end());
  return rules;
}

}  // namespace paceline::rules
