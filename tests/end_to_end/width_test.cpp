// What people read fits a terminal of 80 columns.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>

#include <regex>
#include <sstream>

#include "tests/support/running_program.h"
#include "tests/support/scratch.h"

namespace paceline::testing {
namespace {

constexpr unsigned short columns = 80;

class Width : public ::testing::Test {
 protected:
  // What `paceline` shows on a terminal of 80 columns.
  std::string show(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), (binary_folder() / "paceline").string());
    winsize size{.ws_row = 24, .ws_col = columns, .ws_xpixel = 0, .ws_ypixel = 0};
    int ours = -1, theirs = -1;
    EXPECT_EQ(::openpty(&ours, &theirs, nullptr, nullptr, &size), 0);
    SubprocessOptions options;
    options.command = std::move(arguments);
    options.environment = {{"PACELINE_STORE", store_}};
    options.descriptors = {{theirs, 1}};
    Subprocess process = Subprocess::start(options);
    ::close(theirs);
    std::string text;
    char part[4096];
    for (ssize_t size; (size = ::read(ours, part, sizeof(part))) > 0;) text.append(part, size);
    ::close(ours);
    EXPECT_EQ(process.wait(), 0) << text;
    std::erase(text, '\r');
    return text;
  }

  // A line that is one word, as paths are, cannot be helped.
  static void expect_fits(const std::string& text, const std::string& command) {
    EXPECT_NE(text, "");
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      const std::size_t begin = std::min(line.find_first_not_of(' '), line.size());
      if (line.find(' ', begin) == std::string::npos) continue;
      EXPECT_LE(line.size(), columns) << command << ": " << line;
    }
  }

  static std::vector<std::string> subcommands(const std::string& help) {
    std::vector<std::string> names;
    const std::size_t begin = help.find("\nSubcommands:\n");
    if (begin == std::string::npos) return names;
    const std::string list = help.substr(begin);
    const std::regex name("\n  ([a-z]+)");
    for (std::sregex_iterator found(list.begin(), list.end(), name), end; found != end; ++found) {
      names.push_back((*found)[1]);
    }
    return names;
  }

  // Returns how many commands there are below `command`, itself included.
  int expect_help_fits(std::vector<std::string> command) {
    std::vector<std::string> asked = command;
    asked.push_back("--help");
    const std::string help = show(asked);
    expect_fits(help, ::testing::PrintToString(command));
    int count = 1;
    for (const std::string& name : subcommands(help)) {
      std::vector<std::string> below = command;
      below.push_back(name);
      count += expect_help_fits(below);
    }
    return count;
  }

  Scratch scratch_;
  const std::string store_ = scratch_ / "store.sqlite";
};

TEST_F(Width, HelpOfEverySubcommandFits) { EXPECT_GT(expect_help_fits({}), 25); }

TEST_F(Width, TablesAndReportsFit) {
  const std::string model = std::string(PACELINE_TEST_DATA) + "/models/gpt2";
  const std::vector<std::string> sizes = {"--bind", "B=2", "--bind", "N=40"};
  const auto with_sizes = [&](std::vector<std::string> command) {
    command.insert(command.end(), sizes.begin(), sizes.end());
    return command;
  };
  for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{
           {"doctor"},
           {"machine"},
           {"kernel"},
           with_sizes({"explain", model}),
           with_sizes({"measure", model, "--paths", "3", "--regime", "hot", "--sitting-seconds",
                       "0.02"}),
           with_sizes({"explain", model, "--profile", "--random", "1", "--repeat", "3"}),
           with_sizes({"run", model, "--random", "1", "--compare"}),
           {"store", "info"},
           {"store", "query", "select * from machine"}}) {
    expect_fits(show(command), command.front());
  }
}

}  // namespace
}  // namespace paceline::testing
