#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/graph/dim.h"

namespace paceline {

// The distinct dims of a plan, evaluated once per binding however many tensors share them; a new
// binding evaluates only those whose symbols changed. One thread.
class DimTable {
 public:
  std::int32_t add(const Dim& dim);  // The same index for equal dims.

  // Throws `invalid` for an unbound or negative symbol; everything counts as changed after that.
  void bind(const Bindings& bindings);
  void forget();  // Everything changes at the next bind.

  std::int64_t value(std::int32_t dim) const { return entries_[dim].value; }
  bool changed(std::int32_t dim) const { return entries_[dim].changed; }  // By the last bind.
  bool changed(const std::set<std::string>& symbols) const;

 private:
  struct Entry {
    Dim dim;
    std::set<std::string> symbols;
    std::int64_t value = 0;
    bool changed = true;
  };

  bool is_new(const std::string& symbol, const Bindings& bindings) const;

  std::map<Dim, std::int32_t> indices_;
  std::vector<Entry> entries_;
  Bindings bound_;
  std::set<std::string> changed_symbols_;
  bool is_first_ = true;
};

}  // namespace paceline
