@0x9b3d52e7f1a84c06;
# What coordinator, workers and clients say to each other: one Message in one ZeroMQ message, as Cap'n
# Proto's unpacked stream. An unknown member is answered `unsupported`.

using Cxx = import "/capnp/c++.capnp";
using Nouns = import "nouns.capnp";
$Cxx.namespace("paceline::wire::schema");

struct Message {
  union {
    # Worker to coordinator.
    hello @0 :Hello;
    heartbeat @1 :Heartbeat;
    result @2 :Result;
    goodbye @3 :Goodbye;
    # Coordinator to worker.
    welcome @4 :Welcome;
    introduce @5 :Void;  # Who are you? Say hello.
    lease @6 :Lease;
    renewed @7 :Renewed;
    ack @8 :Ack;
    revoke @9 :Revoke;
    drain @10 :Void;
    # Client to coordinator.
    submit @11 :Submit;
    control @12 :Control;
    ask @13 :Ask;
    # Coordinator to client.
    done @14 :Done;
    status @15 :Status;
    # Coordinator to anyone.
    refused @16 :Refused;
    unsupported @17 :Unsupported;
  }
}

struct Hello {
  protocol @0 :UInt32;
  worker @1 :Data;
  name @2 :Text;      # Host and process, for people.
  resource @3 :Text;  # What its measurements occupy alone.
  machine @4 :Nouns.Machine;
  environment @5 :Nouns.Environment;
  kernels @6 :List(Nouns.Kernel);
}

struct Heartbeat {
  sentNs @0 :Int64;   # By the worker's own clock.
  credit @1 :UInt32;  # Leases that it would hold at once.
  leases @2 :List(Data);  # That it holds.
  released @3 :List(Data);  # That it stopped working on when they were revoked.
}

struct Result {
  task @0 :Data;
  lease @1 :Data;
  epoch @2 :UInt32;
  block @3 :UInt32;
  measurements @4 :List(Nouns.Measurement);
  failure @5 :Text;  # Why the block could not be tried at all; empty when it was.
  seconds @6 :Float64;
  workload @7 :Text;
  environment @8 :Nouns.Environment;
  roofline @9 :Nouns.Roofline;  # What the measurements were checked against; absent when none was.
  graph @10 :Text;  # Of a study: what its paths compute, as the lease had it.
  paths @11 :List(Contender);  # That a study found; the first is the graph as it stands.
  pathMeasurements @12 :List(Nouns.PathMeasurement);
  workloads @13 :List(Text);  # Of a study's measurements.
}

struct Contender {
  path @0 :Data;
  text @1 :Text;
  predictedS @2 :Float64;
}

struct Goodbye {
  reason @0 :Text;
}

struct Welcome {
  protocol @0 :UInt32;
  coordinator @1 :Text;
  heartbeatMs @2 :UInt32;
}

struct Lease {
  id @0 :Data;
  task @1 :Data;
  campaign @2 :Data;
  epoch @3 :UInt32;
  sentNs @4 :Int64;  # Of the heartbeat that the validity counts from.
  validMs @5 :UInt32;
  kind @6 :Text;  # "measure", "study", "race"
  workload @7 :Text;
  threads @8 :Int32;
  tolerance @9 :Float64;
  secondsMax @10 :Float64;  # A sitting's budget.
  sittings @11 :List(Sitting);
  # Of a study and of a race.
  graph @12 :Text;
  bindings @13 :List(Binding);
  indexBound @14 :Int64;  # Of whole-number inputs that are drawn; 0: nothing said.
  # Of a study.
  pathsMax @15 :Int32;
  workloads @16 :List(Text);
  known @17 :List(Nouns.Measurement);  # Of these workloads on this machine, without samples.
  roofline @18 :Nouns.Roofline;  # Absent when nobody calibrated it.
  # Of a race.
  paths @19 :List(Contender);
  blocks @20 :Int32;
}

struct Sitting {
  block @0 :UInt32;
  regimes @1 :List(Text);
  kernels @2 :List(Data);
}

struct Renewed {
  sentNs @0 :Int64;
  validMs @1 :UInt32;
  leases @2 :List(Data);
}

struct Ack {
  task @0 :Data;
  lease @1 :Data;
  block @2 :UInt32;
}

struct Revoke {
  lease @0 :Data;
}

struct Submit {
  campaign @0 :Data;  # Chosen by the client, so that submitting twice is submitting once.
  name @1 :Text;
  model @2 :Text;
  graphs @3 :List(Text);
  bindings @4 :List(List(Binding));
  threads @5 :List(Int32);
  regimes @6 :List(Text);
  tolerance @7 :Float64;
  priority @8 :Int32;
  secondsPerSitting @9 :Float64;
  secondsMax @10 :Float64;  # Of measuring, over the whole campaign; 0: no limit.
  strategy @11 :Text;  # "kernels" (as is ""), "race"
  paths @12 :Int32;  # Of a race: candidates besides the graph as it stands.
  rounds @13 :Int32;
  indexBound @14 :Int64;  # Of whole-number inputs: token ids are below it; 0: nothing said.
}

struct Binding {
  symbol @0 :Text;
  value @1 :Int64;
}

struct Control {
  campaign @0 :Data;
  worker @1 :Data;
  action @2 :Text;  # "pause", "resume", "cancel"; "drain" of a worker.
}

struct Ask {
  campaign @0 :Data;  # Empty: all of them.
}

struct Done {
  campaign @0 :Data;
}

struct Status {
  campaigns @0 :List(CampaignStatus);
  workers @1 :List(WorkerStatus);
}

struct CampaignStatus {
  id @0 :Data;
  name @1 :Text;
  model @2 :Text;
  state @3 :Text;
  reason @4 :Text;
  priority @5 :Int32;
  submittedUnixNs @6 :Int64;
  finishedUnixNs @7 :Int64;  # 0 while it goes on.
  spentS @8 :Float64;
  lanes @9 :List(LaneStatus);
  failures @10 :List(Failure);
  paths @11 :List(PathStatus);  # Of its races, when one campaign was asked for.
}

# A path that a campaign raced, by its newest measurement there.
struct PathStatus {
  machine @0 :Text;
  graph @1 :Text;
  bindings @2 :List(Binding);
  threads @3 :Int32;
  path @4 :Data;
  isStanding @5 :Bool;
  round @6 :Int32;  # The last that it was in.
  isIn @7 :Bool;  # Not behind so far; with the race over, it was in the last round.
  outcome @8 :Text;  # Empty: not timed yet.
  reason @9 :Text;
  predictedS @10 :Float64;
  medianS @11 :Float64;
  lowS @12 :Float64;
  highS @13 :Float64;
  errorRelative @14 :Float64;
}

struct LaneStatus {
  machine @0 :Text;
  environment @1 :Data;
  workers @2 :UInt32;
  total @3 :Int64;
  done @4 :Int64;
  known @5 :Int64;
  skipped @6 :Int64;
  failed @7 :Int64;
  leased @8 :Int64;
}

struct Failure {
  task @0 :Data;
  workload @1 :Text;
  reason @2 :Text;
}

struct WorkerStatus {
  id @0 :Data;
  name @1 :Text;
  state @2 :Text;
  machine @3 :Text;
  resource @4 :Text;
  workload @5 :Text;  # That it measures; empty when idle.
  silentS @6 :Float64;
}

struct Refused {
  kind @0 :Text;  # Of an Error.
  reason @1 :Text;
}

struct Unsupported {
  protocol @0 :UInt32;  # That the sender speaks.
  what @1 :Text;
}
