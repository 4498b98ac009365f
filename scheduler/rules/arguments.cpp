#include "scheduler/rules/arguments.h"

namespace paceline::rules {

egraph::ClassId Call::first_class(std::size_t i) const {
  const auto* list = std::get_if<std::vector<egraph::ClassId>>(&at(i));
  if (list == nullptr) return id(i);
  check(!list->empty(), "a rule gives a function an empty list");
  return list->front();
}

double Call::real(std::size_t i) const {
  return holds<std::int64_t>(i) ? static_cast<double>(integer(i)) : attribute<double>(i);
}

Dim Call::dim(std::size_t i) const {
  return holds<std::int64_t>(i) ? Dim(integer(i)) : attribute<Dim>(i);
}

std::optional<int> place_of(std::int64_t axis, int rank) {
  const std::int64_t place = axis < 0 ? axis + rank : axis;
  if (place < 0 || place >= rank) return std::nullopt;
  return static_cast<int>(place);
}

std::int64_t from_last(std::int64_t axis, int rank) { return axis < 0 ? axis : axis - rank; }

// Symbols stand for integers from 0 on, so without a negative term the difference is none.
bool is_known_at_least(const Dim& a, const Dim& b) {
  return (a - b).to_string().find('-') == std::string::npos;
}

void FunctionTable::add(const char* name, bool (*holds)(const Call&)) {
  all_.conditions[name] = [holds](egraph::Arguments arguments, const egraph::EGraph& graph) {
    return holds(Call(arguments, graph));
  };
}

void FunctionTable::add(const char* name, std::optional<Attribute> (*compute)(const Call&)) {
  all_.attributes[name] = [compute](egraph::Arguments arguments, const egraph::EGraph& graph) {
    return compute(Call(arguments, graph));
  };
}

}  // namespace paceline::rules
