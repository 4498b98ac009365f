#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "common/base/error.h"
#include "common/graph/attributes.h"
#include "common/graph/device.h"
#include "common/graph/op.h"
#include "common/graph/shape.h"
#include "common/graph/tensor.h"

namespace paceline {

// Reads the text forms of graphs, workloads, paths and plans from hostile input: everything it
// builds is bounded by the length of the text. Blanks and comments (# to the end of the line)
// separate words. Throws `invalid` with line, column and what was expected there. One thread;
// borrows the text.
class TextReader {
 public:
  explicit TextReader(std::string_view text) : text_(text) { skip_blanks(); }

  bool at_end() const { return at_ == text_.size(); }
  bool next_is(char c) const { return !at_end() && text_[at_] == c; }
  bool accept(std::string_view punctuation);
  bool accept_word(std::string_view word);  // A whole word: "graph" is not "graphs".
  void expect(std::string_view punctuation);
  void expect_word(std::string_view word);
  void expect_end();

  bool next_is_identifier() const;  // [A-Za-z_][A-Za-z0-9_]*
  std::string identifier(std::string_view what);
  std::string quoted(std::string_view what);
  std::string name(std::string_view what);  // An identifier, or anything in quotes.
  std::string word(std::string_view what);  // Of letters, digits and _ . + - %
  std::int64_t integer();
  std::int32_t index();  // An integer >= 0 that fits.
  Dim dim();
  Shape shape();      // [B,64]
  Extents extents();  // [2,64]
  TensorType type();  // f32[B,64], f32[B,64]{1,0}@"packing"
  Dtype dtype();
  Device device();  // cpu, cuda:0
  Attribute attribute(AttributeKind kind);
  bool next_is_attribute() const;                  // `name =`
  void attribute(const Op& op, Attributes& into);  // `axis=-1`, of the kind that the op declares.
  Tensor constant(const TensorType& type);         // 0.5, or [1,2,3] in row-major order.

  // "[a,b]" with any brackets; `item` reads one.
  void list(std::string_view open, std::string_view close, const std::function<void()>& item);

  // A place to report later, when what stands there turns out wrong.
  std::size_t place() const { return at_; }
  [[noreturn]] void fail(std::string_view expected) const;
  [[noreturn]] void fail_at(std::size_t place, const Error& error) const;
  [[noreturn]] void fail_at(std::size_t place, std::string_view message) const;
  // Runs `build`; its errors get the place.
  template <typename Build>
  auto located(std::size_t place, Build&& build) const {
    try {
      return build();
    } catch (const Error& error) {
      fail_at(place, error);
    }
  }

 private:
  void skip_blanks();
  std::string_view take_while(bool (*belongs)(char));

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace paceline
