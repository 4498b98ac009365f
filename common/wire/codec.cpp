#include "common/wire/codec.h"

#include <capnp/message.h>
#include <capnp/serialize.h>
#include <kj/exception.h>

#include <array>
#include <cstring>
#include <type_traits>

#include "common/wire/nouns.h"
#include "schema/wire/message.capnp.h"

namespace paceline::wire {

namespace {

using capnp::List;
using wire::read;
using wire::write;

template <typename Ids>
void write_ids(List<capnp::Data>::Builder list, const Ids& ids) {
  for (unsigned i = 0; i < ids.size(); ++i) list.set(i, bytes_of(ids[i]));
}

template <typename Id>
std::vector<Id> read_ids(List<capnp::Data>::Reader list) {
  std::vector<Id> ids;
  for (const auto id : list) ids.push_back(read_id<Id>(id));
  return ids;
}

// Elements of lists: declared before the templates that call them.
void write(const Sitting& sitting, schema::Sitting::Builder out);
void write(const Contender& contender, schema::Contender::Builder out);
void write(const Bindings& bindings, List<schema::Binding>::Builder out);
void write(const PathStatus& path, schema::PathStatus::Builder out);
void write(const LaneStatus& lane, schema::LaneStatus::Builder out);
void write(const TaskFailure& failure, schema::Failure::Builder out);
void write(const CampaignStatus& campaign, schema::CampaignStatus::Builder out);
void write(const WorkerStatus& worker, schema::WorkerStatus::Builder out);
Sitting read(schema::Sitting::Reader in);
Contender read(schema::Contender::Reader in);
PathStatus read(schema::PathStatus::Reader in);
Bindings read(List<schema::Binding>::Reader in);
LaneStatus read(schema::LaneStatus::Reader in);
TaskFailure read(schema::Failure::Reader in);
CampaignStatus read(schema::CampaignStatus::Reader in);
WorkerStatus read(schema::WorkerStatus::Reader in);

template <typename T, typename Builder>
void write_each(Builder list, const std::vector<T>& values) {
  for (unsigned i = 0; i < values.size(); ++i) write(values[i], list[i]);
}

template <typename T, typename List>
std::vector<T> read_each(List list) {
  std::vector<T> values;
  for (const auto value : list) values.push_back(read(value));
  return values;
}

void write_regimes(List<capnp::Text>::Builder list, const std::vector<Regime>& regimes) {
  for (unsigned i = 0; i < regimes.size(); ++i) list.set(i, text_of(to_string(regimes[i])));
}

std::vector<Regime> read_regimes(List<capnp::Text>::Reader list) {
  std::vector<Regime> regimes;
  for (const auto regime : list) regimes.push_back(read_name(regime, parse_regime, "regime"));
  return regimes;
}

std::optional<ErrorKind> parse_error_kind(std::string_view name) {
  for (const ErrorKind kind : {ErrorKind::invalid, ErrorKind::unsupported, ErrorKind::exhausted,
                               ErrorKind::unavailable, ErrorKind::internal}) {
    if (to_string(kind) == name) return kind;
  }
  return std::nullopt;
}

void write(const Hello& hello, schema::Hello::Builder out) {
  out.setProtocol(hello.protocol);
  out.setWorker(bytes_of(hello.worker));
  out.setName(text_of(hello.name));
  out.setResource(text_of(hello.resource));
  write(hello.machine, out.initMachine());
  write(hello.environment, out.initEnvironment());
  write_each(out.initKernels(hello.kernels.size()), hello.kernels);
}

Hello read(schema::Hello::Reader in) {
  return {in.getProtocol(),
          read_id<WorkerId>(in.getWorker()),
          read(in.getName()),
          read(in.getResource()),
          read(in.getMachine()),
          read(in.getEnvironment()),
          read_each<KernelInfo>(in.getKernels())};
}

void write(const Heartbeat& heartbeat, schema::Heartbeat::Builder out) {
  out.setSentNs(heartbeat.sent_ns);
  out.setCredit(heartbeat.credit);
  write_ids(out.initLeases(heartbeat.leases.size()), heartbeat.leases);
  write_ids(out.initReleased(heartbeat.released.size()), heartbeat.released);
}

Heartbeat read(schema::Heartbeat::Reader in) {
  return {in.getSentNs(), in.getCredit(), read_ids<LeaseId>(in.getLeases()),
          read_ids<LeaseId>(in.getReleased())};
}

void write(const Result& result, schema::Result::Builder out) {
  out.setTask(bytes_of(result.task));
  out.setLease(bytes_of(result.lease));
  out.setEpoch(result.epoch);
  out.setBlock(result.block);
  out.setWorkload(text_of(result.workload));
  write(result.environment, out.initEnvironment());
  write_each(out.initMeasurements(result.measurements.size()), result.measurements);
  out.setFailure(text_of(result.failure));
  out.setSeconds(result.seconds);
  if (result.roofline) write(*result.roofline, out.initRoofline());
  out.setGraph(text_of(result.graph));
  write_each(out.initPaths(result.paths.size()), result.paths);
  write_each(out.initPathMeasurements(result.path_measurements.size()), result.path_measurements);
  write_texts(out.initWorkloads(result.workloads.size()), result.workloads);
}

Result read(schema::Result::Reader in) {
  return {read_id<TaskId>(in.getTask()),
          read_id<LeaseId>(in.getLease()),
          in.getEpoch(),
          in.getBlock(),
          read(in.getWorkload()),
          read(in.getEnvironment()),
          read_each<Measurement>(in.getMeasurements()),
          read(in.getFailure()),
          in.getSeconds(),
          in.hasRoofline() ? std::optional(read(in.getRoofline())) : std::nullopt,
          read(in.getGraph()),
          read_each<Contender>(in.getPaths()),
          read_each<PathMeasurement>(in.getPathMeasurements()),
          read_texts(in.getWorkloads())};
}

void write(const Contender& contender, schema::Contender::Builder out) {
  out.setPath(bytes_of(contender.path));
  out.setText(text_of(contender.text));
  out.setPredictedS(contender.predicted_s);
}

Contender read(schema::Contender::Reader in) {
  return {read_id<PathId>(in.getPath()), read(in.getText()), in.getPredictedS()};
}

void write(const Goodbye& goodbye, schema::Goodbye::Builder out) {
  out.setReason(text_of(goodbye.reason));
}

Goodbye read(schema::Goodbye::Reader in) { return {read(in.getReason())}; }

void write(const Welcome& welcome, schema::Welcome::Builder out) {
  out.setProtocol(welcome.protocol);
  out.setCoordinator(text_of(welcome.coordinator));
  out.setHeartbeatMs(welcome.heartbeat_ms);
}

Welcome read(schema::Welcome::Reader in) {
  return {in.getProtocol(), read(in.getCoordinator()), in.getHeartbeatMs()};
}

void write(const Sitting& sitting, schema::Sitting::Builder out) {
  out.setBlock(sitting.block);
  write_regimes(out.initRegimes(sitting.regimes.size()), sitting.regimes);
  write_ids(out.initKernels(sitting.kernels.size()), sitting.kernels);
}

Sitting read(schema::Sitting::Reader in) {
  return {in.getBlock(), read_regimes(in.getRegimes()), read_ids<KernelId>(in.getKernels())};
}

void write(const Lease& lease, schema::Lease::Builder out) {
  out.setId(bytes_of(lease.id));
  out.setTask(bytes_of(lease.task));
  out.setCampaign(bytes_of(lease.campaign));
  out.setEpoch(lease.epoch);
  out.setSentNs(lease.sent_ns);
  out.setValidMs(lease.valid_ms);
  out.setKind(text_of(lease.kind));
  out.setWorkload(text_of(lease.workload));
  out.setThreads(lease.threads);
  out.setTolerance(lease.tolerance);
  out.setSecondsMax(lease.seconds_max);
  write_each(out.initSittings(lease.sittings.size()), lease.sittings);
  out.setGraph(text_of(lease.graph));
  write(lease.bindings, out.initBindings(lease.bindings.size()));
  out.setIndexBound(lease.index_bound);
  out.setPathsMax(lease.paths_max);
  write_texts(out.initWorkloads(lease.workloads.size()), lease.workloads);
  write_each(out.initKnown(lease.known.size()), lease.known);
  if (lease.roofline) write(*lease.roofline, out.initRoofline());
  write_each(out.initPaths(lease.paths.size()), lease.paths);
  out.setBlocks(lease.blocks);
}

Lease read(schema::Lease::Reader in) {
  return {read_id<LeaseId>(in.getId()),
          read_id<TaskId>(in.getTask()),
          read_id<CampaignId>(in.getCampaign()),
          in.getEpoch(),
          in.getSentNs(),
          in.getValidMs(),
          read(in.getKind()),
          read(in.getWorkload()),
          in.getThreads(),
          in.getTolerance(),
          in.getSecondsMax(),
          read_each<Sitting>(in.getSittings()),
          read(in.getGraph()),
          read(in.getBindings()),
          in.getIndexBound(),
          in.getPathsMax(),
          read_texts(in.getWorkloads()),
          read_each<Measurement>(in.getKnown()),
          in.hasRoofline() ? std::optional(read(in.getRoofline())) : std::nullopt,
          read_each<Contender>(in.getPaths()),
          in.getBlocks()};
}

void write(const Renewed& renewed, schema::Renewed::Builder out) {
  out.setSentNs(renewed.sent_ns);
  out.setValidMs(renewed.valid_ms);
  write_ids(out.initLeases(renewed.leases.size()), renewed.leases);
}

Renewed read(schema::Renewed::Reader in) {
  return {in.getSentNs(), in.getValidMs(), read_ids<LeaseId>(in.getLeases())};
}

void write(const Ack& ack, schema::Ack::Builder out) {
  out.setTask(bytes_of(ack.task));
  out.setLease(bytes_of(ack.lease));
  out.setBlock(ack.block);
}

Ack read(schema::Ack::Reader in) {
  return {read_id<TaskId>(in.getTask()), read_id<LeaseId>(in.getLease()), in.getBlock()};
}

void write(const Revoke& revoke, schema::Revoke::Builder out) {
  out.setLease(bytes_of(revoke.lease));
}

Revoke read(schema::Revoke::Reader in) { return {read_id<LeaseId>(in.getLease())}; }

void write(const Bindings& bindings, List<schema::Binding>::Builder out) {
  unsigned next = 0;
  for (const auto& [symbol, value] : bindings) {
    auto binding = out[next++];
    binding.setSymbol(text_of(symbol));
    binding.setValue(value);
  }
}

Bindings read(List<schema::Binding>::Reader in) {
  Bindings bindings;
  for (const auto binding : in) bindings[read(binding.getSymbol())] = binding.getValue();
  return bindings;
}

void write(const Submit& submit, schema::Submit::Builder out) {
  out.setCampaign(bytes_of(submit.campaign));
  out.setName(text_of(submit.name));
  out.setModel(text_of(submit.model));
  write_texts(out.initGraphs(submit.graphs.size()), submit.graphs);
  auto bindings = out.initBindings(submit.bindings.size());
  for (unsigned i = 0; i < submit.bindings.size(); ++i) {
    write(submit.bindings[i], bindings.init(i, submit.bindings[i].size()));
  }
  auto threads = out.initThreads(submit.threads.size());
  for (unsigned i = 0; i < submit.threads.size(); ++i) threads.set(i, submit.threads[i]);
  write_regimes(out.initRegimes(submit.regimes.size()), submit.regimes);
  out.setTolerance(submit.tolerance);
  out.setPriority(submit.priority);
  out.setSecondsPerSitting(submit.seconds_per_sitting);
  out.setSecondsMax(submit.seconds_max);
  out.setStrategy(text_of(submit.strategy));
  out.setPaths(submit.paths);
  out.setRounds(submit.rounds);
  out.setIndexBound(submit.index_bound);
}

Submit read(schema::Submit::Reader in) {
  Submit submit;
  submit.campaign = read_id<CampaignId>(in.getCampaign());
  submit.name = read(in.getName());
  submit.model = read(in.getModel());
  submit.graphs = read_texts(in.getGraphs());
  submit.bindings = read_each<Bindings>(in.getBindings());
  submit.threads = read_numbers<std::int32_t>(in.getThreads());
  submit.regimes = read_regimes(in.getRegimes());
  submit.tolerance = in.getTolerance();
  submit.priority = in.getPriority();
  submit.seconds_per_sitting = in.getSecondsPerSitting();
  submit.seconds_max = in.getSecondsMax();
  submit.strategy = read(in.getStrategy());
  submit.paths = in.getPaths();
  submit.rounds = in.getRounds();
  submit.index_bound = in.getIndexBound();
  return submit;
}

void write(const Control& control, schema::Control::Builder out) {
  out.setCampaign(bytes_of(control.campaign));
  out.setWorker(bytes_of(control.worker));
  out.setAction(text_of(to_string(control.action)));
}

Control read(schema::Control::Reader in) {
  return {read_id<CampaignId>(in.getCampaign()), read_id<WorkerId>(in.getWorker()),
          read_name(in.getAction(), parse_control_action, "action")};
}

void write(const Ask& ask, schema::Ask::Builder out) {
  if (ask.campaign) out.setCampaign(bytes_of(*ask.campaign));
}

Ask read(schema::Ask::Reader in) {
  if (in.getCampaign().size() == 0) return {};
  return {read_id<CampaignId>(in.getCampaign())};
}

void write(const Done& done, schema::Done::Builder out) {
  out.setCampaign(bytes_of(done.campaign));
}

Done read(schema::Done::Reader in) { return {read_id<CampaignId>(in.getCampaign())}; }

void write(const LaneStatus& lane, schema::LaneStatus::Builder out) {
  out.setMachine(text_of(lane.machine));
  out.setEnvironment(bytes_of(lane.environment));
  out.setWorkers(lane.workers);
  out.setTotal(lane.total);
  out.setDone(lane.done);
  out.setKnown(lane.known);
  out.setSkipped(lane.skipped);
  out.setFailed(lane.failed);
  out.setLeased(lane.leased);
}

LaneStatus read(schema::LaneStatus::Reader in) {
  return {read(in.getMachine()), read_id<EnvironmentId>(in.getEnvironment()),
          in.getWorkers(),       in.getTotal(),
          in.getDone(),          in.getKnown(),
          in.getSkipped(),       in.getFailed(),
          in.getLeased()};
}

void write(const TaskFailure& failure, schema::Failure::Builder out) {
  out.setTask(bytes_of(failure.task));
  out.setWorkload(text_of(failure.workload));
  out.setReason(text_of(failure.reason));
}

TaskFailure read(schema::Failure::Reader in) {
  return {read_id<TaskId>(in.getTask()), read(in.getWorkload()), read(in.getReason())};
}

void write(const PathStatus& path, schema::PathStatus::Builder out) {
  out.setMachine(text_of(path.machine));
  out.setGraph(text_of(path.graph));
  write(path.bindings, out.initBindings(path.bindings.size()));
  out.setThreads(path.threads);
  out.setPath(bytes_of(path.path));
  out.setIsStanding(path.is_standing);
  out.setRound(path.round);
  out.setIsIn(path.is_in);
  out.setOutcome(text_of(path.outcome));
  out.setReason(text_of(path.reason));
  out.setPredictedS(path.predicted_s);
  out.setMedianS(path.median_s);
  out.setLowS(path.low_s);
  out.setHighS(path.high_s);
  out.setErrorRelative(path.error_relative);
}

PathStatus read(schema::PathStatus::Reader in) {
  PathStatus path;
  path.machine = read(in.getMachine());
  path.graph = read(in.getGraph());
  path.bindings = read(in.getBindings());
  path.threads = in.getThreads();
  path.path = read_id<PathId>(in.getPath());
  path.is_standing = in.getIsStanding();
  path.round = in.getRound();
  path.is_in = in.getIsIn();
  path.outcome = read(in.getOutcome());
  path.reason = read(in.getReason());
  path.predicted_s = in.getPredictedS();
  path.median_s = in.getMedianS();
  path.low_s = in.getLowS();
  path.high_s = in.getHighS();
  path.error_relative = in.getErrorRelative();
  return path;
}

void write(const CampaignStatus& campaign, schema::CampaignStatus::Builder out) {
  out.setId(bytes_of(campaign.id));
  out.setName(text_of(campaign.name));
  out.setModel(text_of(campaign.model));
  out.setState(text_of(campaign.state));
  out.setReason(text_of(campaign.reason));
  out.setPriority(campaign.priority);
  out.setSubmittedUnixNs(to_unix_ns(campaign.submitted));
  out.setFinishedUnixNs(campaign.finished ? to_unix_ns(*campaign.finished) : 0);
  out.setSpentS(campaign.spent_s);
  write_each(out.initLanes(campaign.lanes.size()), campaign.lanes);
  write_each(out.initFailures(campaign.failures.size()), campaign.failures);
  write_each(out.initPaths(campaign.paths.size()), campaign.paths);
}

CampaignStatus read(schema::CampaignStatus::Reader in) {
  CampaignStatus campaign;
  campaign.id = read_id<CampaignId>(in.getId());
  campaign.name = read(in.getName());
  campaign.model = read(in.getModel());
  campaign.state = read(in.getState());
  campaign.reason = read(in.getReason());
  campaign.priority = in.getPriority();
  campaign.submitted = from_unix_ns(in.getSubmittedUnixNs());
  if (in.getFinishedUnixNs() != 0) campaign.finished = from_unix_ns(in.getFinishedUnixNs());
  campaign.spent_s = in.getSpentS();
  campaign.lanes = read_each<LaneStatus>(in.getLanes());
  campaign.failures = read_each<TaskFailure>(in.getFailures());
  campaign.paths = read_each<PathStatus>(in.getPaths());
  return campaign;
}

void write(const WorkerStatus& worker, schema::WorkerStatus::Builder out) {
  out.setId(bytes_of(worker.id));
  out.setName(text_of(worker.name));
  out.setState(text_of(worker.state));
  out.setMachine(text_of(worker.machine));
  out.setResource(text_of(worker.resource));
  out.setWorkload(text_of(worker.workload));
  out.setSilentS(worker.silent_s);
}

WorkerStatus read(schema::WorkerStatus::Reader in) {
  return {read_id<WorkerId>(in.getId()),
          read(in.getName()),
          read(in.getState()),
          read(in.getMachine()),
          read(in.getResource()),
          read(in.getWorkload()),
          in.getSilentS()};
}

void write(const Status& status, schema::Status::Builder out) {
  write_each(out.initCampaigns(status.campaigns.size()), status.campaigns);
  write_each(out.initWorkers(status.workers.size()), status.workers);
}

Status read(schema::Status::Reader in) {
  return {read_each<CampaignStatus>(in.getCampaigns()), read_each<WorkerStatus>(in.getWorkers())};
}

void write(const Refused& refused, schema::Refused::Builder out) {
  out.setKind(text_of(to_string(refused.kind)));
  out.setReason(text_of(refused.reason));
}

Refused read(schema::Refused::Reader in) {
  return {read_name(in.getKind(), parse_error_kind, "kind of error"), read(in.getReason())};
}

void write(const Unsupported& unsupported, schema::Unsupported::Builder out) {
  out.setProtocol(unsupported.protocol);
  out.setWhat(text_of(unsupported.what));
}

Unsupported read(schema::Unsupported::Reader in) { return {in.getProtocol(), read(in.getWhat())}; }

struct MessageWriter {
  schema::Message::Builder out;

