#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "scheduler/egraph/program.h"

namespace paceline::egraph {

// What a variable of the text stands for in the program.
struct Slot {
  enum class Kind { register_, list, attribute, rest } kind;
  int at;
};

// The attributes behind [*=?rest], by the slot of the rest.
using RestNames = std::vector<std::vector<std::string>>;

std::string_view to_string(Slot::Kind kind);

// The variables that a left side binds.
class Scope {
 public:
  const Slot* find(const std::string& name) const {
    const auto found = slots_.find(name);
    return found == slots_.end() ? nullptr : &found->second;
  }
  void bind(const std::string& name, Slot slot) { slots_[name] = slot; }

 private:
  std::map<std::string, Slot> slots_;
};

// The two sides of a rule. Both throw `invalid` with the column and what is wrong there.
void check_arity(const Term& term, std::string_view text);
void compile_left(std::string_view text, const OpSet& ops, Program& program, Scope& scope,
                  RestNames& rests);
Build compile_right(std::string_view text, const Term& term, const Scope& scope,
                    const RestNames& rests, const Functions& functions);
ConditionCall compile_condition(std::string_view text, const Scope& scope,
                                const Functions& functions);

}  // namespace paceline::egraph
