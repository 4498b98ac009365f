#pragma once

#include "common/store/store.h"
#include "common/store/table.h"

namespace paceline::store {

// Each noun's table, and the noun as a row of it and back: the columns of schema/sql in their order here.
// from_row() throws `invalid` for names that a newer program wrote, and for a row whose content is
// not what its id says.
template <typename Noun>
struct RowOf;

template <>
struct RowOf<Machine> {
  static const Table& table();
  static SqlRow to_row(const Machine& machine);
  static Machine from_row(const SqlRow& row);
};

template <>
struct RowOf<Environment> {
  static const Table& table();
  static SqlRow to_row(const Environment& environment);
  static Environment from_row(const SqlRow& row);
};

template <>
struct RowOf<KernelInfo> {
  static const Table& table();
  static SqlRow to_row(const KernelInfo& kernel);
  static KernelInfo from_row(const SqlRow& row);
};

template <>
struct RowOf<Workload> {
  static const Table& table();
  static SqlRow to_row(const Workload& workload);
  static Workload from_row(const SqlRow& row);
};

template <>
struct RowOf<Roofline> {
  static const Table& table();
  static SqlRow to_row(const Roofline& roofline);
  static Roofline from_row(const SqlRow& row);
};

template <>
struct RowOf<Measurement> {
  static const Table& table();
  static SqlRow to_row(const Measurement& measurement);
  static Measurement from_row(const SqlRow& row);
};

template <>
struct RowOf<PathMeasurement> {
  static const Table& table();
  static SqlRow to_row(const PathMeasurement& m);
  static PathMeasurement from_row(const SqlRow& row);
};

template <>
struct RowOf<PathText> {
  static const Table& table();
  static SqlRow to_row(const PathText& path);
  static PathText from_row(const SqlRow& row);
};

template <>
struct RowOf<GraphText> {
  static const Table& table();
  static SqlRow to_row(const GraphText& graph);
  static GraphText from_row(const SqlRow& row);
};

// What timings() selects: no table, the columns of a join.
template <>
struct RowOf<Timing> {
  static const Table& table();
  static Timing from_row(const SqlRow& row);
};

}  // namespace paceline::store
