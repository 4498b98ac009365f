#include "common/wire/nouns.h"

#include <algorithm>
#include <cmath>

namespace paceline::wire {

namespace {

using wire::read;

bool is_continuation(unsigned char byte) { return (byte & 0xC0) == 0x80; }

// The length of the UTF-8 sequence at `at`; 0 when it is none, overlong, a surrogate or NUL.
std::size_t sequence_length(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) {
    return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0u;
  };
  const unsigned first = byte(0), second = byte(1);
  if (first == 0) return 0;
  if (first < 0x80) return 1;
  if (first < 0xC2 || first > 0xF4 || !is_continuation(second)) return 0;
  if (first < 0xE0) return 2;
  if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F)) return 0;
  if (!is_continuation(byte(2))) return 0;
  if (first < 0xF0) return 3;
  if ((first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F)) return 0;
  return is_continuation(byte(3)) ? 4 : 0;
}

void check_text(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = sequence_length(text, at);
    if (length == 0) throw invalid("message with text that is not UTF-8: byte {}", at);
    at += length;
  }
}

constexpr std::pair<Strides, std::string_view> strides_names[] = {
    {Strides::dense, "dense"}, {Strides::dense_inner, "dense_inner"}, {Strides::any, "any"}};

std::string_view name_of(Strides strides) {
  return std::ranges::find(strides_names, strides, &std::pair<Strides, std::string_view>::first)
      ->second;
}

std::optional<Strides> parse_strides(std::string_view name) {
  for (const auto& [strides, known] : strides_names) {
    if (known == name) return strides;
  }
  return std::nullopt;
}

Dtype read_dtype(capnp::Text::Reader text) { return read_name(text, parse_dtype, "dtype"); }

struct AttributeWriter {
  schema::Attribute::Value::Builder out;

  void operator()(bool value) { out.setBoolean(value); }
  void operator()(std::int64_t value) { out.setInteger(value); }
  void operator()(double value) { out.setReal(value); }
  void operator()(const std::string& value) { out.setText(text_of(value)); }
  void operator()(Dtype value) { out.setDtype(text_of(to_string(value))); }
  void operator()(const Dim& value) { out.setDim(text_of(value.to_string())); }
  void operator()(const std::vector<std::int64_t>& values) {
    auto list = out.initIntegers(values.size());
    for (unsigned i = 0; i < values.size(); ++i) list.set(i, values[i]);
  }
  void operator()(const Shape& shape) {
    auto list = out.initShape(shape.size());
    for (unsigned i = 0; i < shape.size(); ++i) list.set(i, text_of(shape[i].to_string()));
  }
};

Shape read_shape(capnp::List<capnp::Text>::Reader list) {
  Shape shape;
  for (const auto dim : list) shape.push_back(Dim::parse(read(dim)));
  return shape;
}

Attribute read(schema::Attribute::Value::Reader in) {
  using Value = schema::Attribute::Value;
  switch (in.which()) {
    case Value::BOOLEAN:
      return in.getBoolean();
    case Value::INTEGER:
      return in.getInteger();
    case Value::REAL:
      return in.getReal();
    case Value::TEXT:
      return read(in.getText());
    case Value::DTYPE:
      return read_dtype(in.getDtype());
    case Value::INTEGERS:
      return read_numbers<std::int64_t>(in.getIntegers());
    case Value::DIM:
      return Dim::parse(read(in.getDim()));
    case Value::SHAPE:
      return read_shape(in.getShape());
  }
  throw unsupported("message with an attribute of an unknown kind: {}",
                    static_cast<unsigned>(in.which()));
}

void write(const Accepts& accepts, schema::Kernel::Accepts::Builder out) {
  auto dtypes = out.initDtypes(accepts.dtypes.size());
  for (unsigned i = 0; i < accepts.dtypes.size(); ++i) {
    dtypes.set(i, text_of(to_string(accepts.dtypes[i])));
  }
  out.setRankMin(accepts.rank_min);
  out.setRankMax(accepts.rank_max);
  auto strides = out.initInputStrides(accepts.input_strides.size());
  for (unsigned i = 0; i < accepts.input_strides.size(); ++i) {
    strides.set(i, text_of(name_of(accepts.input_strides[i])));
  }
  out.setOutputStrides(text_of(name_of(accepts.output_strides)));
  auto divisible = out.initDivisible(accepts.divisible.size());
  for (unsigned i = 0; i < accepts.divisible.size(); ++i) {
    divisible[i].setInput(accepts.divisible[i].input);
    divisible[i].setAxis(accepts.divisible[i].axis);
    divisible[i].setBy(accepts.divisible[i].by);
  }
  auto attributes = out.initAttributes(
      static_cast<unsigned>(std::distance(accepts.attributes.begin(), accepts.attributes.end())));
  unsigned next = 0;
  for (const auto& [name, value] : accepts.attributes) {
    auto attribute = attributes[next++];
    attribute.setName(text_of(name));
    std::visit(AttributeWriter{attribute.getValue()}, value);
  }
  write_texts(out.initIsa(accepts.isa.size()), accepts.isa);
}