  void operator()(const Hello& message) { write(message, out.initHello()); }
  void operator()(const Heartbeat& message) { write(message, out.initHeartbeat()); }
  void operator()(const Result& message) { write(message, out.initResult()); }
  void operator()(const Goodbye& message) { write(message, out.initGoodbye()); }
  void operator()(const Welcome& message) { write(message, out.initWelcome()); }
  void operator()(const Introduce&) { out.setIntroduce(); }
  void operator()(const Lease& message) { write(message, out.initLease()); }
  void operator()(const Renewed& message) { write(message, out.initRenewed()); }
  void operator()(const Ack& message) { write(message, out.initAck()); }
  void operator()(const Revoke& message) { write(message, out.initRevoke()); }
  void operator()(const Drain&) { out.setDrain(); }
  void operator()(const Submit& message) { write(message, out.initSubmit()); }
  void operator()(const Control& message) { write(message, out.initControl()); }
  void operator()(const Ask& message) { write(message, out.initAsk()); }
  void operator()(const Done& message) { write(message, out.initDone()); }
  void operator()(const Status& message) { write(message, out.initStatus()); }
  void operator()(const Refused& message) { write(message, out.initRefused()); }
  void operator()(const Unsupported& message) { write(message, out.initUnsupported()); }
};

Message read(schema::Message::Reader in) {
  switch (in.which()) {
    case schema::Message::HELLO:
      return read(in.getHello());
    case schema::Message::HEARTBEAT:
      return read(in.getHeartbeat());
    case schema::Message::RESULT:
      return read(in.getResult());
    case schema::Message::GOODBYE:
      return read(in.getGoodbye());
    case schema::Message::WELCOME:
      return read(in.getWelcome());
    case schema::Message::INTRODUCE:
      return Introduce{};
    case schema::Message::LEASE:
      return read(in.getLease());
    case schema::Message::RENEWED:
      return read(in.getRenewed());
    case schema::Message::ACK:
      return read(in.getAck());
    case schema::Message::REVOKE:
      return read(in.getRevoke());
    case schema::Message::DRAIN:
      return Drain{};
    case schema::Message::SUBMIT:
      return read(in.getSubmit());
    case schema::Message::CONTROL:
      return read(in.getControl());
    case schema::Message::ASK:
      return read(in.getAsk());
    case schema::Message::DONE:
      return read(in.getDone());
    case schema::Message::STATUS:
      return read(in.getStatus());
    case schema::Message::REFUSED:
      return read(in.getRefused());
    case schema::Message::UNSUPPORTED:
      return read(in.getUnsupported());
  }
  throw unsupported("message of a kind that protocol {} does not know: {}", protocol_version,
                    static_cast<unsigned>(in.which()));
}

// Message bodies come at any address; Cap'n Proto reads words.
kj::Array<capnp::word> aligned_words(std::span<const std::byte> bytes) {
  if (bytes.empty() || bytes.size() % sizeof(capnp::word) != 0) {
    throw invalid("message of a length that is not a multiple of 8: {}", bytes.size());
  }
  if (bytes.size() > message_bytes_max) {
    throw invalid("message above {} bytes: {}", message_bytes_max, bytes.size());
  }
  auto words = kj::heapArray<capnp::word>(bytes.size() / sizeof(capnp::word));
  std::memcpy(words.begin(), bytes.data(), bytes.size());
  return words;
}

}  // namespace

std::string encode(const Message& message) {
  capnp::MallocMessageBuilder builder;
  std::visit(MessageWriter{builder.initRoot<schema::Message>()}, message);
  const auto words = capnp::messageToFlatArray(builder);
  const auto bytes = words.asBytes();
  if (bytes.size() > message_bytes_max) {
    throw exhausted("{} message above {} bytes: {}", name_of(message), message_bytes_max,
                    bytes.size());
  }
  return {reinterpret_cast<const char*>(bytes.begin()), bytes.size()};
}

Message decode(std::span<const std::byte> bytes) {
  const auto words = aligned_words(bytes);
  capnp::ReaderOptions limits;
  // Each part is read once; twice is room for what readers look at again.
  limits.traversalLimitInWords = 2 * words.size() + 64;
  limits.nestingLimit = 16;
  try {
    capnp::FlatArrayMessageReader reader(words, limits);
    return read(reader.getRoot<schema::Message>());
  } catch (const kj::Exception& broken) {
    throw invalid("message that is not sound: {}", broken.getDescription().cStr());
  }
}

Message decode(std::string_view bytes) { return decode(std::as_bytes(std::span(bytes))); }

}  // namespace paceline::wire
