#include <fmt/format.h>

#include "scheduler/rules/families.h"

namespace paceline::rules {

namespace {

using enum Precision;

// One packing for each kind of weight, which all kernels share: panels of 32 columns, groups of 32
// bits along K.
struct Kind {
  std::string dtype, depth;
};

const Kind kinds[] = {{"f32", "1"}, {"f16", "2"}, {"bf16", "2"}};

std::string product(const Kind& kind, std::string_view weight) {
  return fmt::format(
      "(linear_packed[columns=column_count(?w),weight_dtype={}] ?x "
      "(pack_weight[transpose_weight=false,tile=32,depth={}] {}) ?b...)",
      kind.dtype, kind.depth, weight);
}

std::string of_weights(std::string_view dtype) {
  return graph(
      fmt::format("input x: {0}[2,3,4] weight w: {0}[4,5] weight b: {0}[5] "
                  "y = linear(x, w, b, transpose_weight=false) output y = y",
                  dtype));
}

// A weight that bind time knows is packed then, whichever way round it was stored: from the form
// [K,N], which every such weight has.
Rules packings() {
  const std::string left = "(linear[transpose_weight=false] ?x ?w:static ?b...)";
  Rules rules;
  for (const Kind& kind : kinds) {
    rules.push_back({"weight-packed-as-" + kind.dtype,
                     exact,
                     left,
                     product(kind, "?w"),
                     {fmt::format("has_dtype(?w, {})", kind.dtype)},
                     of_weights(kind.dtype)});
  }
  rules.push_back({"weight-packed-in-f16",
                   narrows,
                   left,
                   product(kinds[1], "(cast[dtype=f16] ?w)"),
                   {"has_dtype(?w, f32)"},
                   of_weights("f32")});
  rules.push_back({"packed-transpose",
                   exact,
                   "(pack_weight[transpose_weight=?t,*=?r] (permute[order=?p] ?w))",
                   "(pack_weight[transpose_weight=not(?t),*=?r] ?w)",
                   {"swaps_last_two(?p)"},
                   graph("weight w: f32[4,5] p = permute(w, order=[1,0]) "
                         "y = pack_weight(p, tile=4) output y = y")});
  return rules;
}

// A weight of f32 in three quarters of its bytes, rounded no more than sums in f32 are: where
// reading it takes longer than multiplying, which measuring finds. After what is packed with its
// endings.
Rules in_24_bits() {
  return {{"weight-packed-in-24-bits",
           approximates,
           "(linear_packed[*=?r,weight_dtype=f32] ?x "
           "(pack_weight[transpose_weight=?t,tile=32,depth=1] ?w:static) ?b...)",
           "(linear_packed_24[*=?r] ?x (pack_weight_24[transpose_weight=?t] ?w) ?b...)",
           {"has_dtype(?x, f32)"},
           graph("input x: f32[2,4] weight w: f32[4,5] weight b: f32[5] "
                 "v = pack_weight(w, tile=32, transpose_weight=false) "
                 "y = linear_packed(x, v, b, columns=5, activation=\"relu\") output y = y")}};
}

// What happens to a product as it leaves the registers.
Rules endings() {
  struct Activation {
    std::string name, op, call;
  };
  const std::string given =
      "input x: f32[2,4] weight w: f32[4,5] weight b: f32[5] input z: f32[2,5] "
      "v = pack_weight(w, tile=4, transpose_weight=false) l = linear_packed{}(x, v, {}b, "
      "columns=5) "
      "y = {} output y = y";
  const auto example = [&](bool has_residual, std::string_view last) {
    return graph(fmt::format(fmt::runtime(given), has_residual ? "_residual" : "",
                             has_residual ? "z, " : "", last));
  };
  Rules rules;
  for (const Activation& a :
       {Activation{"gelu", "gelu", "gelu(l)"},
        Activation{"gelu_tanh", "gelu[approximate=\"tanh\"]", "gelu(l, approximate=\"tanh\")"},
        Activation{"silu", "silu", "silu(l)"}, Activation{"relu", "relu", "relu(l)"},
        Activation{"sigmoid", "sigmoid", "sigmoid(l)"}}) {
    rules.push_back(
        {"packed-with-" + a.name,
         exact,
         fmt::format("({} (linear_packed[*=?r,activation=\"none\"] ?x ?w ?b...))", a.op),
         fmt::format("(linear_packed[*=?r,activation=\"{}\"] ?x ?w ?b...)", a.name),
         {},
         example(false, a.call)});
  }
  rules.push_back({"packed-with-residual",
                   exact,
                   "(add (linear_packed[*=?r,activation=\"none\"] ?x ?w ?b...) ?z)",
                   "(linear_packed_residual[*=?r] ?x ?w ?z ?b...)",
                   {},
                   example(false, "add(l, z)")});
  rules.push_back({"packed-with-residual-and-relu",
                   exact,
                   "(relu (linear_packed_residual[*=?r,activation=\"none\"] ?x ?w ?z ?b...))",
                   "(linear_packed_residual[*=?r,activation=\"relu\"] ?x ?w ?z ?b...)",
                   {},
                   example(true, "relu(l)")});
  return rules;
}

}  // namespace

Rules packed() {
  Rules rules = packings();
  for (const Rules& more : {in_24_bits(), endings()}) {
    rules.insert(rules.end(), more.begin(), more.end());
  }
  return rules;
}

}  // namespace paceline::rules