Accepts read(schema::Kernel::Accepts::Reader in) {
  Accepts accepts;
  for (const auto dtype : in.getDtypes()) accepts.dtypes.push_back(read_dtype(dtype));
  accepts.rank_min = in.getRankMin();
  accepts.rank_max = in.getRankMax();
  for (const auto strides : in.getInputStrides()) {
    accepts.input_strides.push_back(read_name(strides, parse_strides, "stride rule"));
  }
  accepts.output_strides = read_name(in.getOutputStrides(), parse_strides, "stride rule");
  for (const auto divisible : in.getDivisible()) {
    if (divisible.getBy() < 1) throw invalid("message with a divisor: {}", divisible.getBy());
    accepts.divisible.push_back({divisible.getInput(), divisible.getAxis(), divisible.getBy()});
  }
  for (const auto attribute : in.getAttributes()) {
    accepts.attributes.set(read(attribute.getName()), read(attribute.getValue()));
  }
  accepts.isa = read_texts(in.getIsa());
  return accepts;
}

std::optional<double> read_clock(double mhz) { return mhz > 0 ? std::optional(mhz) : std::nullopt; }

template <typename Id>
std::optional<Id> read_optional_id(capnp::Data::Reader data) {
  if (data.size() == 0) return std::nullopt;
  return read_id<Id>(data);
}

}  // namespace

std::string read(capnp::Text::Reader text) {
  const std::string_view view(text.cStr(), text.size());
  check_text(view);
  return std::string(view);
}

Digest read_digest(capnp::Data::Reader data) {
  Digest digest;
  if (data.size() != digest.bytes.size()) {
    throw invalid("message with an id that is not 16 bytes: {}", data.size());
  }
  std::copy(data.begin(), data.end(), digest.bytes.begin());
  return digest;
}

std::vector<std::string> read_texts(capnp::List<capnp::Text>::Reader list) {
  std::vector<std::string> texts;
  for (const auto text : list) texts.push_back(read(text));
  return texts;
}

void write(const Machine& machine, schema::Machine::Builder out) {
  out.setCpuModel(text_of(machine.cpu_model));
  out.setArchitecture(text_of(machine.architecture));
  write_texts(out.initIsa(machine.isa.size()), machine.isa);
  out.setCores(machine.cores);
  out.setHardwareThreads(machine.hardware_threads);
  out.setNumaNodes(machine.numa_nodes);
  auto caches = out.initCaches(machine.caches.size());
  for (unsigned i = 0; i < machine.caches.size(); ++i) {
    caches[i].setLevel(machine.caches[i].level);
    caches[i].setBytes(machine.caches[i].bytes);
    caches[i].setSharedBy(machine.caches[i].shared_by);
  }
  out.setMemoryBytes(machine.memory_bytes);
  out.setHypervisor(text_of(machine.hypervisor));
  auto gpus = out.initGpus(machine.gpus.size());
  for (unsigned i = 0; i < machine.gpus.size(); ++i) {
    const Machine::Gpu& gpu = machine.gpus[i];
    gpus[i].setModel(text_of(gpu.model));
    gpus[i].setArchitecture(text_of(gpu.architecture));
    gpus[i].setMultiprocessors(gpu.multiprocessors);
    gpus[i].setMemoryBytes(gpu.memory_bytes);
    gpus[i].setL2Bytes(gpu.l2_bytes);
    gpus[i].setPowerLimitWatts(gpu.power_limit_watts);
    gpus[i].setEcc(text_of(gpu.ecc));
    gpus[i].setLink(text_of(gpu.link));
  }
}

