#include "kernels/generated/compiler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <vector>

#include "common/base/digest.h"
#include "common/base/error.h"
#include "kernels/cpu/support/fused_ir.h"

namespace paceline::kernels {
namespace {

class GeneratedCodes : public testing::Test {
 protected:
  void SetUp() override {
    if (const auto absence = generated_code_absence()) GTEST_SKIP() << *absence;
    const char* parents = std::getenv("PACELINE_TEST_CODE_FOLDER");
    is_child_ = parents != nullptr;
    folder_ = is_child_ ? std::filesystem::path(parents)
                        : std::filesystem::temp_directory_path() / Digest::random().to_string();
    setenv("PACELINE_TEST_CODE_FOLDER", folder_.c_str(), 1);
    setenv("XDG_DATA_HOME", folder_.c_str(), 1);
  }
  void TearDown() override {
    unsetenv("PACELINE_TEST_CODE_FOLDER");
    unsetenv("XDG_DATA_HOME");
    if (!is_child_) std::filesystem::remove_all(folder_);
  }

  static std::string text_of(const std::string& program) {
    const cpu::FusedForm form{
        .program = ops::FusedProgram::parse(program), .inputs = {{}}, .outputs = {{}}};
    return cpu::FusedIr(form).text();
  }
  // What the code makes of 2.
  static float of_two(const std::string& text) {
    float in = 2, out = 0;
    void* operands[] = {&in, &out};
    generate(text)->function()(operands, 1, nullptr);
    return out;
  }

  std::filesystem::path folder_;
  bool is_child_ = false;
};

TEST_F(GeneratedCodes, ComputeAndAreMadeOnce) {
  const std::string text = text_of("v0 = mul(i0, 3.5); out(v0)");
  const auto before = generated_code_counts();
  EXPECT_EQ(of_two(text), 7);
  EXPECT_EQ(of_two(text), 7);
  EXPECT_EQ(generate(text), generate(text));
  EXPECT_EQ(generated_code_counts().compiled + generated_code_counts().loaded,
            before.compiled + before.loaded + 1);
}

TEST_F(GeneratedCodes, AreKeptUnderTheirContent) {
  of_two(text_of("v0 = mul(i0, 4.25); out(v0)"));
  std::int64_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder_ / "paceline/generated")) {
    files += entry.path().extension() == ".o";
  }
  EXPECT_EQ(files, 1);
}

// Another process, with the same folder: the death test runs this test anew.
TEST_F(GeneratedCodes, ComeBackFromTheFolder) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EQ(of_two(text_of("v0 = mul(i0, 5.25); out(v0)")), 10.5);
  const auto came_from_the_folder = [] {
    std::exit(generated_code_counts().loaded == 1 && generated_code_counts().compiled == 0 ? 0 : 1);
  };
  EXPECT_EXIT(came_from_the_folder(), testing::ExitedWithCode(0), "");

  const auto kept = std::filesystem::directory_iterator(folder_ / "paceline/generated")->path();
  if (!is_child_) std::ofstream(kept, std::ios::app) << "more";
  const auto was_compiled = [] { std::exit(generated_code_counts().compiled == 1 ? 0 : 1); };
  EXPECT_EXIT(was_compiled(), testing::ExitedWithCode(0), "");
}

// What is still asked for when the program ends is refused, and nothing compiles from then on.
TEST_F(GeneratedCodes, EndWithTheProgram) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  static std::vector<std::shared_ptr<GeneratedCode>> codes;
  const auto end_early = [] {
    std::atexit([] {
      try {
        codes.back()->function();
      } catch (const Error& error) {
        const bool says_why = std::string_view(error.what()).find("ends") != std::string::npos;
        std::_Exit(says_why ? 3 : 4);
      }
      std::_Exit(5);
    });
    for (int i = 0; i < 20; ++i) {
      codes.push_back(generate(text_of(fmt::format("v0 = mul(i0, 6.{}1); out(v0)", i))));
    }
    std::exit(0);
  };
  EXPECT_EXIT(end_early(), testing::ExitedWithCode(3), "");
}

// A user without a home, as containers run programs.
TEST_F(GeneratedCodes, NeedNoFolder) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  if (geteuid() != 0) GTEST_SKIP() << "only root becomes a user without a home";
  const auto without_home = [] {
    unsetenv("XDG_DATA_HOME");
    unsetenv("HOME");
    std::exit(setuid(54321) == 0 && of_two(text_of("v0 = mul(i0, 7.25); out(v0)")) == 14.5 ? 0 : 1);
  };
  EXPECT_EXIT(without_home(), testing::ExitedWithCode(0), "");
}

TEST_F(GeneratedCodes, SayWhyTheyDoNotCompile) {
  const auto code = generate("define void @fused() { nonsense }");
  try {
    code->function();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::unavailable);
    EXPECT_THAT(error.what(), testing::HasSubstr("does not compile"));
  }
}

}  // namespace
}  // namespace paceline::kernels
