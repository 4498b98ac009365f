@0xc1f0a6d2b85e3741;
# The nouns of common/graph as bytes. New fields take the next number; numbers and types of old ones
# never change, names may. Enumerations are sent by name, digests as 16 bytes.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("paceline::wire::schema");

struct Machine {
  cpuModel @0 :Text;
  architecture @1 :Text;
  isa @2 :List(Text);
  cores @3 :Int32;
  hardwareThreads @4 :Int32;
  numaNodes @5 :Int32;
  caches @6 :List(Cache);
  memoryBytes @7 :Int64;
  hypervisor @8 :Text;
  gpus @9 :List(Gpu);

  struct Cache {
    level @0 :Int32;
    bytes @1 :Int64;
    sharedBy @2 :Int32;  # Hardware threads.
  }

  struct Gpu {
    model @0 :Text;
    architecture @1 :Text;
    multiprocessors @2 :Int32;
    memoryBytes @3 :Int64;
    l2Bytes @4 :Int64;
    powerLimitWatts @5 :Int32;
    ecc @6 :Text;
    link @7 :Text;
  }
}

struct Environment {
  os @0 :Text;
  kernel @1 :Text;
  governor @2 :Text;
  cudaDriver @3 :Text;
  threads @4 :Int32;
  settings @5 :List(Setting);

  struct Setting {
    name @0 :Text;
    value @1 :Text;
  }
}

struct Attribute {
  name @0 :Text;
  value :union {
    boolean @1 :Bool;
    integer @2 :Int64;
    real @3 :Float64;
    text @4 :Text;
    dtype @5 :Text;
    integers @6 :List(Int64);
    dim @7 :Text;
    shape @8 :List(Text);
  }
}

struct Kernel {
  name @0 :Text;
  op @1 :Text;
  library @2 :Text;
  device @3 :Text;
  precision @4 :Text;
  source @5 :Text;
  libraryVersion @6 :Text;
  expectedEfficiency @7 :Float64;
  isPlain @8 :Bool;
  accepts @9 :Accepts;

  struct Accepts {
    dtypes @0 :List(Text);
    rankMin @1 :Int32;
    rankMax @2 :Int32;
    inputStrides @3 :List(Text);  # "dense", "dense_inner", "any"
    outputStrides @4 :Text;
    divisible @5 :List(Divisible);
    attributes @6 :List(Attribute);
    isa @7 :List(Text);
  }

  struct Divisible {
    input @0 :Int32;
    axis @1 :Int32;
    by @2 :Int64;
  }
}

struct Roofline {
  machine @0 :Data;
  threads @1 :Int32;
  flopsPerS @2 :Float64;
  bytesPerS @3 :Float64;
  cacheBytesPerS @4 :Float64;
  callS @5 :Float64;
  measuredUnixNs @6 :Int64;
  device @7 :Text = "cpu";
}

struct Measurement {
  id @0 :Data;
  kernel @1 :Data;
  workload @2 :Data;
  machine @3 :Data;
  environment @4 :Data;
  device @5 :Text;
  regime @6 :Text;
  outcome @7 :Text;
  reason @8 :Text;

  # The summary.
  medianS @9 :Float64;
  lowS @10 :Float64;
  highS @11 :Float64;
  minimumS @12 :Float64;
  sampleCount @13 :Int32;
  blockCount @14 :Int32;

  samplesS @15 :List(Float64);
  blocks @16 :List(Int32);
  discarded @17 :List(Discarded);
  errorRelative @18 :Float64;
  errorElementwise @19 :Float64;
  method @20 :Int32;
  seed @21 :UInt64;
  callsPerSample @22 :Int32;
  noiseFloor @23 :Float64;
  workspaceBytes @24 :Int64;
  peakResidentBytes @25 :Int64;
  loadBefore @26 :Float64;
  loadAfter @27 :Float64;
  stealFraction @28 :Float64;
  clockMhzBefore @29 :Float64;  # 0 when unavailable.
  clockMhzAfter @30 :Float64;   # 0 when unavailable.
  throttle @31 :Text;
  startedUnixNs @32 :Int64;
  finishedUnixNs @33 :Int64;
  node @34 :Text;
  campaign @35 :Data;  # Empty when measured outside a campaign.
  task @36 :Data;
  lease @37 :Data;

  struct Discarded {
    seconds @0 :Float64;
    block @1 :Int32;
    cause @2 :Text;
  }
}

struct PathMeasurement {
  id @0 :Data;
  path @1 :Data;
  machine @2 :Data;
  environment @3 :Data;
  bindings @4 :List(Bound);
  regime @5 :Text;
  outcome @6 :Text;
  reason @7 :Text;
  predictedS @8 :Float64;
  medianS @9 :Float64;
  lowS @10 :Float64;
  highS @11 :Float64;
  minimumS @12 :Float64;
  sampleCount @13 :Int32;
  blockCount @14 :Int32;
  samplesS @15 :List(Float64);
  blocks @16 :List(Int32);
  errorRelative @17 :Float64;
  errorElementwise @18 :Float64;
  noiseFloor @19 :Float64;
  method @20 :Int32;
  finishedUnixNs @21 :Int64;
  node @22 :Text;
  activationBytes @23 :Int64 = -1;  # Negative: not known.

  struct Bound {
    symbol @0 :Text;
    value @1 :Int64;
  }
}