Machine read(schema::Machine::Reader in) {
  Machine machine;
  machine.cpu_model = read(in.getCpuModel());
  machine.architecture = read(in.getArchitecture());
  machine.isa = read_texts(in.getIsa());
  machine.cores = in.getCores();
  machine.hardware_threads = in.getHardwareThreads();
  machine.numa_nodes = in.getNumaNodes();
  for (const auto cache : in.getCaches()) {
    machine.caches.push_back({cache.getLevel(), cache.getBytes(), cache.getSharedBy()});
  }
  machine.memory_bytes = in.getMemoryBytes();
  machine.hypervisor = read(in.getHypervisor());
  for (const auto gpu : in.getGpus()) {
    machine.gpus.push_back({read(gpu.getModel()), read(gpu.getArchitecture()),
                            gpu.getMultiprocessors(), gpu.getMemoryBytes(), gpu.getL2Bytes(),
                            gpu.getPowerLimitWatts(), read(gpu.getEcc()), read(gpu.getLink())});
  }
  return machine;
}

void write(const Environment& environment, schema::Environment::Builder out) {
  out.setOs(text_of(environment.os));
  out.setKernel(text_of(environment.kernel));
  out.setGovernor(text_of(environment.governor));
  out.setCudaDriver(text_of(environment.cuda_driver));
  out.setThreads(environment.threads);
  auto settings = out.initSettings(environment.settings.size());
  unsigned next = 0;
  for (const auto& [name, value] : environment.settings) {
    auto setting = settings[next++];
    setting.setName(text_of(name));
    setting.setValue(text_of(value));
  }
}

Environment read(schema::Environment::Reader in) {
  Environment environment;
  environment.os = read(in.getOs());
  environment.kernel = read(in.getKernel());
  environment.governor = read(in.getGovernor());
  environment.cuda_driver = read(in.getCudaDriver());
  environment.threads = in.getThreads();
  for (const auto setting : in.getSettings()) {
    environment.settings[read(setting.getName())] = read(setting.getValue());
  }
  return environment;
}

void write(const KernelInfo& kernel, schema::Kernel::Builder out) {
  out.setName(text_of(kernel.name));
  out.setOp(text_of(kernel.op));
  out.setLibrary(text_of(kernel.library));
  out.setDevice(text_of(to_string(kernel.device)));
  out.setPrecision(text_of(to_string(kernel.precision)));
  out.setSource(text_of(kernel.source));
  out.setLibraryVersion(text_of(kernel.library_version));
  out.setExpectedEfficiency(kernel.expected_efficiency);
  out.setIsPlain(kernel.is_plain);
  write(kernel.accepts, out.initAccepts());
}

KernelInfo read(schema::Kernel::Reader in) {
  KernelInfo kernel;
  kernel.name = read(in.getName());
  kernel.op = read(in.getOp());
  kernel.library = read(in.getLibrary());
  kernel.device = read_name(in.getDevice(), parse_device_kind, "device");
  kernel.precision = read_name(in.getPrecision(), parse_precision, "precision");
  kernel.source = read(in.getSource());
  kernel.library_version = read(in.getLibraryVersion());
  kernel.expected_efficiency = in.getExpectedEfficiency();
  kernel.is_plain = in.getIsPlain();
  kernel.accepts = read(in.getAccepts());
  return kernel;
}

void write(const Roofline& roofline, schema::Roofline::Builder out) {
  out.setMachine(bytes_of(roofline.machine));
  out.setThreads(roofline.threads);
  out.setFlopsPerS(roofline.flops_per_s);
  out.setBytesPerS(roofline.bytes_per_s);
  out.setCacheBytesPerS(roofline.cache_bytes_per_s);
  out.setCallS(roofline.call_s);
  out.setMeasuredUnixNs(to_unix_ns(roofline.measured));
  out.setDevice(text_of(to_string(roofline.device)));
}

Roofline read(schema::Roofline::Reader in) {
  const Roofline roofline = {.machine = read_id<MachineId>(in.getMachine()),
                             .device = read_name(in.getDevice(), parse_device_kind, "device"),
                             .threads = in.getThreads(),
                             .flops_per_s = in.getFlopsPerS(),
                             .bytes_per_s = in.getBytesPerS(),
                             .cache_bytes_per_s = in.getCacheBytesPerS(),
                             .call_s = in.getCallS(),
                             .measured = from_unix_ns(in.getMeasuredUnixNs())};
  if (roofline.threads < 1) throw invalid("roofline of so many threads: {}", roofline.threads);
  for (const double figure :
       {roofline.flops_per_s, roofline.bytes_per_s, roofline.cache_bytes_per_s, roofline.call_s}) {
    if (!std::isfinite(figure) || figure < 0) throw invalid("roofline with a figure: {}", figure);
  }
  return roofline;
}

