#include "worker/execute/dim_table.h"

#include <algorithm>

namespace paceline {

std::int32_t DimTable::add(const Dim& dim) {
  const auto [at, is_new] = indices_.try_emplace(dim, static_cast<std::int32_t>(entries_.size()));
  if (is_new) entries_.push_back({.dim = dim, .symbols = dim.symbols()});
  return at->second;
}

void DimTable::forget() {
  bound_.clear();
  is_first_ = true;
}

bool DimTable::is_new(const std::string& symbol, const Bindings& bindings) const {
  const auto before = bound_.find(symbol);
  const auto now = bindings.find(symbol);
  return before == bound_.end() || now == bindings.end() || before->second != now->second;
}

void DimTable::bind(const Bindings& bindings) {
  changed_symbols_.clear();
  for (const auto& [symbol, value] : bindings) {
    if (is_new(symbol, bindings)) changed_symbols_.insert(symbol);
  }
  const bool all = is_first_;
  is_first_ = true;  // Until all went well.
  for (Entry& entry : entries_) {
    entry.changed = all;
    const bool asked = all || std::any_of(entry.symbols.begin(), entry.symbols.end(),
                                          [&](const auto& s) { return is_new(s, bindings); });
    if (!asked) continue;
    const std::int64_t value = entry.dim.evaluate(bindings);
    entry.changed = all || value != entry.value;
    entry.value = value;
  }
  bound_ = bindings;
  is_first_ = false;
}

bool DimTable::changed(const std::set<std::string>& symbols) const {
  return std::any_of(symbols.begin(), symbols.end(),
                     [&](const auto& symbol) { return changed_symbols_.contains(symbol); });
}

}  // namespace paceline
