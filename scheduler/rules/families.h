#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "scheduler/egraph/rule.h"

// The rules of each family; `rules.h` has all of them together.
namespace paceline::rules {

using Rules = std::vector<egraph::Rule>;

Rules algebra();            // Numbers: neutral elements, signs, powers, order of sums and products.
Rules logic();              // Comparisons, booleans, where.
Rules views();              // reshape, permute, slice, broadcast and concat of each other.
Rules elementwise_moves();  // The same through elementwise ops.
Rules casts();              // Casts of casts, casts through moves, narrower products.
Rules reductions();         // Sums, maxima and minima along axes.
Rules matmul();             // Transposes, factors, association, distribution.
Rules linear();             // Products with a matrix of weights.
Rules quantised();          // Products with weights in blocks of bytes.
Rules softmax();
Rules norm();
Rules activation();
Rules rope();
Rules attention();
Rules mask();         // Masks that say what attributes can say.
Rules fused();        // Ops that do the work of several nodes.
Rules convolution();  // Channels' factors into weights; what follows a convolution.
Rules packed();       // Weights that are packed when they are bound.

// Rules in code: see dynamic_rules().
egraph::DynamicRule lift_norm_of_ones();

// `graph "example" { BODY }`.
std::string graph(std::string_view body);
// The op with its attributes as variables: "gelu[approximate=?r]".
std::string any_form(const std::string& op);
// An op of each class, for rules that hold for all of them alike.
const std::vector<std::string>& unary_ops();   // Float to float, elementwise.
const std::vector<std::string>& binary_ops();  // Two floats to a float, elementwise.

}  // namespace paceline::rules
