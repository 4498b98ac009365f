#include "worker/execute/dim_table.h"

namespace paceline {

std::int32_t DimTable::add(const Dim& dim) {
  const auto [at, is_new] = indices_.try_emplace(dim, static_cast<std::int32_t>(entries_.size()));
  const std::int32_t index = at->second;
  if (!is_new) return index;
  entries_.push_back({.dim = dim});
  for (const std::string& symbol : dim.symbols()) {
    symbols_[add_symbol(symbol)].dims.push_back(index);
  }
  is_first_ = true;
  return index;
}

std::int32_t DimTable::add_symbol(const std::string& symbol) {
  const auto [at, is_new] =
      symbol_indices_.try_emplace(symbol, static_cast<std::int32_t>(symbols_.size()));
  if (is_new) symbols_.push_back({.name = symbol});
  return at->second;
}

void DimTable::forget() { is_first_ = true; }

void DimTable::find_changed_symbols(const Bindings& bindings) {
  changed_symbols_.clear();
  for (std::size_t i = 0; i < symbols_.size(); ++i) {
    Symbol& symbol = symbols_[i];
    const auto bound = bindings.find(symbol.name);
    const bool is_bound = bound != bindings.end();
    if (is_bound && bound->second == symbol.value && !is_first_) continue;
    symbol.value = is_bound ? bound->second : -1;
    changed_symbols_.push_back(static_cast<std::int32_t>(i));
  }
}

void DimTable::bind(const Bindings& bindings) {
  find_changed_symbols(bindings);
  changed_dims_.clear();
  ++round_;
  const bool is_first = is_first_;
  is_first_ = true;  // Until all went well.
  if (is_first) {
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      evaluate(static_cast<std::int32_t>(i), bindings, true);
    }
  } else {
    for (const std::int32_t symbol : changed_symbols_) {
      for (const std::int32_t dim : symbols_[symbol].dims) evaluate(dim, bindings, false);
    }
  }
  is_first_ = false;
}

void DimTable::evaluate(std::int32_t dim, const Bindings& bindings, bool is_first) {
  Entry& entry = entries_[dim];
  if (entry.round == round_) return;
  entry.round = round_;
  const std::int64_t value = entry.dim.evaluate(bindings);
  if (value == entry.value && !is_first) return;
  entry.value = value;
  changed_dims_.push_back(dim);
}

void Dependents::add(std::int32_t on, std::int32_t id) {
  if (static_cast<std::size_t>(on) >= lists_.size()) lists_.resize(on + 1);
  std::vector<std::int32_t>& list = lists_[on];
  if (list.empty() || list.back() != id) list.push_back(id);
}

std::span<const std::int32_t> Dependents::of(std::int32_t on) const {
  if (static_cast<std::size_t>(on) >= lists_.size()) return {};
  return lists_[on];
}

}  // namespace paceline
