#include "common/models/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "common/base/digest.h"
#include "common/base/error.h"
#include "common/base/file.h"

namespace paceline {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// A file of `header` and `data_bytes` zeros.
std::vector<std::byte> file_of(const std::string& header, std::size_t data_bytes) {
  const std::uint64_t length = header.size();
  std::vector<std::byte> bytes(8 + header.size() + data_bytes);
  std::memcpy(bytes.data(), &length, 8);
  std::memcpy(bytes.data() + 8, header.data(), header.size());
  return bytes;
}

Safetensors parse(const std::vector<std::byte>& content) {
  const auto owned = std::make_shared<std::vector<std::byte>>(content);
  return parse_safetensors(*owned, owned, "x.safetensors");
}

std::string refusal(const std::vector<std::byte>& content) {
  try {
    parse(content);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::invalid);
    EXPECT_THAT(error.what(), HasSubstr("x.safetensors"));
    return error.what();
  }
  return "accepted";
}

class SafetensorsFile : public testing::Test {
 protected:
  SafetensorsFile() {
    path_ = std::filesystem::temp_directory_path() /
            ("paceline-safetensors-" + Digest::random().to_string());
  }
  ~SafetensorsFile() override { std::filesystem::remove(path_); }

  std::filesystem::path path_;
};

TEST_F(SafetensorsFile, ReadsBackWhatWasWritten) {
  write_safetensors(path_,
                    {{"small", Tensor::of<std::int8_t>({3}, {1, 2, 3})},
                     {"wide", Tensor::of<double>({2}, {0.5, -1})},
                     {"empty", Tensor(Dtype::f32, {0, 4})},
                     {"scalar", Tensor::of<std::int64_t>({}, {7})}},
                    {{"format", "pt"}});

  const Safetensors content = read_safetensors(path_);

  EXPECT_THAT(content.metadata, ElementsAre(testing::Pair("format", "pt")));
  EXPECT_THAT(content.tensors.at("small").to_doubles(), ElementsAre(1, 2, 3));
  EXPECT_THAT(content.tensors.at("wide").to_doubles(), ElementsAre(0.5, -1));
  EXPECT_THAT(content.tensors.at("empty").extents(), ElementsAre(0, 4));
  EXPECT_THAT(content.tensors.at("scalar").to_doubles(), ElementsAre(7));
}

TEST_F(SafetensorsFile, TensorsKeepTheirFileMapped) {
  write_safetensors(path_, {{"x", Tensor::of<float>({2}, {1, 2})}});

  const Tensor x = read_safetensors(path_).tensors.at("x");

  EXPECT_THAT(x.to_doubles(), ElementsAre(1, 2));
}

TEST_F(SafetensorsFile, RefusesAFileCutShortAnywhere) {
  write_safetensors(path_, {{"x", Tensor::of<float>({2}, {1, 2})}});
  const auto file = MappedFile::open(path_);

  for (std::size_t size = 0; size < file->bytes().size(); ++size) {
    const auto part = file->bytes().first(size);
    EXPECT_THROW(parse_safetensors(part, file, "x"), Error) << size;
  }
}

TEST(Safetensors, ReadsEveryDtype) {
  const Safetensors content =
      parse(file_of(R"({"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]},)"
                    R"("b":{"dtype":"I64","shape":[1],"data_offsets":[8,16]},)"
                    R"("c":{"dtype":"F32","shape":[1],"data_offsets":[16,20]},)"
                    R"("d":{"dtype":"I32","shape":[1],"data_offsets":[20,24]},)"
                    R"("e":{"dtype":"F16","shape":[1],"data_offsets":[24,26]},)"
                    R"("f":{"dtype":"BF16","shape":[1],"data_offsets":[26,28]},)"
                    R"("g":{"dtype":"I8","shape":[1],"data_offsets":[28,29]},)"
                    R"("h":{"dtype":"U8","shape":[1],"data_offsets":[29,30]},)"
                    R"("i":{"dtype":"BOOL","shape":[1],"data_offsets":[30,31]}})",
                    31));

  std::vector<Dtype> dtypes;
  for (const auto& [name, tensor] : content.tensors) dtypes.push_back(tensor.dtype());
  EXPECT_THAT(dtypes, ElementsAre(Dtype::f64, Dtype::i64, Dtype::f32, Dtype::i32, Dtype::f16,
                                  Dtype::bf16, Dtype::i8, Dtype::u8, Dtype::boolean));
}

