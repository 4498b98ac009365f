#include "worker/daemon/spool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "common/base/error.h"
#include "common/wire/codec.h"
#include "tests/support/messages.h"
#include "tests/support/scratch.h"

namespace paceline {
namespace {

using paceline::testing::Scratch;
using ::testing::IsEmpty;
using ::testing::SizeIs;

wire::Result result(std::uint32_t block) {
  auto result = std::get<wire::Result>(paceline::testing::sample_messages()[2]);
  result.block = block;
  return result;
}

wire::Ack ack_of(const wire::Result& result) { return {result.task, result.lease, result.block}; }

TEST(Spool, KeepsResultsUntilTheyAreAcknowledged) {
  const Scratch scratch;
  Spool spool(scratch / "worker" / "spool.sqlite");
  spool.keep(result(0));
  spool.keep(result(1));
  EXPECT_THAT(spool.results(), SizeIs(2));
  spool.forget(ack_of(result(0)));
  ASSERT_THAT(spool.results(), SizeIs(1));
  EXPECT_EQ(wire::encode(spool.results()[0]), wire::encode(result(1)));
}

TEST(Spool, OutlivesItsWorker) {
  const Scratch scratch;
  { Spool(scratch / "spool.sqlite").keep(result(0)); }
  EXPECT_THAT(Spool(scratch / "spool.sqlite").results(), SizeIs(1));
}

TEST(Spool, KeepsAResultOnce) {
  const Scratch scratch;
  Spool spool(scratch / "spool.sqlite");
  spool.keep(result(0));
  spool.keep(result(0));
  EXPECT_THAT(spool.results(), SizeIs(1));
  spool.forget(ack_of(result(0)));
  spool.forget(ack_of(result(0)));
  EXPECT_THAT(spool.results(), IsEmpty());
}

TEST(Spool, BelongsToOneWorkerAtATime) {
  const Scratch scratch;
  Spool spool(scratch / "spool.sqlite");
  try {
    Spool(scratch / "spool.sqlite");
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::unavailable);
    EXPECT_THAT(error.what(), ::testing::HasSubstr("spool.sqlite"));
  }
}

TEST(Spool, RefusesAFileThatIsNone) {
  const Scratch scratch;
  std::ofstream(scratch / "spool.sqlite") << std::string(5000, 'x');
  EXPECT_THROW(Spool(scratch / "spool.sqlite"), Error);
}

}  // namespace
}  // namespace paceline
