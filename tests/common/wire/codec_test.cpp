#include "common/wire/codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/random.h"
#include "tests/support/messages.h"

namespace paceline::wire {
namespace {

using paceline::testing::sample_messages;
using ::testing::HasSubstr;

TEST(Codec, EveryMessageComesBackAsItWas) {
  for (const Message& message : sample_messages()) {
    const std::string bytes = encode(message);
    const Message read = decode(bytes);
    EXPECT_EQ(read.index(), message.index()) << name_of(message);
    // Writing is a function of every field.
    EXPECT_EQ(encode(read), bytes) << name_of(message);
  }
}

TEST(Codec, SamplesAreOfEveryKind) {
  EXPECT_EQ(sample_messages().size(), std::variant_size_v<Message>);
}

TEST(Codec, AKernelKeepsItsIdentity) {
  const auto hello = std::get<Hello>(sample_messages()[0]);
  const auto read = std::get<Hello>(decode(encode(hello)));
  EXPECT_EQ(read.kernels.at(0).id(), hello.kernels.at(0).id());
  EXPECT_EQ(read.machine.id(), hello.machine.id());
  EXPECT_EQ(read.environment.id(), hello.environment.id());
}

TEST(Codec, AResultCarriesTheRooflineThatItWasCheckedAgainst) {
  auto result = std::get<Result>(sample_messages()[2]);
  EXPECT_FALSE(std::get<Result>(decode(encode(result))).roofline);
  result.roofline = Roofline{.machine = {Digest::random()},
                             .device = DeviceKind::cuda,
                             .threads = 2,
                             .flops_per_s = 3e11,
                             .bytes_per_s = 2e10,
                             .cache_bytes_per_s = 5e10,
                             .call_s = 1e-7,
                             .measured = from_unix_ns(1'700'000'000'000'000'005)};
  const auto read = std::get<Result>(decode(encode(result))).roofline;
  ASSERT_TRUE(read);
  EXPECT_EQ(read->machine, result.roofline->machine);
  EXPECT_EQ(read->device, DeviceKind::cuda);
  EXPECT_EQ(read->threads, 2);
  EXPECT_EQ(read->flops_per_s, 3e11);
  EXPECT_EQ(read->bytes_per_s, 2e10);
  EXPECT_EQ(read->cache_bytes_per_s, 5e10);
  EXPECT_EQ(read->call_s, 1e-7);
  EXPECT_EQ(read->measured, result.roofline->measured);
}

PathMeasurement path_measurement() {
  PathMeasurement row;
  row.id = {Digest::random()};
  row.path = {Digest::random()};
  row.machine = {Digest::random()};
  row.environment = {Digest::random()};
  row.bindings = {{"B", 1}, {"N", 64}};
  row.regime = Regime::cold;
  row.outcome = Outcome::wrong;
  row.reason = "error 0.5";
  row.predicted_s = 2e-3;
  row.summary = {1e-3, 0.9e-3, 1.1e-3, 0.8e-3, 2, 2};
  row.samples_s = {1e-3, 0.8e-3};
  row.blocks = {0, 1};
  row.error_relative = 0.5;
  row.error_elementwise = 0.25;
  row.noise_floor = 0.01;
  row.method = 2;
  row.finished = from_unix_ns(1'700'000'001'000'000'002);
  row.node = "node-1";
  row.activation_bytes = 4096;
  return row;
}

TEST(Codec, ARaceComesBackAsItWas) {
  Lease lease = std::get<Lease>(sample_messages()[6]);
  lease.kind = "race";
  lease.graph = "graph g";
  lease.bindings = {{"N", 64}};
  lease.index_bound = 100;
  lease.paths_max = 8;
  lease.workloads = {"neg(f32[3]) -> f32[3]"};
  lease.known = std::get<Result>(sample_messages()[2]).measurements;
  lease.roofline = Roofline{.machine = {Digest::random()}, .threads = 2};
  lease.paths = {{{Digest::random()}, "path p", 1e-3}};
  lease.blocks = 6;
  const auto read_lease = std::get<Lease>(decode(encode(lease)));
  EXPECT_EQ(encode(read_lease), encode(lease));
  EXPECT_EQ(read_lease.graph, "graph g");
  EXPECT_EQ(read_lease.bindings, lease.bindings);
  EXPECT_EQ(read_lease.index_bound, 100);
  EXPECT_EQ(read_lease.paths_max, 8);
  EXPECT_EQ(read_lease.known.at(0).id, lease.known.at(0).id);
  EXPECT_EQ(read_lease.paths.at(0).path, lease.paths.at(0).path);
  EXPECT_EQ(read_lease.paths.at(0).predicted_s, 1e-3);
  EXPECT_EQ(read_lease.blocks, 6);

  Result result = std::get<Result>(sample_messages()[2]);
  result.graph = lease.graph;
  result.paths = lease.paths;
  result.path_measurements = {path_measurement()};
  result.workloads = lease.workloads;
  const auto read = std::get<Result>(decode(encode(result)));
  EXPECT_EQ(encode(read), encode(result));
  const PathMeasurement& row = read.path_measurements.at(0);
  const PathMeasurement& was = result.path_measurements[0];
  EXPECT_EQ(row.id, was.id);
  EXPECT_EQ(row.path, was.path);
  EXPECT_EQ(row.bindings, was.bindings);
  EXPECT_EQ(row.outcome, Outcome::wrong);
  EXPECT_EQ(row.summary.high_s, was.summary.high_s);
  EXPECT_EQ(row.samples_s, was.samples_s);
  EXPECT_EQ(row.error_elementwise, 0.25);
  EXPECT_EQ(row.finished, was.finished);
}

TEST(Codec, ASubmittedRaceAndItsPathsComeBackAsTheyWere) {
  Submit submit = std::get<Submit>(sample_messages()[11]);
  submit.strategy = "race";
  submit.paths = 16;
  submit.rounds = 3;
  submit.index_bound = 50257;
  const auto read = std::get<Submit>(decode(encode(submit)));
  EXPECT_EQ(read.strategy, "race");
  EXPECT_EQ(read.paths, 16);
  EXPECT_EQ(read.rounds, 3);
  EXPECT_EQ(read.index_bound, 50257);

  Status status = std::get<Status>(sample_messages()[15]);
  status.campaigns.at(0).paths = {{"cpu",
                                   "g",
                                   {{"N", 4}},
                                   2,
                                   {Digest::random()},
                                   true,
                                   3,
                                   true,
                                   "ok",
                                   "",
                                   1e-3,
                                   2e-3,
                                   1.5e-3,
                                   2.5e-3,
                                   1e-7}};
  const auto shown = std::get<Status>(decode(encode(status))).campaigns.at(0).paths.at(0);
  EXPECT_EQ(shown.bindings, (Bindings{{"N", 4}}));
  EXPECT_TRUE(shown.is_standing);
  EXPECT_EQ(shown.round, 3);
  EXPECT_EQ(shown.median_s, 2e-3);
  EXPECT_EQ(shown.error_relative, 1e-7);
}

TEST(Codec, ReadsBytesAtAnyAddress) {
  const std::string bytes = encode(Welcome{1, "here", 1000});
  const std::string shifted = "x" + bytes;
  const auto read = decode(std::string_view(shifted).substr(1));
  EXPECT_EQ(std::get<Welcome>(read).coordinator, "here");
}

std::string reason_of_refusal(std::string_view bytes) {
  try {
    decode(bytes);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::invalid);
    return error.what();
  }
  return "no error";
}

TEST(Codec, RefusesWhatIsNoMessage) {
  EXPECT_THAT(reason_of_refusal(""), HasSubstr("multiple of 8: 0"));
  EXPECT_THAT(reason_of_refusal("abc"), HasSubstr("multiple of 8: 3"));
  EXPECT_THAT(reason_of_refusal(std::string(8, '\xff')), HasSubstr("not sound"));
}

TEST(Codec, RefusesImpossibleValues) {
  Lease lease = std::get<Lease>(sample_messages()[6]);
  std::string bytes = encode(lease);
  bytes.replace(bytes.find("cold"), 4, "warm");
  EXPECT_THAT(reason_of_refusal(bytes), HasSubstr("unknown regime: warm"));
}

TEST(Codec, RefusesTextThatADatabaseCannotKeep) {
  EXPECT_THAT(reason_of_refusal(encode(Goodbye{"\xc3\x28"})), HasSubstr("not UTF-8: byte 0"));
  EXPECT_THAT(reason_of_refusal(encode(Goodbye{std::string("a\0b", 3)})), HasSubstr("byte 1"));
  EXPECT_EQ(reason_of_refusal(encode(Goodbye{"höher, 高い, 🚀"})), "no error");
}

TEST(Codec, NeverDoesWorseThanAnErrorOnDamagedBytes) {
  Random random(1);
  for (const Message& message : sample_messages()) {
    const std::string bytes = encode(message);
    for (int round = 0; round < 300; ++round) {
      std::string damaged = bytes;
      for (int flips = 0; flips < 4; ++flips) {
        const auto at = random.below(static_cast<std::int64_t>(damaged.size()));
        damaged[at] = static_cast<char>(random());
      }
      if (round % 3 == 0) damaged.resize(random.below(static_cast<std::int64_t>(damaged.size())));
      try {
        decode(damaged);
      } catch (const Error&) {
      }
    }
  }
}

}  // namespace
}  // namespace paceline::wire