void write(const Measurement& measurement, schema::Measurement::Builder out) {
  out.setId(bytes_of(measurement.id));
  out.setKernel(bytes_of(measurement.kernel));
  out.setWorkload(bytes_of(measurement.workload));
  out.setMachine(bytes_of(measurement.machine));
  out.setEnvironment(bytes_of(measurement.environment));
  out.setDevice(text_of(to_string(measurement.device)));
  out.setRegime(text_of(to_string(measurement.regime)));
  out.setOutcome(text_of(to_string(measurement.outcome)));
  out.setReason(text_of(measurement.reason));
  out.setMedianS(measurement.summary.median_s);
  out.setLowS(measurement.summary.low_s);
  out.setHighS(measurement.summary.high_s);
  out.setMinimumS(measurement.summary.minimum_s);
  out.setSampleCount(measurement.summary.samples);
  out.setBlockCount(measurement.summary.blocks);
  auto samples = out.initSamplesS(measurement.samples_s.size());
  for (unsigned i = 0; i < samples.size(); ++i) samples.set(i, measurement.samples_s[i]);
  auto blocks = out.initBlocks(measurement.blocks.size());
  for (unsigned i = 0; i < blocks.size(); ++i) blocks.set(i, measurement.blocks[i]);
  auto discarded = out.initDiscarded(measurement.discarded.size());
  for (unsigned i = 0; i < discarded.size(); ++i) {
    discarded[i].setSeconds(measurement.discarded[i].seconds);
    discarded[i].setBlock(measurement.discarded[i].block);
    discarded[i].setCause(text_of(measurement.discarded[i].cause));
  }
  out.setErrorRelative(measurement.error_relative);
  out.setErrorElementwise(measurement.error_elementwise);
  out.setMethod(measurement.method);
  out.setSeed(measurement.seed);
  out.setCallsPerSample(measurement.calls_per_sample);
  out.setNoiseFloor(measurement.noise_floor);
  out.setWorkspaceBytes(measurement.workspace_bytes);
  out.setPeakResidentBytes(measurement.peak_resident_bytes);
  out.setLoadBefore(measurement.conditions.load_before);
  out.setLoadAfter(measurement.conditions.load_after);
  out.setStealFraction(measurement.conditions.steal_fraction);
  out.setClockMhzBefore(measurement.conditions.clock_mhz_before.value_or(0));
  out.setClockMhzAfter(measurement.conditions.clock_mhz_after.value_or(0));
  out.setThrottle(text_of(measurement.conditions.throttle));
  out.setStartedUnixNs(to_unix_ns(measurement.started));
  out.setFinishedUnixNs(to_unix_ns(measurement.finished));
  out.setNode(text_of(measurement.node));
  if (measurement.campaign) out.setCampaign(bytes_of(*measurement.campaign));
  if (measurement.task) out.setTask(bytes_of(*measurement.task));
  if (measurement.lease) out.setLease(bytes_of(*measurement.lease));
}

Measurement read(schema::Measurement::Reader in) {
  Measurement measurement;
  measurement.id = read_id<MeasurementId>(in.getId());
  measurement.kernel = read_id<KernelId>(in.getKernel());
  measurement.workload = read_id<WorkloadId>(in.getWorkload());
  measurement.machine = read_id<MachineId>(in.getMachine());
  measurement.environment = read_id<EnvironmentId>(in.getEnvironment());
  measurement.device = read_name(in.getDevice(), parse_device_kind, "device");
  measurement.regime = read_name(in.getRegime(), parse_regime, "regime");
  measurement.outcome = read_name(in.getOutcome(), parse_outcome, "outcome");
  measurement.reason = read(in.getReason());
  measurement.summary = {in.getMedianS(),  in.getLowS(),        in.getHighS(),
                         in.getMinimumS(), in.getSampleCount(), in.getBlockCount()};
  measurement.samples_s = read_numbers<double>(in.getSamplesS());
  measurement.blocks = read_numbers<std::int32_t>(in.getBlocks());
  if (measurement.samples_s.size() != measurement.blocks.size()) {
    throw invalid("message with a block for not each sample: {} and {}", measurement.blocks.size(),
                  measurement.samples_s.size());
  }
  for (const auto discarded : in.getDiscarded()) {
    measurement.discarded.push_back(
        {discarded.getSeconds(), discarded.getBlock(), read(discarded.getCause())});
  }
  measurement.error_relative = in.getErrorRelative();
  measurement.error_elementwise = in.getErrorElementwise();
  measurement.method = in.getMethod();
  measurement.seed = in.getSeed();
  measurement.calls_per_sample = in.getCallsPerSample();
  measurement.noise_floor = in.getNoiseFloor();
  measurement.workspace_bytes = in.getWorkspaceBytes();
  measurement.peak_resident_bytes = in.getPeakResidentBytes();
  measurement.conditions = {in.getLoadBefore(),
                            in.getLoadAfter(),
                            in.getStealFraction(),
                            read_clock(in.getClockMhzBefore()),
                            read_clock(in.getClockMhzAfter()),
                            read(in.getThrottle())};
  measurement.started = from_unix_ns(in.getStartedUnixNs());
  measurement.finished = from_unix_ns(in.getFinishedUnixNs());
  measurement.node = read(in.getNode());
  measurement.campaign = read_optional_id<CampaignId>(in.getCampaign());
  measurement.task = read_optional_id<TaskId>(in.getTask());
  measurement.lease = read_optional_id<LeaseId>(in.getLease());
  return measurement;
}

