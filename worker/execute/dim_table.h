#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "common/graph/dim.h"

namespace paceline {

// The distinct dims of a plan, evaluated once per binding however many tensors share them; a new
// binding evaluates only those whose symbols changed. One thread.
class DimTable {
 public:
  std::int32_t add(const Dim& dim);                    // The same index for equal dims.
  std::int32_t add_symbol(const std::string& symbol);  // The same index for equal names.

  // Throws `invalid` for an unbound or negative symbol; everything counts as changed after that.
  void bind(const Bindings& bindings);
  void forget();  // Everything changes at the next bind.

  std::int64_t value(std::int32_t dim) const { return entries_[dim].value; }
  // By the last bind: dims with another value, each once, and symbols.
  std::span<const std::int32_t> changed_dims() const { return changed_dims_; }
  std::span<const std::int32_t> changed_symbols() const { return changed_symbols_; }
  std::size_t dim_count() const { return entries_.size(); }
  std::size_t symbol_count() const { return symbols_.size(); }

 private:
  struct Entry {
    Dim dim;
    std::int64_t value = 0;
    std::uint64_t round = 0;  // Of the last evaluation.
  };
  struct Symbol {
    std::string name;
    std::int64_t value = -1;  // No symbol's.
    std::vector<std::int32_t> dims;
  };

  void find_changed_symbols(const Bindings& bindings);
  void evaluate(std::int32_t dim, const Bindings& bindings, bool is_first);

  std::map<Dim, std::int32_t> indices_;
  std::map<std::string, std::int32_t> symbol_indices_;
  std::vector<Entry> entries_;
  std::vector<Symbol> symbols_;
  std::vector<std::int32_t> changed_dims_;
  std::vector<std::int32_t> changed_symbols_;
  std::uint64_t round_ = 0;
  bool is_first_ = true;
};

// What depends on which dim or symbol: lists of 32-bit ids by index, filled once.
class Dependents {
 public:
  void add(std::int32_t on, std::int32_t id);
  std::span<const std::int32_t> of(std::int32_t on) const;

 private:
  std::vector<std::vector<std::int32_t>> lists_;
};

}  // namespace paceline
