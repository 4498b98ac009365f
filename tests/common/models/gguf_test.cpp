#include "common/models/gguf.h"

#include <gmock/gmock.h>

#include <limits>

#include "common/base/error.h"
#include "tests/common/models/made_gguf.h"

namespace paceline::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

MadeGguf small() {
  MadeGguf file;
  file.text("general.architecture", "llama").u32("llama.block_count", 2);
  file.floats("a", {2, 3}, {1, 2, 3, 4, 5, 6});
  file.tensor("b", 8, {2, 32}, std::string(68, '\1'));
  return file;
}

// What the parser says of the bytes.
std::string refusal_of(const std::string& bytes, ErrorKind kind = ErrorKind::invalid) {
  try {
    parsed(bytes);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "accepted";
  return "";
}

TEST(Gguf, TensorsAreViewsWithTheFastestAxisLast) {
  const Gguf file = parsed(small().bytes());
  const Gguf::Entry& a = file.tensors.at("a");
  EXPECT_THAT(a.extents, ElementsAre(2, 3));
  EXPECT_THAT(a.tensor.to_doubles(), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_EQ(a.blocks, nullptr);
  const Gguf::Entry& b = file.tensors.at("b");
  EXPECT_THAT(b.extents, ElementsAre(2, 32));
  EXPECT_THAT(b.tensor.extents(), ElementsAre(2, 34));
  EXPECT_EQ(b.tensor.dtype(), Dtype::u8);
  EXPECT_EQ(b.blocks->name, "q8_0");
}

TEST(Gguf, MayHoldEmptyTensors) {
  MadeGguf made;
  made.announce("a", 0, {2, 0, 3}, 0).announce("b", 8, {0, 32}, 0);
  const Gguf file = parsed(made.bytes());
  EXPECT_EQ(file.tensors.at("a").tensor.element_count(), 0);
  EXPECT_THAT(file.tensors.at("b").tensor.extents(), ElementsAre(0, 34));
}

TEST(Gguf, HoldsMetadataOfEveryType) {
  MadeGguf made;
  made.scalar<std::uint8_t>("u8", 0, 200).scalar<std::int8_t>("i8", 1, -3);
  made.scalar<std::uint16_t>("u16", 2, 60000).scalar<std::int16_t>("i16", 3, -300);
  made.scalar<std::uint32_t>("u32", 4, 4000000000u).scalar<std::int32_t>("i32", 5, -70000);
  made.f32("f32", 0.5f).f32("tiny", 1e-6f).boolean("flag", 1).text("text", "words");
  made.scalar<std::uint64_t>("u64", 10, 1ull << 40).scalar<std::int64_t>("i64", 11, -5);
  made.scalar<double>("f64", 12, 0.25);
  made.list<std::int32_t>("integers", 5, {1, -2}).list<float>("reals", 6, {1.5f});
  made.texts("texts", {"a", "bc"});
  const Gguf file = parsed(made.bytes());
  EXPECT_EQ(file.integer("u8"), 200);
  EXPECT_EQ(file.integer("i8"), -3);
  EXPECT_EQ(file.integer("u16"), 60000);
  EXPECT_EQ(file.integer("i16"), -300);
  EXPECT_EQ(file.integer("u32"), 4000000000);
  EXPECT_EQ(file.integer("i32"), -70000);
  EXPECT_EQ(file.integer("u64"), 1ll << 40);
  EXPECT_EQ(file.integer("i64"), -5);
  EXPECT_EQ(file.number("f32"), 0.5);
  EXPECT_EQ(file.number("f64"), 0.25);
  EXPECT_EQ(file.number("tiny"), 1e-6);
  EXPECT_EQ(file.number("i8"), -3);
  EXPECT_EQ(file.text("text"), "words");
  EXPECT_EQ(file.metadata.at("flag"), Gguf::Value(true));
  EXPECT_EQ(file.metadata.at("integers"), Gguf::Value(std::vector<std::int64_t>{1, -2}));
  EXPECT_EQ(file.metadata.at("reals"), Gguf::Value(std::vector<double>{1.5}));
  EXPECT_EQ(file.metadata.at("texts"), Gguf::Value(Gguf::Texts{2}));
  EXPECT_THROW(file.integer("f32"), Error);
  EXPECT_THROW(file.text("u8"), Error);
  EXPECT_THROW(file.number("missing"), Error);
}

TEST(Gguf, ReadsTheVersionBefore) {
  MadeGguf made = small();
  made.version = 2;
  EXPECT_EQ(parsed(made.bytes()).tensors.size(), 2u);
}

TEST(Gguf, FollowsTheFilesAlignment) {
  MadeGguf made;
  made.alignment = 4096;
  made.u32("general.alignment", 4096).floats("a", {1}, {7}).floats("b", {1}, {8});
  EXPECT_THAT(parsed(made.bytes()).tensors.at("b").tensor.to_doubles(), ElementsAre(8));
}

TEST(Gguf, ListsAllTensorsOfTypesThatAreNotRead) {
  MadeGguf made;
  made.announce("first", 16, {256}, 0).announce("second", 39, {256}, 0);
  const std::string said = refusal_of(made.bytes(), ErrorKind::unsupported);
  EXPECT_THAT(said, HasSubstr("first (iq2_xxs), second (mxfp4)"));
}

TEST(Gguf, RefusesOtherVersionsAndOrders) {
  MadeGguf made = small();
  made.version = 1;
  EXPECT_THAT(refusal_of(made.bytes(), ErrorKind::unsupported), HasSubstr("versions 2 and 3"));
  made.version = 3u << 24;
  EXPECT_THAT(refusal_of(made.bytes(), ErrorKind::unsupported), HasSubstr("big-endian"));
}

TEST(Gguf, RefusesEveryPartOfAFile) {
  const std::string whole = small().bytes();
  // From the last byte of data that belongs to a tensor.
  for (std::size_t length = 0; length + 28 < whole.size(); ++length) {
    EXPECT_THROW(parsed(whole.substr(0, length)), Error) << length;
  }
}

struct Refused {
  const char* what;
  MadeGguf made;
  const char* said;
};

std::vector<Refused> refused() {
  const auto with = [](auto change) {
    MadeGguf made;
    change(made);
    return made;
  };
  using M = MadeGguf;
  return {
      {"a key twice", with([](M& m) { m.u32("k", 1).u32("k", 2); }),
       "a key twice: \"k\" at offset"},
      {"unknown kind", with([](M& m) { m.scalar<int>("k", 13, 1); }), "unknown type of value"},
      {"bool of 2", with([](M& m) { m.boolean("k", 2); }), "must be 0 or 1: 2"},
      {"long list", with([](M& m) { m.scalar<std::uint32_t>("k", 9, 4).u32("rest", 1); }),
       "room for"},
      {"alignment 0", with([](M& m) { m.u32("general.alignment", 0); }), "power of two"},
      {"alignment 48", with([](M& m) { m.u32("general.alignment", 48); }), "power of two"},
      {"a name twice", with([](M& m) { m.floats("a", {1}, {1}).floats("a", {1}, {1}); }),
       "two tensors have one name: \"a\""},
      {"five axes", with([](M& m) {
         m.announce("a", 0, {1, 1, 1, 1, 1}, 0);
       }),
       "more than 4 axes"},
      {"negative extent", with([](M& m) { m.announce("a", 0, {-1}, 0); }), "negative extent: -1"},
      {"huge extents", with([](M& m) {
         m.announce("a", 0, {1ll << 62, 4}, 0);
       }),
       "beyond the file"},
      {"huge blocks", with([](M& m) {
         m.announce("a", 8, {1ll << 40, 1ll << 40}, 0);
       }),
       "beyond the file"},
      {"huge empty blocks", with([](M& m) {
         m.announce("a", 8, {0, std::numeric_limits<std::int64_t>::max() - 31}, 0);
       }),
       "beyond the file"},
      {"huge and empty", with([](M& m) {
         m.announce("a", 0, {0, 1ll << 62, 1ll << 62}, 0);
       }),
       "beyond the file"},
      {"unknown type", with([](M& m) { m.announce("a", 99, {1}, 0); }), "unknown type: 99"},
      {"rows of half a block", with([](M& m) {
         m.announce("a", 8, {2, 48}, 0);
       }),
       "no whole blocks of q8_0, 32 elements each"},
      {"a scalar of blocks", with([](M& m) { m.announce("a", 2, {}, 0); }), "no whole blocks"},
      {"offset beyond", with([](M& m) { m.announce("a", 0, {1}, 1ull << 63); }), "beyond the file"},
      {"offset unaligned",
       with([](M& m) { m.floats("a", {16}, std::vector<float>(16)).announce("b", 0, {1}, 4); }),
       "no multiple of the alignment 32: 4"},
      {"overlap",
       with([](M& m) { m.floats("a", {16}, std::vector<float>(16)).announce("b", 0, {1}, 32); }),
       "tensors overlap: \"a\" ends at 64, \"b\" starts at 32"},
  };
}

TEST(Gguf, RefusesWhatTheFormatForbids) {
  for (const Refused& one : refused()) {
    SCOPED_TRACE(one.what);
    const std::string said = refusal_of(one.made.bytes());
    EXPECT_THAT(said, HasSubstr(one.said));
    EXPECT_THAT(said, HasSubstr("made.gguf"));
  }
}

TEST(Gguf, RefusesCountsBeyondTheFile) {
  std::string bytes = small().bytes();
  bytes[8 + 7] = 0x7f;
  EXPECT_THAT(refusal_of(bytes), HasSubstr("the number of tensors is more"));
  bytes = small().bytes();
  bytes[16 + 7] = 0x7f;
  EXPECT_THAT(refusal_of(bytes), HasSubstr("the number of metadata entries is more"));
}

TEST(Gguf, RefusesOtherFiles) { EXPECT_THAT(refusal_of("PK\3\4"), HasSubstr("no GGUF file")); }

}  // namespace
}  // namespace paceline::test
