#include <fmt/format.h>

#include "scheduler/rules/families.h"

namespace paceline::rules {

namespace {

using enum Precision;

std::string of_cube(std::string_view body) {
  return graph(fmt::format("input x: f64[2,3,4] input z: f64[2,3,4] {} output y = y", body));
}

Rules reshapes() {
  return {
      {"reshape-itself",
       exact,
       "(reshape[shape=?s] ?x)",
       "?x",
       {"has_shape(?x, ?s)"},
       of_cube("y = reshape(x, shape=[2,3,4])")},
      {"reshape-reshape",
       exact,
       "(reshape[shape=?s] (reshape[*] ?x))",
       "(reshape[shape=?s] ?x)",
       {},
       of_cube("r = reshape(x, shape=[6,4]) y = reshape(r, shape=[3,8])")},
      {"permute-of-ones-is-reshape",
       exact,
       "(permute[order=?p] ?x)",
       "(reshape[shape=permuted(shape(?x), ?p)] ?x)",
       {"moves_only_ones(?x, ?p)"},
       graph("input x: f64[2,1,3] y = permute(x, order=[0,2,1]) output y = y")},
      {"broadcast-with-ones-is-reshape",
       exact,
       "(broadcast[shape=?s] ?x)",
       "(reshape[shape=?s] ?x)",
       {"same_count(?x, ?s)"},
       of_cube("y = broadcast(x, shape=[1,2,3,4])")},
      {"broadcast-of-leading-ones",
       exact,
       "(broadcast[shape=?s] (reshape[shape=?t] ?x))",
       "(broadcast[shape=?s] ?x)",
       {"adds_leading_ones(?x, ?t)"},
       of_cube("r = reshape(x, shape=[1,2,3,4]) y = broadcast(r, shape=[5,2,3,4])")},
      {"slice-of-all",
       exact,
       "(slice[axis=?a,start=?b,stop=?e] ?x)",
       "?x",
       {"is_whole(?x, ?a, ?b, ?e)"},
       of_cube("y = slice(x, axis=1, start=0, stop=3)")},
  };
}

Rules permutes() {
  return {
      {"permute-itself",
       exact,
       "(permute[order=?p] ?x)",
       "?x",
       {"is_identity(?p)"},
       of_cube("y = permute(x, order=[0,1,2])")},
      {"permute-permute",
       exact,
       "(permute[order=?p] (permute[order=?q] ?x))",
       "(permute[order=compose(?q, ?p)] ?x)",
       {},
       of_cube("r = permute(x, order=[1,2,0]) y = permute(r, order=[0,2,1])")},
      // As exporters transpose matrices of more than three axes.
      {"transpose-of-fewer-axes",
       exact,
       "(reshape[shape=?o] (permute[order=?p] (reshape[shape=?f] ?x)))",
       "(permute[order=swapped(?x)] ?x)",
       {"swaps_last_two(?p)", "keeps_last_two_extents(?x, ?f)", "is_shape_of_transpose(?x, ?o)"},
       graph("input x: f64[2,3,4,5] f = reshape(x, shape=[6,4,5]) p = permute(f, order=[0,2,1]) "
             "y = reshape(p, shape=[2,3,5,4]) output y = y")},
      {"permute-counts-from-first",
       exact,
       "(permute[order=?p] ?x)",
       "(permute[order=from_first(?p)] ?x)",
       {"!counts_from_first(?p)"},
       of_cube("y = permute(x, order=[0,-1,1])")},
      {"permute-of-broadcast",
       exact,
       "(permute[order=?p] (broadcast[shape=?s] ?x))",
       "(broadcast[shape=permuted(?s, ?p)] (permute[order=?p] (reshape[shape=padded(?x, ?s)] ?x)))",
       {},
       graph("input x: f64[3,1] b = broadcast(x, shape=[2,3,4]) "
             "y = permute(b, order=[2,0,1]) output y = y")},
      {"permute-of-slice",
       exact,
       "(permute[order=?p] (slice[axis=?a,*=?r] ?x))",
       "(slice[axis=place_of(?a, ?p),*=?r] (permute[order=?p] ?x))",
       {},
       of_cube("s = slice(x, axis=1, start=1, stop=3) y = permute(s, order=[1,2,0])")},
      {"slice-of-permute",
       exact,
       "(slice[axis=?a,*=?r] (permute[order=?p] ?x))",
       "(permute[order=?p] (slice[axis=axis_at(?a, ?p),*=?r] ?x))",
       {},
       of_cube("p = permute(x, order=[1,2,0]) y = slice(p, axis=0, start=1, stop=3)")},
      {"permute-of-concat",
       exact,
       "(permute[order=?p] (concat[axis=?a] ?x ?y))",
       "(concat[axis=place_of(?a, ?p)] (permute[order=?p] ?x) (permute[order=?p] ?y))",
       {},
       of_cube("c = concat(x, z, axis=1) y = permute(c, order=[1,2,0])")},
      {"concat-of-permutes",
       exact,
       "(concat[axis=?a] (permute[order=?p] ?x) (permute[order=?p] ?y))",
       "(permute[order=?p] (concat[axis=axis_at(?a, ?p)] ?x ?y))",
       {},
       of_cube("p = permute(x, order=[1,2,0]) q = permute(z, order=[1,2,0]) "
               "y = concat(p, q, axis=0)")},
  };
}

Rules broadcasts() {
  return {
      {"broadcast-itself",
       exact,
       "(broadcast[shape=?s] ?x)",
       "?x",
       {"has_shape(?x, ?s)"},
       of_cube("y = broadcast(x, shape=[2,3,4])")},
      {"broadcast-broadcast",
       exact,
       "(broadcast[shape=?s] (broadcast[*] ?x))",
       "(broadcast[shape=?s] ?x)",
       {},
       graph("input x: f64[3,1] b = broadcast(x, shape=[3,4]) y = broadcast(b, shape=[2,3,4]) "
             "output y = y")},
      {"slice-of-broadcast",
       exact,
       "(slice[axis=?a,start=?b,stop=?e,step=?t] (broadcast[shape=?s] ?x))",
       "(broadcast[shape=sliced(?s, ?a, ?b, ?e, ?t)] ?x)",
       {"is_broadcast_along(?x, ?s, ?a)"},
       graph("input x: f64[3,1] b = broadcast(x, shape=[2,3,4]) "
             "y = slice(b, axis=2, start=1, stop=3) output y = y")},
      {"slice-under-broadcast",
       exact,
       "(slice[axis=?a,start=?b,stop=?e,step=?t] (broadcast[shape=?s] ?x))",
       "(broadcast[shape=sliced(?s, ?a, ?b, ?e, ?t)] "
       "(slice[axis=?a,start=?b,stop=?e,step=?t] ?x))",
       {"counts_from_last(?a)", "!is_broadcast_along(?x, ?s, ?a)"},
       graph("input x: f64[3,4] b = broadcast(x, shape=[2,3,4]) "
             "y = slice(b, axis=-1, start=1, stop=3) output y = y")},
      {"reshape-of-broadcast-in-front",
       exact,
       "(reshape[shape=?t] (broadcast[shape=?s] ?x))",
       "(broadcast[shape=?t] ?x)",
       {"ends_alike(?x, ?s, ?t)"},
       graph("input x: f64[4] b = broadcast(x, shape=[2,3,4]) y = reshape(b, shape=[6,4]) "
             "output y = y")},
      {"concat-of-one-thing",
       exact,
       "(concat[axis=?a] (broadcast[shape=?s] ?x) (broadcast[shape=?t] ?x))",
       "(broadcast[shape=joined(?s, ?t, ?a)] ?x)",
       {"is_broadcast_along(?x, ?s, ?a)", "is_broadcast_along(?x, ?t, ?a)"},
       graph("input x: f64[3,1] b = broadcast(x, shape=[3,4]) c = broadcast(x, shape=[3,2]) "
             "y = concat(b, c, axis=-1) output y = y")},
  };
}

Rules slices() {
  return {
      {"slice-counts-from-last",
       exact,
       "(slice[axis=?a,*=?r] ?x)",
       "(slice[axis=from_last(?a, ?x),*=?r] ?x)",
       {"!counts_from_last(?a)"},
       of_cube("y = slice(x, axis=1, start=1, stop=2)")},
      {"slice-slice",
       exact,
       "(slice[axis=?a,start=?b,stop=?e] (slice[axis=?a,start=?c,stop=?d] ?x))",
       "(slice[axis=?a,start=plus(?b, ?c),stop=plus(?e, ?c)] ?x)",
       {},
       of_cube("s = slice(x, axis=-1, start=1, stop=4) y = slice(s, axis=-1, start=1, stop=3)")},
      {"slice-first-of-concat",
       exact,
       "(slice[axis=?a,start=?b,stop=?e] (concat[axis=?a] ?x ?rest...))",
       "(slice[axis=?a,start=?b,stop=?e] ?x)",
       {"is_within(?e, ?x, ?a)"},
       of_cube("c = concat(x, z, axis=-1) y = slice(c, axis=-1, start=1, stop=4)")},
      {"slice-rest-of-concat",
       exact,
       "(slice[axis=?a,start=?b,stop=?e] (concat[axis=?a] ?x ?rest...))",
       "(slice[axis=?a,start=minus(?b, extent(?x, ?a)),stop=minus(?e, extent(?x, ?a))] "
       "(concat[axis=?a] ?rest...))",
       {"is_beyond(?b, ?x, ?a)"},
       of_cube("c = concat(x, z, axis=-1) y = slice(c, axis=-1, start=5, stop=8)")},
      {"slice-beside-concat",
       exact,
       "(slice[axis=?a,*=?r] (concat[axis=?b] ?x ?y))",
       "(concat[axis=?b] (slice[axis=?a,*=?r] ?x) (slice[axis=?a,*=?r] ?y))",
       {"are_other_axes(?a, ?b, ?x)"},
       of_cube("c = concat(x, z, axis=-1) y = slice(c, axis=-2, start=1, stop=3)")},
  };
}

Rules concats() {
  return {
      {"concat-counts-from-last",
       exact,
       "(concat[axis=?a] ?xs...)",
       "(concat[axis=from_last(?a, ?xs...)] ?xs...)",
       {"!counts_from_last(?a)"},
       of_cube("y = concat(x, z, axis=1)")},
      {"concat-of-one", exact, "(concat[axis=?a] ?x)", "?x", {}, of_cube("y = concat(x, axis=1)")},
      {"concat-first-concat",
       exact,
       "(concat[axis=?a] (concat[axis=?a] ?xs...) ?ys...)",
       "(concat[axis=?a] ?xs... ?ys...)",
       {},
       of_cube("c = concat(x, z, axis=-1) y = concat(c, x, z, axis=-1)")},
      {"concat-second-concat",
       exact,
       "(concat[axis=?a] ?x (concat[axis=?a] ?xs...) ?ys...)",
       "(concat[axis=?a] ?x ?xs... ?ys...)",
       {},
       of_cube("c = concat(x, z, axis=-1) y = concat(x, c, z, axis=-1)")},
      {"concat-of-neighbours",
       exact,
       "(concat[axis=?a] (slice[axis=?a,start=?b,stop=?m] ?x) (slice[axis=?a,start=?m,stop=?e] ?x) "
       "?rest...)",
       "(concat[axis=?a] (slice[axis=?a,start=?b,stop=?e] ?x) ?rest...)",
       {"are_ordered(?b, ?m, ?e)"},
       of_cube("p = slice(x, axis=-1, start=0, stop=1) q = slice(x, axis=-1, start=1, stop=4) "
               "y = concat(p, q, axis=-1)")},
      {"reshape-of-concat",
       exact,
       "(reshape[shape=?s] (concat[axis=-1] ?x ?y))",
       "(concat[axis=-1] (reshape[shape=with_last(?s, extent(?x, -1))] ?x) "
       "(reshape[shape=with_last(?s, extent(?y, -1))] ?y))",
       {"joins_last(?x, ?y, ?s)"},
       of_cube("c = concat(x, z, axis=-1) y = reshape(c, shape=[6,8])")},
      {"broadcast-of-concat",
       exact,
       "(broadcast[shape=?s] (concat[axis=-1] ?x ?y))",
       "(concat[axis=-1] (broadcast[shape=with_last(?s, extent(?x, -1))] ?x) "
       "(broadcast[shape=with_last(?s, extent(?y, -1))] ?y))",
       {"joins_last(?x, ?y, ?s)"},
       of_cube("c = concat(x, z, axis=-1) y = broadcast(c, shape=[5,2,3,8])"),
       false},
      {"concat-of-broadcasts",
       exact,
       "(concat[axis=-1] (broadcast[shape=?s] ?x) (broadcast[shape=?t] ?y))",
       "(broadcast[shape=joined(?s, ?t, -1)] (concat[axis=-1] ?x ?y))",
       {"keeps_last(?x, ?s)", "keeps_last(?y, ?t)", "same_but_last(?x, ?y)"},
       graph("input x: f64[3,4] input z: f64[3,2] a = broadcast(x, shape=[2,3,4]) "
             "b = broadcast(z, shape=[2,3,2]) y = concat(a, b, axis=-1) output y = y")},
  };
}

}  // namespace

Rules views() {
  Rules rules;
  for (const auto& family : {reshapes, permutes, broadcasts, slices, concats}) {
    const Rules own = family();
    rules.insert(rules.end(), own.begin(), own.end());
  }
  return rules;
}

}  // namespace paceline::rules
