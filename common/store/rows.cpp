#include "common/store/rows.h"

#include <bit>
#include <cmath>

#include "common/store/json_cell.h"
#include "common/store/row_reader.h"

namespace paceline::store {
namespace {

using enum ColumnKind;

std::string cell(std::string_view name) { return std::string(name); }
SqlValue cell(int value) { return std::int64_t{value}; }

// Not a number is NULL: neither home orders it.
SqlValue error_cell(double error) {
  return std::isnan(error) ? SqlValue() : SqlValue(error);
}

template <typename AnyId>
SqlValue cell(const std::optional<AnyId>& id) {
  return id ? SqlValue(id->to_string()) : SqlValue();
}

SqlValue cell(const std::optional<double>& value) { return value ? SqlValue(*value) : SqlValue(); }
SqlValue cell(const std::optional<std::int64_t>& value) {
  return value ? SqlValue(*value) : SqlValue();
}

// A row says by its id what it holds; anything else was edited.
template <typename Noun>
Noun verified(const char* table, const std::string& id, Noun noun) {
  if (noun.id().to_string() != id) {
    throw invalid("a row of {} does not hold what its id says, it was edited or written by another "
                  "version: {}", table, id);
  }
  return noun;
}

// A summary is stored only when it means something.
void append_summary(SqlRow& row, const Measurement& measurement) {
  if (measurement.outcome != Outcome::ok) {
    row.resize(row.size() + 6);
    return;
  }
  const Summary& summary = measurement.summary;
  row.insert(row.end(), {summary.median_s, summary.low_s, summary.high_s, summary.minimum_s,
                         cell(summary.samples), cell(summary.blocks)});
}

Summary read_summary(RowReader& row) {
  return {.median_s = row.real_or(0),
          .low_s = row.real_or(0),
          .high_s = row.real_or(0),
          .minimum_s = row.real_or(0),
          .samples = row.small_or(0),
          .blocks = row.small_or(0)};
}

double read_error(RowReader& row) {
  return row.real_or(std::numeric_limits<double>::quiet_NaN());
}

}  // namespace

const Table& RowOf<Machine>::table() {
  static const Table table = {"machine",
                              {{"id", text},
                               {"model_key", text},
                               {"cpu_model", text},
                               {"architecture", text},
                               {"isa", json},
                               {"cores", integer},
                               {"hardware_threads", integer},
                               {"numa_nodes", integer},
                               {"caches", json},
                               {"memory_bytes", integer},
                               {"hypervisor", text},
                               {"gpus", json}}};
  return table;
}

SqlRow RowOf<Machine>::to_row(const Machine& m) {
  return {m.id().to_string(),       m.model_key(),      m.cpu_model,
          m.architecture,           to_json(m.isa),     cell(m.cores),
          cell(m.hardware_threads), cell(m.numa_nodes), to_json(m.caches),
          m.memory_bytes,           m.hypervisor,       to_json(m.gpus)};
}

Machine RowOf<Machine>::from_row(const SqlRow& cells) {
  RowReader row(cells);
  const std::string id = row.text();
  row.text();  // The model key follows from the rest.
  return verified("machine", id,
                  Machine{.cpu_model = row.text(),
                          .architecture = row.text(),
                          .isa = row.json<std::vector<std::string>>(),
                          .cores = row.small(),
                          .hardware_threads = row.small(),
                          .numa_nodes = row.small(),
                          .caches = row.json<std::vector<Machine::Cache>>(),
                          .memory_bytes = row.integer(),
                          .hypervisor = row.text(),
                          .gpus = row.json<std::vector<Machine::Gpu>>()});
}

const Table& RowOf<Environment>::table() {
  static const Table table = {"environment",
                              {{"id", text},
                               {"os", text},
                               {"os_kernel", text},
                               {"governor", text},
                               {"cuda_driver", text},
                               {"threads", integer},
                               {"settings", json}}};
  return table;
}

SqlRow RowOf<Environment>::to_row(const Environment& e) {
  return {e.id().to_string(), e.os,            e.kernel,           e.governor,
          e.cuda_driver,      cell(e.threads), to_json(e.settings)};
}

Environment RowOf<Environment>::from_row(const SqlRow& cells) {
  RowReader row(cells);
  const std::string id = row.text();
  return verified("environment", id,
                  Environment{.os = row.text(),
                              .kernel = row.text(),
                              .governor = row.text(),
                              .cuda_driver = row.text(),
                              .threads = row.small(),
                              .settings = row.json<std::map<std::string, std::string>>()});
}

const Table& RowOf<KernelInfo>::table() {
  static const Table table = {"kernel",
                              {{"id", text},
                               {"name", text},
                               {"op", text},
                               {"library", text},
                               {"device", text},
                               {"accepts", json},
                               {"precision", text},
                               {"source", text},
                               {"library_version", text},
                               {"expected_efficiency", real},
                               {"is_plain", boolean}}};
  return table;
}

SqlRow RowOf<KernelInfo>::to_row(const KernelInfo& k) {
  return {k.id().to_string(),
          k.name,
          k.op,
          k.library,
          cell(to_string(k.device)),
          to_json(k.accepts),
          cell(to_string(k.precision)),
          k.source,
          k.library_version,
          k.expected_efficiency,
          std::int64_t{k.is_plain}};
}

KernelInfo RowOf<KernelInfo>::from_row(const SqlRow& cells) {
  RowReader row(cells);
  const std::string id = row.text();
  return verified("kernel", id,
                  KernelInfo{.name = row.text(),
                             .op = row.text(),
                             .library = row.text(),
                             .device = row.name(parse_device_kind),
                             .accepts = row.json<Accepts>(),
                             .precision = row.name(parse_precision),
                             .source = row.text(),
                             .library_version = row.text(),
                             .expected_efficiency = row.real(),
                             .is_plain = row.boolean()});
}

const Table& RowOf<Workload>::table() {
  static const Table table = {"workload",
                              {{"id", text},
                               {"op", text},
                               {"text", text},
                               {"attributes", json},
                               {"inputs", json},
                               {"outputs", json}}};
  return table;
}

SqlRow RowOf<Workload>::to_row(const Workload& w) {
  return {w.id().to_string(),    w.op,
          w.to_text(),           to_json(w.attributes),
          to_json(w.inputs),     to_json(w.outputs)};
}

Workload RowOf<Workload>::from_row(const SqlRow& cells) {
  RowReader row(cells);
  const std::string id = row.text();
  Workload workload;
  workload.op = row.text();
  row.text();  // Is for people.
  workload.attributes = row.json<Attributes>();
  workload.inputs = row.json<std::vector<OperandType>>();
  workload.outputs = row.json<std::vector<OperandType>>();
  return verified("workload", id, std::move(workload));
}

const Table& RowOf<Roofline>::table() {
  static const Table table = {"roofline",
                              {{"machine", text},
                               {"device", text},
                               {"threads", integer},
                               {"flops_per_s", real},
                               {"bytes_per_s", real},
                               {"cache_bytes_per_s", real},
                               {"call_s", real},
                               {"measured_ns", integer}}};
  return table;
}

SqlRow RowOf<Roofline>::to_row(const Roofline& r) {
  return {r.machine.to_string(),
          cell(to_string(r.device)),
          cell(r.threads),
          r.flops_per_s,
          r.bytes_per_s,
          r.cache_bytes_per_s,
          r.call_s,
          to_unix_ns(r.measured)};
}

Roofline RowOf<Roofline>::from_row(const SqlRow& cells) {
  RowReader row(cells);
  return {.machine = row.id<MachineId>(),
          .device = row.name(parse_device_kind),
          .threads = row.small(),
          .flops_per_s = row.real(),
          .bytes_per_s = row.real(),
          .cache_bytes_per_s = row.real(),
          .call_s = row.real(),
          .measured = row.time()};
}

const Table& RowOf<Measurement>::table() {
  static const Table table = {"measurement",
                              {{"id", text},
                               {"kernel", text},
                               {"workload", text},
                               {"machine", text},
                               {"environment", text},
                               {"device", text},
                               {"regime", text},
                               {"outcome", text},
                               {"reason", text},
                               {"median_s", real},
                               {"low_s", real},
                               {"high_s", real},
                               {"minimum_s", real},
                               {"sample_count", integer},
                               {"block_count", integer},
                               {"samples_s", json},
                               {"sample_blocks", json},
                               {"discarded", json},
                               {"error_relative", real},
                               {"error_elementwise", real},
                               {"method", integer},
                               {"seed", integer},
                               {"calls_per_sample", integer},
                               {"noise_floor", real},
                               {"workspace_bytes", integer},
                               {"peak_resident_bytes", integer},
                               {"load_before_cores", real},
                               {"load_after_cores", real},
                               {"steal_fraction", real},
                               {"clock_before_mhz", real},
                               {"clock_after_mhz", real},
                               {"throttle", text},
                               {"started_ns", integer},
                               {"finished_ns", integer},
                               {"node", text},
                               {"campaign", text},
                               {"task", text},
                               {"lease", text}}};
  return table;
}

SqlRow RowOf<Measurement>::to_row(const Measurement& m) {
  if (m.samples_s.size() != m.blocks.size()) {
    throw invalid("a measurement needs one block number for each sample: {} samples, {} blocks in {}",
                  m.samples_s.size(), m.blocks.size(), m.id.to_string());
  }
  SqlRow row = {m.id.to_string(),          m.kernel.to_string(),
                m.workload.to_string(),    m.machine.to_string(),
                m.environment.to_string(), cell(to_string(m.device)),
                cell(to_string(m.regime)), cell(to_string(m.outcome)),
                m.reason};
  append_summary(row, m);
  row.insert(row.end(), {to_json(m.samples_s),
                         to_json(m.blocks),
                         to_json(m.discarded),
                         error_cell(m.error_relative),
                         error_cell(m.error_elementwise),
                         cell(m.method),
                         std::bit_cast<std::int64_t>(m.seed),
                         cell(m.calls_per_sample),
                         m.noise_floor,
                         m.workspace_bytes,
                         m.peak_resident_bytes,
                         m.conditions.load_before,
                         m.conditions.load_after,
                         m.conditions.steal_fraction,
                         cell(m.conditions.clock_mhz_before),
                         cell(m.conditions.clock_mhz_after),
                         m.conditions.throttle,
                         to_unix_ns(m.started),
                         to_unix_ns(m.finished),
                         m.node,
                         cell(m.campaign),
                         cell(m.task),
                         cell(m.lease)});
  return row;
}

Measurement RowOf<Measurement>::from_row(const SqlRow& cells) {
  RowReader row(cells);
  Measurement m;
  m.id = row.id<MeasurementId>();
  m.kernel = row.id<KernelId>();
  m.workload = row.id<WorkloadId>();
  m.machine = row.id<MachineId>();
  m.environment = row.id<EnvironmentId>();
  m.device = row.name(parse_device_kind);
  m.regime = row.name(parse_regime);
  m.outcome = row.name(parse_outcome);
  m.reason = row.text();
  m.summary = read_summary(row);
  m.samples_s = row.json<std::vector<double>>();
  m.blocks = row.json<std::vector<std::int32_t>>();
  m.discarded = row.json<std::vector<Measurement::Discarded>>();
  m.error_relative = read_error(row);
  m.error_elementwise = read_error(row);
  m.method = row.small();
  m.seed = std::bit_cast<std::uint64_t>(row.integer());
  m.calls_per_sample = row.small();
  m.noise_floor = row.real();
  m.workspace_bytes = row.integer();
  m.peak_resident_bytes = row.integer();
  m.conditions.load_before = row.real();
  m.conditions.load_after = row.real();
  m.conditions.steal_fraction = row.real();
  m.conditions.clock_mhz_before = row.optional_real();
  m.conditions.clock_mhz_after = row.optional_real();
  m.conditions.throttle = row.text();
  m.started = row.time();
  m.finished = row.time();
  m.node = row.text();
  m.campaign = row.optional_id<CampaignId>();
  m.task = row.optional_id<TaskId>();
  m.lease = row.optional_id<LeaseId>();
  return m;
}

const Table& RowOf<GraphText>::table() {
  static const Table table = {"graph", {{"id", text}, {"name", text}, {"text", text}}};
  return table;
}

SqlRow RowOf<GraphText>::to_row(const GraphText& graph) {
  return {graph.id.to_string(), graph.name, graph.text};
}

GraphText RowOf<GraphText>::from_row(const SqlRow& cells) {
  RowReader row(cells);
  return {.id = row.id<GraphId>(), .name = row.text(), .text = row.text()};
}

const Table& RowOf<PathText>::table() {
  static const Table table = {"path", {{"id", text}, {"graph", text}, {"text", text}}};
  return table;
}

SqlRow RowOf<PathText>::to_row(const PathText& path) {
  return {path.id.to_string(), path.graph.to_string(), path.text};
}

PathText RowOf<PathText>::from_row(const SqlRow& cells) {
  RowReader row(cells);
  return {.id = row.id<PathId>(), .graph = row.id<GraphId>(), .text = row.text()};
}

const Table& RowOf<PathMeasurement>::table() {
  static const Table table = {"path_measurement",
                              {{"id", text},
                               {"path", text},
                               {"machine", text},
                               {"environment", text},
                               {"bindings", json},
                               {"regime", text},
                               {"outcome", text},
                               {"reason", text},
                               {"predicted_s", real},
                               {"median_s", real},
                               {"low_s", real},
                               {"high_s", real},
                               {"minimum_s", real},
                               {"samples_s", json},
                               {"sample_blocks", json},
                               {"error_relative", real},
                               {"error_elementwise", real},
                               {"noise_floor", real},
                               {"method", integer},
                               {"finished_ns", integer},
                               {"node", text},
                               {"activation_bytes", integer}}};
  return table;
}

SqlRow RowOf<PathMeasurement>::to_row(const PathMeasurement& m) {
  const bool ok = m.outcome == Outcome::ok;
  const auto when_ok = [&](double seconds) { return ok ? SqlValue(seconds) : SqlValue(); };
  return {m.id.to_string(),
          m.path.to_string(),
          m.machine.to_string(),
          m.environment.to_string(),
          to_json(m.bindings),
          cell(to_string(m.regime)),
          cell(to_string(m.outcome)),
          m.reason,
          m.predicted_s,
          when_ok(m.summary.median_s),
          when_ok(m.summary.low_s),
          when_ok(m.summary.high_s),
          when_ok(m.summary.minimum_s),
          to_json(m.samples_s),
          to_json(m.blocks),
          error_cell(m.error_relative),
          error_cell(m.error_elementwise),
          m.noise_floor,
          cell(m.method),
          to_unix_ns(m.finished),
          m.node,
          cell(m.activation_bytes)};
}

PathMeasurement RowOf<PathMeasurement>::from_row(const SqlRow& cells) {
  RowReader row(cells);
  PathMeasurement m;
  m.id = row.id<PathMeasurementId>();
  m.path = row.id<PathId>();
  m.machine = row.id<MachineId>();
  m.environment = row.id<EnvironmentId>();
  m.bindings = row.json<Bindings>();
  m.regime = row.name(parse_regime);
  m.outcome = row.name(parse_outcome);
  m.reason = row.text();
  m.predicted_s = row.real_or(0);
  m.summary.median_s = row.real_or(0);
  m.summary.low_s = row.real_or(0);
  m.summary.high_s = row.real_or(0);
  m.summary.minimum_s = row.real_or(0);
  m.samples_s = row.json<std::vector<double>>();
  m.blocks = row.json<std::vector<std::int32_t>>();
  m.error_relative = read_error(row);
  m.error_elementwise = read_error(row);
  m.noise_floor = row.real();
  m.method = row.small();
  m.finished = row.time();
  m.node = row.text();
  m.activation_bytes = row.optional_integer();
  m.summary.samples = static_cast<int>(m.samples_s.size());
  return m;
}

const Table& RowOf<Timing>::table() {
  static const Table table = {"timing",
                              {{"m.id", text},
                               {"m.kernel", text},
                               {"k.name", text},
                               {"m.workload", text},
                               {"m.machine", text},
                               {"m.environment", text},
                               {"m.regime", text},
                               {"m.outcome", text},
                               {"m.reason", text},
                               {"m.median_s", real},
                               {"m.low_s", real},
                               {"m.high_s", real},
                               {"m.minimum_s", real},
                               {"m.sample_count", integer},
                               {"m.block_count", integer},
                               {"m.noise_floor", real},
                               {"m.error_relative", real},
                               {"m.error_elementwise", real},
                               {"m.finished_ns", integer}}};
  return table;
}

Timing RowOf<Timing>::from_row(const SqlRow& cells) {
  RowReader row(cells);
  Timing t;
  t.measurement = row.id<MeasurementId>();
  t.kernel = row.id<KernelId>();
  t.kernel_name = row.text();
  t.workload = row.id<WorkloadId>();
  t.machine = row.id<MachineId>();
  t.environment = row.id<EnvironmentId>();
  t.regime = row.name(parse_regime);
  t.outcome = row.name(parse_outcome);
  t.reason = row.text();
  t.summary = read_summary(row);
  t.noise_floor = row.real();
  t.error_relative = read_error(row);
  t.error_elementwise = read_error(row);
  t.finished = row.time();
  return t;
}

}  // namespace paceline::store
