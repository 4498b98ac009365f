#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "common/wire/codec.h"
#include "tests/support/messages.h"

namespace paceline::wire {
namespace {

// Beside this file, version_N/KIND.bin holds what that version of the protocol wrote for the sample
// of each kind (tests/support/messages.cpp). Files are only ever added.
std::filesystem::path file_of(int version, const Message& message) {
  return std::filesystem::path(PACELINE_TEST_DATA).parent_path() / "schema" / "wire" /
         ("version_" + std::to_string(version)) / (std::string(name_of(message)) + ".bin");
}

std::string read_bytes(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  EXPECT_TRUE(in) << file;
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(EveryVersionOfTheWire, IsReadAsItWasMeant) {
  for (const Message& message : paceline::testing::sample_messages()) {
    const std::string bytes = read_bytes(file_of(1, message));
    const Message read = decode(bytes);
    EXPECT_EQ(encode(read), encode(message)) << name_of(message);
  }
}

}  // namespace
}  // namespace paceline::wire
