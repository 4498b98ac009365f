#include "scheduler/rules/families.h"

#include <fmt/format.h>

namespace paceline::rules {

std::string graph(std::string_view body) { return fmt::format("graph \"example\" {{ {} }}", body); }

std::string any_form(const std::string& op) {
  if (op == "gelu") return op + "[approximate=?r]";
  if (op == "gated_activation") return op + "[activation=?r]";
  return op;
}

const std::vector<std::string>& unary_ops() {
  static const std::vector<std::string> ops{"neg",   "abs",     "exp",  "log", "sqrt",
                                            "rsqrt", "sin",     "cos",  "erf", "tanh",
                                            "relu",  "sigmoid", "silu", "gelu"};
  return ops;
}

const std::vector<std::string>& binary_ops() {
  static const std::vector<std::string> ops{"add", "sub",     "mul",     "div",
                                            "pow", "minimum", "maximum", "gated_activation"};
  return ops;
}

}  // namespace paceline::rules