TEST(Safetensors, CopiesATensorThatIsNotAligned) {
  const Safetensors content =
      parse(file_of(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                    R"("b":{"dtype":"F64","shape":[1],"data_offsets":[1,9]}})",
                    9));

  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(content.tensors.at("b").data()) % 8, 0u);
}

TEST(Safetensors, RefusesAHeaderLongerThanTheFile) {
  std::vector<std::byte> content = file_of("{}", 0);
  content[0] = std::byte{3};
  EXPECT_THAT(refusal(content), HasSubstr("longer than the file"));
}

TEST(Safetensors, RefusesAHugeHeaderWithoutReadingIt) {
  std::vector<std::byte> content = file_of("{}", 0);
  std::fill_n(content.begin(), 8, std::byte{0xff});
  EXPECT_THAT(refusal(content), HasSubstr("18446744073709551615"));
}

TEST(Safetensors, RefusesWhatTheFormatForbids) {
  const auto one = [](const std::string& dtype, const std::string& shape,
                      const std::string& offsets) {
    return R"({"w":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" +
           offsets + "}}";
  };
  const struct {
    std::string header;
    std::size_t data_bytes;
    std::string expected;
  } cases[] = {
      {"", 0, "no JSON object"},
      {"[]", 0, "no JSON object"},
      {"{", 0, "no valid JSON"},
      {R"({"w":1})", 0, "must have dtype, shape and data_offsets"},
      {one("F99", "[1]", "[0,4]"), 4, "unknown dtype"},
      {one("F32", "[-1]", "[0,4]"), 4, "integers >= 0: [-1]"},
      {one("F32", "[1.5]", "[0,4]"), 4, "integers >= 0"},
      {one("F32", "[1,1,1,1,1,1,1,1,1]", "[0,4]"), 4, "more than 8 axes: 9"},
      {one("F32", "[1]", "[-4,0]"), 4, "two data_offsets >= 0: [-4,0]"},
      {one("F32", "[1]", "[0]"), 4, "two data_offsets"},
      {one("F32", "[1]", "[4,0]"), 4, "outside the data"},
      {one("F32", "[2]", "[0,8]"), 4, "outside the data"},
      {one("F32", "[2]", "[0,4]"), 4, "disagree with f32[2]"},
      {one("F32", "[4611686018427387904,4]", "[0,0]"), 0, "disagree"},
      {one("F32", "[1]", "[0,4]"), 5, "1 bytes after the last tensor"},
      {one("F32", "[1]", "[1,5]"), 5, "follows a hole"},
      {R"({"a":{"dtype":"I8","shape":[2],"data_offsets":[0,2]},)"
       R"("b":{"dtype":"I8","shape":[2],"data_offsets":[1,3]}})",
       3, "overlaps another"},
      {R"({"a":{"dtype":"I8","shape":[0],"data_offsets":[0,0]},)"
       R"("a":{"dtype":"I8","shape":[0],"data_offsets":[0,0]}})",
       0, "there twice: \"a\""},
      {R"({"__metadata__":{"a":1}})", 0, "metadata must be text"},
  };
  for (const auto& [header, data_bytes, expected] : cases) {
    EXPECT_THAT(refusal(file_of(header, data_bytes)), HasSubstr(expected)) << header;
  }
}

TEST(Safetensors, RefusesABooleanThatIsNeitherZeroNorOne) {
  std::vector<std::byte> content =
      file_of(R"({"w":{"dtype":"BOOL","shape":[1],"data_offsets":[0,1]}})", 1);
  content.back() = std::byte{2};
  EXPECT_THAT(refusal(content), HasSubstr("0 or 1: 2"));
}

}  // namespace
}  // namespace paceline
