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
                             .threads = 2,
                             .flops_per_s = 3e11,
                             .bytes_per_s = 2e10,
                             .cache_bytes_per_s = 5e10,
                             .call_s = 1e-7,
                             .measured = from_unix_ns(1'700'000'000'000'000'005)};
  const auto read = std::get<Result>(decode(encode(result))).roofline;
  ASSERT_TRUE(read);
  EXPECT_EQ(read->machine, result.roofline->machine);
  EXPECT_EQ(read->threads, 2);
  EXPECT_EQ(read->flops_per_s, 3e11);
  EXPECT_EQ(read->bytes_per_s, 2e10);
  EXPECT_EQ(read->cache_bytes_per_s, 5e10);
  EXPECT_EQ(read->call_s, 1e-7);
  EXPECT_EQ(read->measured, result.roofline->measured);
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
