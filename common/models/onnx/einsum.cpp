#include "common/models/onnx/einsum.h"

#include <algorithm>
#include <cctype>
#include <map>

#include "common/base/error.h"
#include "common/models/onnx/lower.h"

namespace paceline::onnx {

namespace {

// A value whose axes have names: letters, and '0', '1', ... for those of "...", from the last.
struct Named {
  Value value;
  std::string axes;
};

bool has(const std::string& axes, char name) { return axes.find(name) != std::string::npos; }

class Equation {
 public:
  Equation(const std::string& text, const std::vector<Value>& operands) : text_(text) {
    std::string plain;
    for (const char c : text) {
      if (!std::isspace(static_cast<unsigned char>(c))) plain += c;
    }
    const std::size_t arrow = plain.find("->");
    const std::string left = plain.substr(0, arrow);
    std::size_t start = 0;
    for (const Value& operand : operands) {
      if (start > left.size()) fail("it has fewer terms than there are operands");
      const std::size_t stop = std::min(left.find(',', start), left.size());
      terms_.push_back(spelled(left.substr(start, stop - start), operand.rank()));
      start = stop + 1;
    }
    if (start <= left.size()) fail("it has more terms than there are operands");
    output_ = arrow == std::string::npos ? implied() : spelled(plain.substr(arrow + 2), -1);
    for (const char name : output_) {
      const bool is_known = std::any_of(terms_.begin(), terms_.end(),
                                        [&](const std::string& term) { return has(term, name); });
      if (!is_known || std::count(output_.begin(), output_.end(), name) > 1) {
        fail("an axis of the result is unknown or repeated");
      }
    }
  }

  const std::vector<std::string>& terms() const { return terms_; }
  const std::string& output() const { return output_; }

  [[noreturn]] void fail(std::string_view why) const {
    throw invalid("no sound equation, {}: \"{}\"", why, text_);
  }

 private:
  std::string spelled(const std::string& term, int rank) {
    const std::size_t dots = term.find("...");
    const std::string before = term.substr(0, dots);
    const std::string after = dots == std::string::npos ? "" : term.substr(dots + 3);
    for (const char c : before + after) {
      if (!std::isalpha(static_cast<unsigned char>(c))) fail("axes are letters");
    }
    const int named = static_cast<int>(before.size() + after.size());
    int open = dots == std::string::npos ? 0 : rank < 0 ? open_ : rank - named;
    if (open < 0 || open > tensor_rank_max || (rank >= 0 && named + open != rank)) {
      fail(fmt::format("a term does not fit an operand of rank {}", rank));
    }
    open_ = std::max(open_, open);
    std::string axes = before;
    while (open > 0) axes += static_cast<char>('0' + --open);
    return axes + after;
  }

  // Without "->": what stands once, in alphabetical order; "..." first.
  std::string implied() const {
    std::map<char, int> counts;
    for (const std::string& term : terms_) {
      for (const char name : term) ++counts[name];
    }
    std::string output;
    for (int open = open_; open > 0;) output += static_cast<char>('0' + --open);
    for (const auto& [name, count] : counts) {
      if (std::isalpha(static_cast<unsigned char>(name)) && count == 1) output += name;
    }
    return output;
  }

