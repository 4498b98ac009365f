#pragma once

#include <capnp/list.h>

#include <string>
#include <string_view>
#include <vector>

#include "common/base/error.h"
#include "common/base/id.h"
#include "common/graph/kernel_info.h"
#include "common/graph/machine.h"
#include "common/graph/measurement.h"
#include "common/graph/path_measurement.h"
#include "schema/wire/nouns.capnp.h"

// Between nouns and generated types; for codec.cpp alone. `read` throws `invalid` for values that a
// noun cannot hold.
namespace paceline::wire {

// UTF-8 without NUL, as a database can keep it.
std::string read(capnp::Text::Reader text);
Digest read_digest(capnp::Data::Reader data);

template <typename Id>
Id read_id(capnp::Data::Reader data) {
  return {read_digest(data)};
}

inline capnp::Data::Reader bytes_of(const Digest& digest) {
  return {digest.bytes.data(), digest.bytes.size()};
}
template <typename Tag>
capnp::Data::Reader bytes_of(const Id<Tag>& id) {
  return bytes_of(id.digest);
}

inline capnp::Text::Reader text_of(const std::string& text) { return {text.c_str(), text.size()}; }
// The names that enumerations are sent by are literals.
inline capnp::Text::Reader text_of(std::string_view literal) {
  return {literal.data(), literal.size()};
}

template <typename Builder, typename Values>
void write_texts(Builder list, const Values& values) {
  for (unsigned i = 0; i < values.size(); ++i) list.set(i, text_of(values[i]));
}
template <typename Number>
std::vector<Number> read_numbers(typename capnp::List<Number>::Reader list) {
  std::vector<Number> numbers;
  numbers.reserve(list.size());
  for (const Number number : list) numbers.push_back(number);
  return numbers;
}
std::vector<std::string> read_texts(capnp::List<capnp::Text>::Reader list);

// The value that `parse` makes of a name; throws `invalid` naming `what`.
template <typename Parse>
auto read_name(capnp::Text::Reader text, Parse parse, std::string_view what) {
  const std::string name = read(text);
  const auto value = parse(name);
  if (!value) throw invalid("message with an unknown {}: {}", what, name);
  return *value;
}

void write(const Machine& machine, schema::Machine::Builder out);
Machine read(schema::Machine::Reader in);
void write(const Environment& environment, schema::Environment::Builder out);
Environment read(schema::Environment::Reader in);
void write(const KernelInfo& kernel, schema::Kernel::Builder out);
KernelInfo read(schema::Kernel::Reader in);
void write(const Roofline& roofline, schema::Roofline::Builder out);
Roofline read(schema::Roofline::Reader in);
void write(const Measurement& measurement, schema::Measurement::Builder out);
Measurement read(schema::Measurement::Reader in);
void write(const PathMeasurement& measurement, schema::PathMeasurement::Builder out);
PathMeasurement read(schema::PathMeasurement::Reader in);

}  // namespace paceline::wire
