#include <fmt/format.h>

#include "scheduler/rules/families.h"

namespace paceline::rules {

namespace {

using enum Precision;

constexpr const char* any = "transpose_a=?t,transpose_b=?u";

std::string of_matrices(std::string_view body) {
  return graph(
      fmt::format("input a: f64[2,3,4] input b: f64[2,4,5] input c: f64[2,5,3] "
                  "input w: f64[4,5] {} output y = y",
                  body));
}

// A transpose of an operand or of the result is a flag.
Rules transposes() {
  const std::string product = fmt::format("(matmul[{}]", any);
  return {
      {"transpose-of-left",
       exact,
       product + " (permute[order=?p] ?a) ?b)",
       "(matmul[transpose_a=not(?t),transpose_b=?u] ?a ?b)",
       {"swaps_last_two(?p)"},
       of_matrices("p = permute(c, order=[0,2,1]) q = permute(p, order=[0,2,1]) r = matmul(q, a) "
                   "s = permute(r, order=[0,2,1]) y = matmul(s, s, transpose_b=true)")},
      {"transpose-of-right",
       exact,
       product + " ?a (permute[order=?p] ?b))",
       "(matmul[transpose_a=?t,transpose_b=not(?u)] ?a ?b)",
       {"swaps_last_two(?p)"},
       of_matrices("p = permute(c, order=[0,2,1]) y = matmul(c, p)")},
      // Keys whose heads and positions change places in one step.
      {"moved-transpose-of-right",
       exact,
       "(matmul[transpose_a=?t] ?a (permute[order=?p] ?b))",
       "(matmul[transpose_a=?t,transpose_b=true] ?a (permute[order=last_swapped(?p)] ?b))",
       {"puts_last_before_last(?p)", "!swaps_last_two(?p)"},
       graph("input a: f64[2,3,4,5] input b: f64[2,6,3,5] p = permute(b, order=[0,2,3,1]) "
             "y = matmul(a, p) output y = y")},
      {"right-as-transpose",
       exact,
       "(matmul[transpose_a=?t,transpose_b=true] ?a ?b:static)",
       "(matmul[transpose_a=?t] ?a (permute[order=swapped(?b)] ?b))",
       {"is_bound(?b)"},
       graph("input a: f64[2,3,4] weight b: f64[2,5,4] y = matmul(a, b, transpose_b=true) "
             "output y = y")},
      {"transpose-of-product",
       exact,
       "(permute[order=?p] " + product + " ?a ?b))",
       "(matmul[transpose_a=not(?u),transpose_b=not(?t)] ?b ?a)",
       {"swaps_last_two(?p)", "have_one_rank(?a, ?b)"},
       of_matrices("m = matmul(a, b) y = permute(m, order=[0,2,1])")},
      {"permute-before-product",
       exact,
       product + " (permute[order=?p] ?a) (permute[order=?p] ?b))",
       "(permute[order=?p] (matmul[transpose_a=?t,transpose_b=?u] ?a ?b))",
       {"keeps_last_two(?p)"},
       graph("input a: f64[2,3,4,5] input b: f64[2,3,5,4] p = permute(a, order=[1,0,2,3]) "
             "q = permute(b, order=[1,0,2,3]) y = matmul(p, q) output y = y")},
  };
}

// Factors of an operand are factors of the product.
Rules factors() {
  const std::string given = "constant k: f64[] = 0.3 ";
  return {
      {"factor-into-left",
       reorders,
       "(mul (matmul[*=?r] ?a ?b) ?c:const)",
       "(matmul[*=?r] (mul ?a (const value(?c) ?a)) ?b)",
       {"is_finite(?c)", "!is_static(?b)"},
       of_matrices(given + "f = broadcast(k, shape=[2,3,5]) m = matmul(a, b) y = mul(m, f)")},
      {"quotient-into-left",
       reorders,
       "(div (matmul[*=?r] ?a ?b) ?c:const)",
       "(matmul[*=?r] (div ?a (const value(?c) ?a)) ?b)",
       {"is_invertible(?c)", "!is_static(?b)"},
       of_matrices(given + "f = broadcast(k, shape=[2,3,5]) m = matmul(a, b) y = div(m, f)")},
      {"factor-from-right-to-left",
       reorders,
       "(matmul[*=?r] ?a (mul ?b ?c:const))",
       "(matmul[*=?r] (mul ?a (const value(?c) ?a)) ?b)",
       {"is_finite(?c)", "!is_static(?b)"},
       of_matrices(given + "f = broadcast(k, shape=[2,4,5]) m = mul(b, f) y = matmul(a, m)")},
      {"factor-out-of-left",
       reorders,
       "(matmul[*=?r] (mul ?a ?c:const) ?b)",
       "(mul (matmul[*=?r] ?a ?b) (const value(?c) (matmul[*=?r] ?a ?b)))",
       {"is_finite(?c)", "!is_static(?b)"},
       of_matrices(given + "f = broadcast(k, shape=[2,3,4]) m = mul(a, f) y = matmul(m, b)")},
      {"neg-out-of-left",
       exact,
       "(matmul[*=?r] (neg ?a) ?b)",
       "(neg (matmul[*=?r] ?a ?b))",
       {},
       of_matrices("n = neg(a) y = matmul(n, b)")},
  };
}

Rules sums() {
  return {
      {"product-of-product-to-the-right",
       reorders,
       "(matmul (matmul ?a ?b) ?c)",
       "(matmul ?a (matmul ?b ?c))",
       {"has_no_fewer_axes(?b, ?c)"},
       of_matrices("m = matmul(a, b) y = matmul(m, c)")},
      {"product-of-product-to-the-left",
       reorders,
       "(matmul ?a (matmul ?b ?c))",
       "(matmul (matmul ?a ?b) ?c)",
       {},
       of_matrices("m = matmul(b, c) y = matmul(a, m)")},
      {"sum-of-products-left",
       reorders,
       "(add (matmul[transpose_a=?t,transpose_b=?u] ?a ?c) (matmul[transpose_a=?t,transpose_b=?u] "
       "?b ?c))",
       "(matmul[transpose_a=?t,transpose_b=?u] (add ?a ?b) ?c)",
       {"have_one_shape(?a, ?b)"},
       of_matrices("d = exp(a) m = matmul(a, b) n = matmul(d, b) y = add(m, n)")},
      {"sum-of-products-right",
       reorders,
       "(add (matmul[transpose_a=?t,transpose_b=?u] ?a ?b) (matmul[transpose_a=?t,transpose_b=?u] "
       "?a ?c))",
       "(matmul[transpose_a=?t,transpose_b=?u] ?a (add ?b ?c))",
       {"have_one_shape(?b, ?c)"},
       of_matrices("d = exp(b) m = matmul(a, b) n = matmul(a, d) y = add(m, n)")},
  };
}

// Products of batches seen through moves that leave the matrices alone.
Rules batches() {
  return {
      {"product-of-reshaped-batches",
       exact,
       "(matmul[transpose_a=?f,transpose_b=?g] (reshape[shape=?s] ?a) (reshape[shape=?t] ?b))",
       "(reshape[shape=product_shape(?s, ?f, ?t, ?g)] "
       "(matmul[transpose_a=?f,transpose_b=?g] ?a ?b))",
       {"keeps_last_two_extents(?a, ?s)", "keeps_last_two_extents(?b, ?t)",
        "have_one_batch(?a, ?b)"},
       graph("input a: f64[2,3,4,5] input b: f64[2,3,5,4] p = reshape(a, shape=[6,4,5]) "
             "q = reshape(b, shape=[6,5,4]) y = matmul(p, q) output y = y")},
      {"product-with-one-matrix",
       exact,
       "(matmul[*=?r] ?a (broadcast[shape=?s] ?b))",
       "(matmul[*=?r] ?a ?b)",
       {"has_rank(?b, 2)", "keeps_last_two_extents(?b, ?s)"},
       of_matrices("m = broadcast(w, shape=[2,4,5]) y = matmul(a, m)")},
      {"rows-of-product",
       exact,
       "(slice[axis=-2,*=?r] (matmul ?a ?b))",
       "(matmul (slice[axis=-2,*=?r] ?a) ?b)",
       {},
       of_matrices("m = matmul(a, b) y = slice(m, axis=-2, start=2, stop=3)")},
      {"columns-of-product",
       exact,
       "(slice[axis=-1,*=?r] (matmul ?a ?b))",
       "(matmul ?a (slice[axis=-1,*=?r] ?b))",
       {},
       of_matrices("m = matmul(a, b) y = slice(m, axis=-1, start=2, stop=4)")},
      {"product-of-joined-columns",
       exact,
       "(concat[axis=-1] (matmul ?a ?b) (matmul ?a ?c))",
       "(matmul ?a (concat[axis=-1] ?b ?c))",
       {"have_one_rank(?b, ?c)"},
       of_matrices("d = exp(b) m = matmul(a, b) n = matmul(a, d) y = concat(m, n, axis=-1)")},
      {"product-of-joined-rows",
       exact,
       "(concat[axis=-2] (matmul ?a ?c) (matmul ?b ?c))",
       "(matmul (concat[axis=-2] ?a ?b) ?c)",
       {},
       of_matrices("d = exp(a) m = matmul(a, b) n = matmul(d, b) y = concat(m, n, axis=-2)")},
  };
}

}  // namespace

Rules matmul() {
  Rules rules;
  for (const auto& family : {transposes, factors, sums, batches}) {
    const Rules own = family();
    rules.insert(rules.end(), own.begin(), own.end());
  }
  return rules;
}

}  // namespace paceline::rules
