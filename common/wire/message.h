#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/base/error.h"
#include "common/base/id.h"
#include "common/base/time.h"
#include "common/graph/kernel_info.h"
#include "common/graph/machine.h"
#include "common/graph/measurement.h"
#include "common/graph/path_measurement.h"

// What coordinator, workers and clients say to each other, as plain structs. The schema stands in
// schema/wire/message.capnp; codec.h turns these into bytes and back.
namespace paceline::wire {

inline constexpr std::uint32_t protocol_version = 1;

// Worker to coordinator: first, and whenever it is asked to introduce itself.
struct Hello {
  std::uint32_t protocol = protocol_version;
  WorkerId worker;
  std::string name;      // Host and process, for people.
  std::string resource;  // What its measurements occupy alone: two workers of a host name the same.
  Machine machine;
  Environment environment;
  std::vector<KernelInfo> kernels;
};

// Keeps leases alive and asks for more. Repeating or losing one does no harm.
struct Heartbeat {
  std::int64_t sent_ns = 0;  // The worker's monotonic clock; echoed, never compared with another.
  std::uint32_t credit = 0;  // Leases that it would hold at once; 0 while it drains.
  std::vector<LeaseId> leases;    // That it holds.
  std::vector<LeaseId> released;  // That it stopped working on when they were revoked.
};

// A path in a race.
struct Contender {
  PathId path;
  std::string text;  // Parses back.
  double predicted_s = 0;
};

// One sitting of a task. Idempotent by (task, lease, block): sent until it is acknowledged.
struct Result {
  TaskId task;
  LeaseId lease;
  std::uint32_t epoch = 0;
  std::uint32_t block = 0;
  std::string workload;     // Text.
  Environment environment;  // That it was measured in; the hello's, but for its threads.
  std::vector<Measurement> measurements;
  std::string failure;  // Why the sitting could not be held at all; empty when it was.
  double seconds = 0;   // That it took.
  std::optional<Roofline> roofline = {};  // What the measurements were checked against.
  // Of a study: what its paths compute, as the lease had it; those found, the first is the graph as
  // it stands; the workloads that it measured.
  std::string graph = {};
  std::vector<Contender> paths = {};
  std::vector<PathMeasurement> path_measurements = {};
  std::vector<std::string> workloads = {};
};

// The worker leaves in order; its leases are free at once.
struct Goodbye {
  std::string reason;
};

struct Welcome {
  std::uint32_t protocol = protocol_version;
  std::string coordinator;
  std::uint32_t heartbeat_ms = 0;
};

// Coordinator to worker: who are you? Say hello. After a restart, or on a connection it does not
// know.
struct Introduce {};

// Kernels to be compared with each other in each regime, their blocks interleaved.
struct Sitting {
  std::uint32_t block = 0;
  std::vector<Regime> regimes;
  std::vector<KernelId> kernels;
};

// A timed right to do a task with the worker's resource to itself. Valid until `valid_ms` after the
// heartbeat stamped `sent_ns` was sent, by the worker's clock: so no two clocks are ever compared.
struct Lease {
  LeaseId id;
  TaskId task;
  CampaignId campaign;
  std::uint32_t epoch = 0;  // Counts the leases of this task.
  std::int64_t sent_ns = 0;
  std::uint32_t valid_ms = 0;
  std::string kind = "measure";  // What a worker does not know it answers with a failure.
  std::string workload;          // Text.
  std::int32_t threads = 1;
  double tolerance = 0;
  double seconds_max = 0;  // A sitting's budget.
  std::vector<Sitting> sittings;

