#include <fmt/format.h>

#include "scheduler/rules/families.h"

namespace paceline::rules {

namespace {

using enum Precision;

// Products and rows of weights that are blocks of bytes take the blocks as they are. In f32, which
// holds what dequantising gives; halves would round it.
Rules of_blocks() {
  const std::string given =
      "graph \"example\" {{ input x: f32[2,3,32] weight w: u8[5,34] weight b: f32[5] "
      "d = dequantize(w, format=\"q8_0\") y = linear(x, d{}) output y = y }}";
  return {
      {"linear-of-blocks",
       exact,
       "(linear ?x (dequantize[format=?f,dtype=f32] ?w))",
       "(linear_quantized[format=?f] ?x ?w)",
       {"has_rank(?w, 2)"},
       fmt::format(fmt::runtime(given), "")},
      {"linear-of-blocks-with-bias",
       exact,
       "(linear ?x (dequantize[format=?f,dtype=f32] ?w) ?b)",
       "(linear_quantized[format=?f] ?x ?w ?b)",
       {"has_rank(?w, 2)"},
       fmt::format(fmt::runtime(given), ", b")},
      {"embedding-of-blocks",
       exact,
       "(embedding ?ids (dequantize[*=?r] ?w))",
       "(dequantize[*=?r] (embedding ?ids ?w))",
       {"has_rank(?w, 2)"},
       graph("input ids: i64[3] weight w: u8[5,34] d = dequantize(w, format=\"q8_0\") "
             "y = embedding(ids, d) output y = y")},
  };
}

// Weights in fewer bits, made when they are bound. Formats of fewer than 8 lose more than any
// tolerance of a whole model takes: they are for files that were made so.
Rules in_blocks() {
  Rules rules;
  for (const std::string format : {"q8_0"}) {
    for (const bool has_bias : {false, true}) {
      const std::string bias = has_bias ? " ?b" : "", name = has_bias ? "-and-bias" : "";
      const auto example = [&](const char* weight, const char* how) {
        return graph(
            fmt::format("input x: f32[2,3,64] weight w: {} weight b: f32[5] "
                        "y = linear(x, w{}{}) output y = y",
                        weight, has_bias ? ", b" : "", how));
      };
      rules.push_back(
          {fmt::format("linear-in-{}{}", format, name),
           narrows,
           fmt::format("(linear ?x ?w:static{})", bias),
           fmt::format("(linear_quantized[format=\"{0}\"] ?x (quantize[format=\"{0}\"] ?w){1})",
                       format, bias),
           {"has_dtype(?x, f32)", "is_bound(?w)"},
           example("f32[5,64]", "")});
      rules.push_back({fmt::format("linear-by-rows-in-{}{}", format, name),
                       narrows,
                       fmt::format("(linear[transpose_weight=false] ?x ?w:static{})", bias),
                       fmt::format("(linear_quantized[format=\"{0}\"] ?x (quantize[format=\"{0}\"] "
                                   "(permute[order=[1,0]] ?w)){1})",
                                   format, bias),
                       {"has_dtype(?x, f32)", "is_bound(?w)"},
                       example("f32[64,5]", ", transpose_weight=false")});
    }
  }
  return rules;
}

}  // namespace

Rules quantised() {
  Rules rules = of_blocks();
  const Rules made = in_blocks();
  rules.insert(rules.end(), made.begin(), made.end());
  return rules;
}

}  // namespace paceline::rules
