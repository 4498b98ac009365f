#include "cmake/tools/source_digest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

namespace paceline::build {
namespace {

using ::testing::ElementsAre;

// A source tree of its own for each test.
class SourceDigest : public ::testing::Test {
 protected:
  SourceDigest() { std::filesystem::create_directories(root_); }
  ~SourceDigest() override { std::filesystem::remove_all(root_); }

  void write(const std::string& path, const std::string& text) {
    std::filesystem::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path, std::ios::binary) << text;
  }

  std::string digest_of(const std::string& text) {
    write("kernels/cpu/add.cpp", text);
    return digest();
  }

  std::string digest(const std::string& compiler = "g++ 12 -O2") {
    return source_digest(root_, "kernels/cpu/add.cpp", compiler);
  }

  const std::filesystem::path root_ =
      std::filesystem::path(::testing::TempDir()) /
      ("digest_" + std::string(::testing::UnitTest::GetInstance()->current_test_info()->name()) +
       std::to_string(::getpid()));
};

TEST_F(SourceDigest, IgnoresCommentsAndLayout) {
  EXPECT_EQ(digest_of("int f() { return 1; }\n"),
            digest_of("// One.\r\nint  f( )\n{\n  return /* sic */ 1;\n}"));
}

TEST_F(SourceDigest, SeesAChangedConstant) {
  EXPECT_NE(digest_of("int f() { return 1; }"), digest_of("int f() { return 2; }"));
}

TEST_F(SourceDigest, SeesWhatLooksLikeACommentInsideAString) {
  EXPECT_NE(digest_of(R"(auto s = "// a";)"), digest_of(R"(auto s = "// b";)"));
  EXPECT_NE(digest_of(R"(auto s = "/* a */";)"), digest_of(R"(auto s = "/* b */";)"));
}

TEST_F(SourceDigest, SeesSpacesInsideStringsAndNotAround) {
  EXPECT_NE(digest_of("auto s = \"a b\";"), digest_of("auto s = \"a  b\";"));
  EXPECT_EQ(digest_of("auto s = \"a b\";"), digest_of("auto s=\"a b\" ;"));
}

TEST_F(SourceDigest, SeesEveryByteOfARawString) {
  EXPECT_NE(digest_of("auto s = R\"(a // b)\";"), digest_of("auto s = R\"(a // c)\";"));
  EXPECT_NE(digest_of("auto s = R\"x(a\\\nb)x\";"), digest_of("auto s = R\"x(ab)x\";"));
}

TEST_F(SourceDigest, JoinsContinuedLines) {
  EXPECT_EQ(digest_of("#define TWO \\\n  2\n"), digest_of("#define TWO 2\n"));
  EXPECT_EQ(digest_of("// a comment \\\n that goes on\nint x;"), digest_of("int x;"));
}

TEST_F(SourceDigest, KeepsTheLinesOfDirectives) {
  EXPECT_NE(digest_of("#define A\nint x;\n"), digest_of("#define A int x;\n"));
}

TEST_F(SourceDigest, CoversHeadersOfItsFolderThatItIncludes) {
  write("kernels/cpu/support/tile.h", "#include \"rows.h\"\n");
  write("kernels/cpu/support/rows.h", "constexpr int rows = 4;\n");
  const std::string before = digest_of("#include \"kernels/cpu/support/tile.h\"\n");

  write("kernels/cpu/support/rows.h", "constexpr int rows = 4;  // Fits L1.\n");
  EXPECT_EQ(digest(), before);
  write("kernels/cpu/support/rows.h", "constexpr int rows = 8;\n");
  EXPECT_NE(digest(), before);
}

TEST_F(SourceDigest, LeavesOtherFoldersAndOtherFilesAlone) {
  write("common/graph/op.h", "int a;");
  const std::string before = digest_of("#include \"common/graph/op.h\"\n#include <vector>\n");
  write("common/graph/op.h", "int b;");
  write("kernels/cpu/mul.cpp", "int c;");
  EXPECT_EQ(digest(), before);
}

TEST_F(SourceDigest, CoversDeviceCodeBehindItsHeader) {
  write("kernels/cuda/device/add.h", "void launch_add();\n");
  write("kernels/cuda/device/add.cu", "int threads = 128;\n");
  const std::string before = digest_of("#include \"kernels/cuda/device/add.h\"\n");
  write("kernels/cuda/device/add.cu", "int threads = 256;\n");
  EXPECT_NE(digest(), before);
}

TEST_F(SourceDigest, CoversSharedCodeOfTheGpuBehindItsHeader) {
  for (const std::string folder : {"support", "libraries"}) {
    const std::string shared = "kernels/cuda/" + folder + "/text";
    write(shared + ".h", "int text();\n");
    write(shared + ".cpp", "#include \"kernels/cuda/support/words.h\"\nint text() { return 1; }\n");
    write("kernels/cuda/support/words.h", "int words();\n");
    write("kernels/cuda/support/words.cpp", "int words() { return 1; }\n");
    const std::string before = digest_of("#include \"" + shared + ".h\"\n");
    write(shared + ".cpp", "#include \"kernels/cuda/support/words.h\"\nint text() { return 2; }\n");
    const std::string after = digest();
    EXPECT_NE(after, before) << folder;
    write("kernels/cuda/support/words.cpp", "int words() { return 2; }\n");
    EXPECT_NE(digest(), after) << folder;
  }
}

// Digests of the CPU's kernels are in stores that are there.
TEST_F(SourceDigest, LeavesSharedCodeOfTheCpuAlone) {
  write("kernels/cpu/support/text.h", "int text();\n");
  write("kernels/cpu/support/text.cpp", "int text() { return 1; }\n");
  const std::string before = digest_of("#include \"kernels/cpu/support/text.h\"\n");
  write("kernels/cpu/support/text.cpp", "int text() { return 2; }\n");
  EXPECT_EQ(digest(), before);
}

TEST_F(SourceDigest, SurvivesHeadersThatIncludeEachOther) {
  write("kernels/a.h", "#include \"kernels/b.h\"\n");
  write("kernels/b.h", "#include \"kernels/a.h\"\n");
  EXPECT_EQ(digest_of("#include \"kernels/a.h\"\n").size(), 32u);
}

TEST_F(SourceDigest, DependsOnTheCompilerAndItsFlags) {
  write("kernels/cpu/add.cpp", "int x;");
  EXPECT_NE(digest("g++ 12 -O2"), digest("g++ 12 -O3"));
}

TEST(Tokens, AreNamesNumbersLiteralsAndSigns) {
  EXPECT_THAT(tokens_of("x = 1'000.5e-3f + u8\"a\\\"b\" ;"),
              ElementsAre("x", "=", "1'000.5e-3f", "+", "u8\"a\\\"b\"", ";"));
}

TEST(Tokens, TellOperatorsFromTheSameSignsApart) {
  EXPECT_NE(tokens_of("a = b - -c;"), tokens_of("a = b -- c;"));
  EXPECT_NE(tokens_of("a & &b"), tokens_of("a && b"));
}

TEST(Tokens, DoNotTakeASeparatorForACharacter) {
  EXPECT_THAT(tokens_of("int x = 1'000; // it's\nchar c = 'c';"),
              ElementsAre("int", "x", "=", "1'000", ";", "char", "c", "=", "'c'", ";"));
}

TEST(Tokens, TakeAnAngledIncludeWhole) {
  EXPECT_THAT(tokens_of("#include <a//b>\n"), ElementsAre("#", "include", "<a//b>", "\n"));
}

TEST(Tokens, RefuseWhatNeverEnds) {
  EXPECT_THROW(tokens_of("/* a"), std::runtime_error);
  EXPECT_THROW(tokens_of("auto s = \"a"), std::runtime_error);
  EXPECT_THROW(tokens_of("auto s = R\"(a"), std::runtime_error);
}

}  // namespace
}  // namespace paceline::build
