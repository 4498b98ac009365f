#include <fmt/format.h>

#include "scheduler/rules/families.h"

namespace paceline::rules {

namespace {

using enum Precision;

std::string of_floats(std::string_view body) {
  return graph(fmt::format("input x: f32[2,3] input h: bf16[2,3] {} output y = y", body));
}

Rules chains() {
  return {
      {"cast-to-itself",
       exact,
       "(cast[dtype=?d] ?x)",
       "?x",
       {"has_dtype(?x, ?d)"},
       of_floats("y = cast(x, dtype=f32)")},
      // The first cast changes no value, so the second alone does the same.
      {"cast-after-widening",
       exact,
       "(cast[dtype=?e] (cast[dtype=?d] ?x))",
       "(cast[dtype=?e] ?x)",
       {"keeps_values(?x, ?d, ?e)"},
       of_floats("w = cast(h, dtype=f32) y = cast(w, dtype=f16)")},
      {"cast-to-narrower-and-back",
       narrows,
       "(cast[dtype=?e] (cast[dtype=?d] ?x))",
       "?x",
       {"has_dtype(?x, ?e)", "is_float(?x)", "is_float_dtype(?d)"},
       of_floats("n = cast(x, dtype=bf16) y = cast(n, dtype=f32)")},
  };
}

// A cast and what only moves elements.
Rules past_moves() {
  Rules rules;
  struct Move {
    std::string name, open, call;
  };
  for (const Move& move : {Move{"reshape", "(reshape[*=?r]", "reshape(x, shape=[3,2])"},
                           Move{"permute", "(permute[*=?r]", "permute(x, order=[1,0])"},
                           Move{"broadcast", "(broadcast[*=?r]", "broadcast(x, shape=[4,2,3])"}}) {
    rules.push_back({"cast-of-" + move.name,
                     exact,
                     fmt::format("(cast[dtype=?d] {} ?x))", move.open),
                     fmt::format("{} (cast[dtype=?d] ?x))", move.open),
                     {},
                     of_floats(fmt::format("m = {} y = cast(m, dtype=bf16)", move.call))});
  }
  rules.push_back({"slice-of-cast",
                   exact,
                   "(slice[*=?r] (cast[dtype=?d] ?x))",
                   "(cast[dtype=?d] (slice[*=?r] ?x))",
                   {},
                   of_floats("c = cast(x, dtype=bf16) y = slice(c, axis=-1, stop=2)")});
  rules.push_back({"cast-of-concat",
                   exact,
                   "(cast[dtype=?d] (concat[axis=?a] ?x ?z))",
                   "(concat[axis=?a] (cast[dtype=?d] ?x) (cast[dtype=?d] ?z))",
                   {},
                   of_floats("c = concat(x, x, axis=0) y = cast(c, dtype=bf16)")});
  rules.push_back({"cast-of-where",
                   exact,
                   "(cast[dtype=?d] (where ?p ?x ?z))",
                   "(where ?p (cast[dtype=?d] ?x) (cast[dtype=?d] ?z))",
                   {},
                   of_floats("z = exp(x) p = less(x, z) w = where(p, x, z) "
                             "y = cast(w, dtype=bf16)")});
  return rules;
}

// Rounding keeps order and sign, so it trades places with what only looks at those.
Rules past_selections() {
  Rules rules;
  for (const std::string op : {"neg", "abs", "relu"}) {
    rules.push_back({"cast-of-" + op,
                     exact,
                     fmt::format("(cast[dtype=?d] ({} ?x))", op),
                     fmt::format("({} (cast[dtype=?d] ?x))", op),
                     {"is_float(?x)", "is_float_dtype(?d)"},
                     of_floats(fmt::format("e = {}(x) y = cast(e, dtype=bf16)", op))});
  }
  for (const std::string op : {"minimum", "maximum"}) {
    rules.push_back(
        {"cast-of-" + op,
         exact,
         fmt::format("(cast[dtype=?d] ({} ?x ?z))", op),
         fmt::format("({0} (cast[dtype=?d] ?x) (cast[dtype=?d] ?z))", op),
         {"is_float(?x)", "is_float_dtype(?d)"},
         of_floats(fmt::format("z = exp(x) e = {}(x, z) y = cast(e, dtype=bf16)", op))});
  }
  return rules;
}

// What a float of fewer bits computes in place of an f32 one.
Rules narrow_products() {
  Rules rules;
  for (const std::string d : {"bf16", "f16"}) {
    const auto inside = [&](std::string_view x) {
      return fmt::format("(cast[dtype={}] {})", d, x);
    };
    const std::string linear =
        fmt::format("(cast[dtype=f32] (linear[*=?r] {} {}", inside("?x"), inside("?w"));
    rules.push_back({"linear-in-" + d,
                     narrows,
                     "(linear[*=?r] ?x ?w:static)",
                     linear + "))",
                     {"has_dtype(?x, f32)"},
                     graph("input x: f32[2,3] weight w: f32[4,3] y = linear(x, w) output y = y")});
    rules.push_back({"linear-with-bias-in-" + d,
                     narrows,
                     "(linear[*=?r] ?x ?w:static ?b:static)",
                     fmt::format("{} {}))", linear, inside("?b")),
                     {"has_dtype(?x, f32)"},
                     graph("input x: f32[2,3] weight w: f32[4,3] weight b: f32[4] "
                           "y = linear(x, w, b) output y = y")});
    rules.push_back(
        {"matmul-in-" + d,
         narrows,
         "(matmul[*=?r] ?x ?w)",
         fmt::format("(cast[dtype=f32] (matmul[*=?r] {} {}))", inside("?x"), inside("?w")),
         {"has_dtype(?x, f32)"},
         graph("input x: f32[2,3] input w: f32[3,4] y = matmul(x, w) output y = y")});
    rules.push_back(
        {"attention-in-" + d,
         narrows,
         "(attention[*=?r] ?q ?k ?v)",
         fmt::format("(cast[dtype=f32] (attention[*=?r] {} {} {}))", inside("?q"), inside("?k"),
                     inside("?v")),
         {"has_dtype(?q, f32)"},
         graph("input q: f32[1,2,3,4] y = attention(q, q, q, scale=0.5) output y = y")});
  }
  return rules;
}

// Around ops that kernels of a narrow float compute in f32 inside.
Rules wide_inside() {
  Rules rules;
  struct Inside {
    std::string name, left, right, call;
  };
  for (const Inside& op :
       {Inside{"softmax", "(softmax[*=?r] (cast[dtype=f32] ?x))", "(softmax[*=?r] ?x)",
               "softmax(w)"},
        Inside{"silu", "(silu (cast[dtype=f32] ?x))", "(silu ?x)", "silu(w)"},
        Inside{"gelu", "(gelu[*=?r] (cast[dtype=f32] ?x))", "(gelu[*=?r] ?x)", "gelu(w)"},
        Inside{"sigmoid", "(sigmoid (cast[dtype=f32] ?x))", "(sigmoid ?x)", "sigmoid(w)"}}) {
    rules.push_back(
        {op.name + "-in-f32-inside",
         narrows,
         fmt::format("(cast[dtype=?d] {})", op.left),
         op.right,
         {"has_dtype(?x, ?d)"},
         of_floats(fmt::format("w = cast(h, dtype=f32) e = {} y = cast(e, dtype=bf16)", op.call))});
  }
  rules.push_back({"rms-norm-in-f32-inside",
                   narrows,
                   "(cast[dtype=?d] (rms_norm[*=?r] (cast[dtype=f32] ?x) (cast[dtype=f32] ?w)))",
                   "(rms_norm[*=?r] ?x ?w)",
                   {"has_dtype(?x, ?d)", "has_dtype(?w, ?d)"},
                   graph("input x: bf16[2,8] weight g: bf16[8] w = cast(x, dtype=f32) "
                         "h = cast(g, dtype=f32) n = rms_norm(w, h) y = cast(n, dtype=bf16) "
                         "output y = y")});
  rules.push_back(
      {"layer-norm-in-f32-inside",
       narrows,
       "(cast[dtype=?d] (layer_norm[*=?r] (cast[dtype=f32] ?x) (cast[dtype=f32] ?w) "
       "(cast[dtype=f32] ?b)))",
       "(layer_norm[*=?r] ?x ?w ?b)",
       {"has_dtype(?x, ?d)", "has_dtype(?w, ?d)", "has_dtype(?b, ?d)"},
       graph("input x: bf16[2,8] weight g: bf16[8] weight s: bf16[8] w = cast(x, dtype=f32) "
             "h = cast(g, dtype=f32) t = cast(s, dtype=f32) n = layer_norm(w, h, t) "
             "y = cast(n, dtype=bf16) output y = y")});
  return rules;
}

}  // namespace

Rules casts() {
  Rules rules;
  for (const auto& family : {chains, past_moves, past_selections, narrow_products, wide_inside}) {
    const Rules own = family();
    rules.insert(rules.end(), own.begin(), own.end());
  }
  return rules;
}

}  // namespace paceline::rules