  // Of kinds "study" (find the paths worth racing) and "race" (time `paths` whole).
  std::string graph = {};
  Bindings bindings = {};
  std::int64_t index_bound = 0;  // Of whole-number inputs that are drawn; 0: nothing said.
  // Of a study: what the store knows of this machine, measurements without samples.
  std::int32_t paths_max = 0;
  std::vector<std::string> workloads = {};
  std::vector<Measurement> known = {};
  std::optional<Roofline> roofline = {};
  // Of a race; the first is the graph as it stands.
  std::vector<Contender> paths = {};
  std::int32_t blocks = 0;
};

// The leases named are valid until `valid_ms` after `sent_ns`.
struct Renewed {
  std::int64_t sent_ns = 0;
  std::uint32_t valid_ms = 0;
  std::vector<LeaseId> leases;
};

// The result is in the database: the worker may forget it.
struct Ack {
  TaskId task;
  LeaseId lease;
  std::uint32_t block = 0;
};

// Stop at once; nothing is lost that was sent already.
struct Revoke {
  LeaseId lease;
};

// Finish the sitting at hand and leave.
struct Drain {};

// Client to coordinator. Sending it twice submits once, since the client chooses the id.
struct Submit {
  CampaignId campaign;
  std::string name;
  std::string model;                // For people.
  std::vector<std::string> graphs;  // Text, decomposed and cleaned as `run` would.
  std::vector<Bindings> bindings;
  std::vector<std::int32_t> threads;  // 0: as many as the worker was given.
  std::vector<Regime> regimes;
  double tolerance = 0;
  std::int32_t priority = 0;  // Higher goes first.
  double seconds_per_sitting = 0;
  double seconds_max = 0;        // Of measuring, over the whole campaign; 0: no limit.
  std::string strategy = {};     // "kernels" (as is ""), "race"
  std::int32_t paths = 0;        // Of a race: candidates besides the graph as it stands.
  std::int32_t rounds = 0;       // Of a race, at most.
  std::int64_t index_bound = 0;  // Token ids are below it; 0: nothing said.
};

enum class ControlAction { pause, resume, cancel, drain };
std::string_view to_string(ControlAction action);
std::optional<ControlAction> parse_control_action(std::string_view name);

struct Control {
  CampaignId campaign;  // For pause, resume, cancel.
  WorkerId worker;      // For drain.
  ControlAction action = ControlAction::pause;
};

// For the status of one campaign, or of all of them and the workers.
struct Ask {
  std::optional<CampaignId> campaign;
};

// What the client asked for is done and durable.
struct Done {
  CampaignId campaign;
};

// A campaign's tasks on one class of workers. total = done + known + skipped + failed + what is
// open.
struct LaneStatus {
  std::string machine;  // CPU model, for people.
  EnvironmentId environment;
  std::uint32_t workers = 0;  // Connected now.
  std::int64_t total = 0;
  std::int64_t done = 0;
  std::int64_t known = 0;    // Measured before the campaign.
  std::int64_t skipped = 0;  // No kernel takes it, or the campaign ended first.
  std::int64_t failed = 0;
  std::int64_t leased = 0;
};

struct TaskFailure {
  TaskId task;
  std::string workload;
  std::string reason;
};

// A path that a campaign raced, by its newest measurement there.
struct PathStatus {
  std::string machine;
  std::string graph;
  Bindings bindings;
  std::int32_t threads = 0;
  PathId path;
  bool is_standing = false;  // The graph as it stands.
  std::int32_t round = 0;    // The last that it was in; 0: none yet.
  bool is_in = false;        // Not behind so far; with the race over, it was in the last round.
  std::string outcome;       // Empty: not timed yet.
  std::string reason;
  double predicted_s = 0;
  double median_s = 0;
  double low_s = 0;
  double high_s = 0;
  double error_relative = 0;
};

struct CampaignStatus {
  CampaignId id;
  std::string name;
  std::string model;
  std::string state;  // "running", "paused", "done", "cancelled"
  std::string reason;
  std::int32_t priority = 0;
  Time submitted;
  std::optional<Time> finished;
  double spent_s = 0;
  std::vector<LaneStatus> lanes;
  std::vector<TaskFailure> failures;
  std::vector<PathStatus> paths = {};  // Of its races, when one campaign was asked for.
};

struct WorkerStatus {
  WorkerId id;
  std::string name;
  std::string state;  // "idle", "measuring", "draining"
  std::string machine;
  std::string resource;
  std::string workload;  // That it measures; empty when idle.
  double silent_s = 0;
};

struct Status {
  std::vector<CampaignStatus> campaigns;
  std::vector<WorkerStatus> workers;
};

// The request was understood and cannot be served.
struct Refused {
  ErrorKind kind = ErrorKind::invalid;
  std::string reason;
};

// The message was not understood.
struct Unsupported {
  std::uint32_t protocol = protocol_version;  // That the sender speaks.
  std::string what;
};

using Message =
    std::variant<Hello, Heartbeat, Result, Goodbye, Welcome, Introduce, Lease, Renewed, Ack, Revoke,
                 Drain, Submit, Control, Ask, Done, Status, Refused, Unsupported>;

// "hello", "heartbeat", ...
std::string_view name_of(const Message& message);

}  // namespace paceline::wire