void write(const PathMeasurement& measurement, schema::PathMeasurement::Builder out) {
  out.setId(bytes_of(measurement.id));
  out.setPath(bytes_of(measurement.path));
  out.setMachine(bytes_of(measurement.machine));
  out.setEnvironment(bytes_of(measurement.environment));
  auto bindings = out.initBindings(measurement.bindings.size());
  unsigned next = 0;
  for (const auto& [symbol, value] : measurement.bindings) {
    auto bound = bindings[next++];
    bound.setSymbol(text_of(symbol));
    bound.setValue(value);
  }
  out.setRegime(text_of(to_string(measurement.regime)));
  out.setOutcome(text_of(to_string(measurement.outcome)));
  out.setReason(text_of(measurement.reason));
  out.setPredictedS(measurement.predicted_s);
  out.setMedianS(measurement.summary.median_s);
  out.setLowS(measurement.summary.low_s);
  out.setHighS(measurement.summary.high_s);
  out.setMinimumS(measurement.summary.minimum_s);
  out.setSampleCount(measurement.summary.samples);
  out.setBlockCount(measurement.summary.blocks);
  auto samples = out.initSamplesS(measurement.samples_s.size());
  for (unsigned i = 0; i < samples.size(); ++i) samples.set(i, measurement.samples_s[i]);
  auto blocks = out.initBlocks(measurement.blocks.size());
  for (unsigned i = 0; i < blocks.size(); ++i) blocks.set(i, measurement.blocks[i]);
  out.setErrorRelative(measurement.error_relative);
  out.setErrorElementwise(measurement.error_elementwise);
  out.setNoiseFloor(measurement.noise_floor);
  out.setMethod(measurement.method);
  out.setFinishedUnixNs(to_unix_ns(measurement.finished));
  out.setNode(text_of(measurement.node));
  out.setActivationBytes(measurement.activation_bytes.value_or(-1));
}

PathMeasurement read(schema::PathMeasurement::Reader in) {
  PathMeasurement measurement;
  measurement.id = read_id<PathMeasurementId>(in.getId());
  measurement.path = read_id<PathId>(in.getPath());
  measurement.machine = read_id<MachineId>(in.getMachine());
  measurement.environment = read_id<EnvironmentId>(in.getEnvironment());
  for (const auto bound : in.getBindings()) {
    measurement.bindings[read(bound.getSymbol())] = bound.getValue();
  }
  measurement.regime = read_name(in.getRegime(), parse_regime, "regime");
  measurement.outcome = read_name(in.getOutcome(), parse_outcome, "outcome");
  measurement.reason = read(in.getReason());
  measurement.predicted_s = in.getPredictedS();
  measurement.summary = {in.getMedianS(),  in.getLowS(),        in.getHighS(),
                         in.getMinimumS(), in.getSampleCount(), in.getBlockCount()};
  measurement.samples_s = read_numbers<double>(in.getSamplesS());
  measurement.blocks = read_numbers<std::int32_t>(in.getBlocks());
  if (measurement.samples_s.size() != measurement.blocks.size()) {
    throw invalid("path's message with a block for not each sample: {} and {}",
                  measurement.blocks.size(), measurement.samples_s.size());
  }
  measurement.error_relative = in.getErrorRelative();
  measurement.error_elementwise = in.getErrorElementwise();
  measurement.noise_floor = in.getNoiseFloor();
  measurement.method = in.getMethod();
  measurement.finished = from_unix_ns(in.getFinishedUnixNs());
  measurement.node = read(in.getNode());
  if (in.getActivationBytes() >= 0) measurement.activation_bytes = in.getActivationBytes();
  return measurement;
}

}  // namespace paceline::wire