  std::string text_;
  std::vector<std::string> terms_;
  std::string output_;
  int open_ = 0;  // Axes that "..." stands for.
};

Named ordered(const Named& named, const std::string& axes) {
  std::vector<std::int64_t> order;
  for (const char name : axes) order.push_back(static_cast<std::int64_t>(named.axes.find(name)));
  if (order == identity_order(named.value.rank())) return {named.value, axes};
  return {named.value.permute(order), axes};
}

// Of an axis that is named twice only the diagonal counts: every (n + 1)th of its n * n elements.
Named without_repeats(Named named) {
  for (std::size_t i = 0; i < named.axes.size(); ++i) {
    const std::size_t again = named.axes.find(named.axes[i], i + 1);
    if (again == std::string::npos) continue;
    auto order = identity_order(named.value.rank());
    order.erase(order.begin() + static_cast<std::ptrdiff_t>(again));
    order.insert(order.begin() + static_cast<std::ptrdiff_t>(i) + 1,
                 static_cast<std::int64_t>(again));
    Value value = named.value.permute(order);
    const std::int64_t extent = fixed(value.dim(static_cast<int>(i)), "a diagonal");
    Shape shape = value.shape();
    shape.erase(shape.begin() + static_cast<std::ptrdiff_t>(i));
    const Dim square = Dim(extent) * Dim(extent);
    shape[i] = square;
    value = value.reshape(shape).slice(static_cast<int>(i), 0, square, extent + 1);
    named.value = value;
    named.axes.erase(again, 1);
    return without_repeats(named);
  }
  return named;
}

Named summed_to(const Named& named, const std::string& needed) {
  Axes axes;
  std::string kept;
  for (std::size_t i = 0; i < named.axes.size(); ++i) {
    if (has(needed, named.axes[i])) {
      kept += named.axes[i];
    } else {
      axes.push_back(static_cast<std::int64_t>(i));
    }
  }
  return {reduce("reduce_sum", named.value, axes, false), kept};
}

class Product {
 public:
  Product(const Equation& equation, Named a, Named b, const std::string& needed)
      : equation_(equation) {
    a = summed_to(a, needed + b.axes);
    b = summed_to(b, needed + a.axes);
    add_extents(a);
    add_extents(b);
    for (const char name : a.axes) {
      (!has(b.axes, name) ? rows_ : has(needed, name) ? batch_ : inner_) += name;
    }
    for (const char name : b.axes) {
      if (!has(a.axes, name)) columns_ += name;
    }
    const Value left =
        as_matrix(a, batch_ + rows_ + inner_, {count(batch_), count(rows_), count(inner_)});
    const Value right =
        as_matrix(b, batch_ + inner_ + columns_, {count(batch_), count(inner_), count(columns_)});
    const bool is_matrix = batch_.empty();
    Value y = is_matrix ? matmul(drop_axes(left, {0}), drop_axes(right, {0})) : matmul(left, right);
    result_ = {y.reshape(extents(batch_ + rows_ + columns_)), batch_ + rows_ + columns_};
  }

  const Named& result() const { return result_; }

 private:
  void add_extents(const Named& named) {
    for (std::size_t i = 0; i < named.axes.size(); ++i) {
      const Dim& extent = named.value.shape()[i];
      auto [known, is_new] = extents_.emplace(named.axes[i], extent);
      if (is_new || known->second == extent || extent == Dim(1)) continue;
      if (known->second != Dim(1)) {
        equation_.fail(fmt::format("axis {} has extents {} and {}", named.axes[i],
                                   known->second.to_string(), extent.to_string()));
      }
      known->second = extent;
    }
  }

  Shape extents(const std::string& axes) const {
    Shape shape;
    for (const char name : axes) shape.push_back(extents_.at(name));
    return shape;
  }
  Dim count(const std::string& axes) const { return element_count(extents(axes)); }

  Value as_matrix(const Named& named, const std::string& axes, const Shape& shape) const {
    return ordered(named, axes).value.broadcast(extents(axes)).reshape(shape);
  }

  const Equation& equation_;
  std::map<char, Dim> extents_;
  std::string batch_, rows_, inner_, columns_;
  Named result_;
};

}  // namespace

Value einsum(const std::string& equation, std::vector<Value> operands) {
  if (operands.empty()) throw invalid("a sum of products of nothing: \"{}\"", equation);
  const Equation parsed(equation, operands);
  const Dtype dtype = operands[0].dtype();
  std::vector<Named> named;
  for (std::size_t i = 0; i < operands.size(); ++i) {
    // Products are of floats; doubles hold integers below 2^53.
    const Value value = is_float(dtype) ? operands[i] : operands[i].cast(Dtype::f64);
    named.push_back(without_repeats({value, parsed.terms()[i]}));
  }
  Named result = named[0];
  for (std::size_t i = 1; i < named.size(); ++i) {
    std::string needed = parsed.output();
    for (std::size_t later = i + 1; later < named.size(); ++later) needed += named[later].axes;
    result = Product(parsed, result, named[i], needed).result();
  }
  result = ordered(summed_to(result, parsed.output()), parsed.output());
  return result.value.cast(dtype);
}

}  // namespace paceline::onnx
