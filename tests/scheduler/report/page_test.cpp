#include "scheduler/report/page.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <limits>

#include "scheduler/report/html.h"
#include "tests/scheduler/report/well_formed.h"

namespace paceline::report {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

Instruction linear(int layer) {
  Instruction instruction{
      .op = "linear_residual",
      .label = fmt::format("layers.{}.mlp.down_proj", layer),
      .kernel = "linear_residual_openblas",
      .device = "cpu",
      .inputs = {"f32[1,128,3072]", "f32[1024,3072]", "f32[1,128,1024]"},
      .outputs = {"f32[1,128,1024]"},
      .times = {4.56e-3, 4.1e-3, 5.2e-3, "interpolated", 4.87e-3 + layer * 1e-4},
      .rules = {"linear-residual", "commute-add"},
      .rivals = {}};
  instruction.times.records = {"8732ba04dad4c0ffee00000000000000"};
  instruction.rivals = {
      {"linear_residual_openblas", instruction.times, 1.24e-6, "", true},
      {"linear_residual_plain", {9.11e-2, 8e-2, 1e-1, "roofline", {}}, {}, "slower", false},
      {"linear_residual_onednn",
       {5.01e-3, 4.9e-3, 5.1e-3, "measured_here", 5.02e-3},
       1.5e-6,
       "tied",
       false}};
  return instruction;
}

Instruction norm(int layer) {
  return {.op = "rms_norm",
          .label = fmt::format("layers.{}.input_layernorm", layer),
          .kernel = "rms_norm_simd",
          .device = "cpu",
          .inputs = {"f32[1,128,1024]", "f32[1024]"},
          .outputs = {"f32[1,128,1024]"},
          .times = {9.7e-5, 9e-5, 1.1e-4, "measured_here", 1.03e-4},
          .rules = {},
          .rivals = {}};
}

PathReport sample() {
  PathReport report;
  report.title = "tests/data/models/qwen3";
  report.facts = {
      {"machine", "4f1c, 2 cores, avx512"}, {"bindings", "B=1 N=128"}, {"tolerance", "1e-05"}};
  report.total = {0.0421, 0.040, 0.045, "measured_here", 0.0433};
  for (int layer = 0; layer < 4; ++layer) {
    report.instructions.push_back(norm(layer));
    report.instructions.push_back(linear(layer));
  }
  report.memory = {.arena_bytes = 7'340'032,
                   .largest_live_bytes = 7'000'123,
                   .weight_bytes = 2'384'000'000,
                   .prepared_bytes = 836'000,
                   .state_bytes = 0,
                   .slots = {}};
  for (int i = 0; i < 8; ++i) {
    report.memory.slots.push_back(
        {fmt::format("slot{}", i), (i % 3) * 2'446'677, 2'446'677, i, std::min(7, i + 2)});
  }
  report.search = {.regions = {{"prologue", 1, 9, 31, 47, 3, "saturated", "", {}},
                               {"layer",
                                28,
                                36,
                                412,
                                1987,
                                12,
                                "nodes",
                                "1,204 matches",
                                {{"linear-residual", 17, 4, 0, ""},
                                 {"associate-matmul", 48'211, 960, 5, "refused 3: shapes"},
                                 {"never-matched", 0, 0, 0, ""}}}},
                   .paths_log10 = 123.456,
                   .best_s = 0.0421,
                   .lower_bound_s = 0.0417,
                   .gap = 0.00959,
                   .is_exact = false,
                   .alternatives_cut = 54,
                   .workloads = 146,
                   .seconds = 1.87};
  report.finalists = {{"#1", {0.0421, 0.04, 0.045, "", 0.0433}, 2.5e-7, "", true},
                      {"default", {0.0555, 0.05, 0.06, "", 0.0561}, 1.5e-7, "slower", false}};
  return report;
}

TEST(Page, IsWellFormed) { EXPECT_EQ(test::WellFormed(to_html(sample())).complaint(), ""); }

TEST(Page, IsWellFormedWithoutAnything) {
  EXPECT_EQ(test::WellFormed(to_html({})).complaint(), "");
}

TEST(Page, NeedsNothingElse) {
  const std::string page = to_html(sample());

  EXPECT_THAT(page, HasSubstr("default-src &#39;none&#39;"));
  for (const char* fetching : {"src=\"", "url(", "@import", "<link", "<img", "fetch("}) {
    EXPECT_THAT(page, Not(HasSubstr(fetching)));
  }
}

TEST(Page, ShowsEveryNumber) {
  const std::string page = to_html(sample());

  for (const char* shown : {"43.3 ms",
                            "42.1 ms",  // The whole.
                            "4.87 ms",
                            "5.17 ms",
                            "4.56 ms",
                            "103 µs",
                            "97 µs",  // Instructions.
                            "4.1 ms",
                            "5.2 ms",  // An interval.
                            "91.1 ms",
                            "5.02 ms",
                            "1.2e-06",
                            "1.5e-06",  // Rivals.
                            "56.1 ms",
                            "55.5 ms",
                            "2.5e-07",  // Finalists.
                            "7.34 MB",
                            "836 kB",
                            "7 MB",
                            "2.38 GB",
                            "2,446,677",
                            "4,893,354",  // Memory.
                            "10<sup>123.46</sup>",
                            "41.7 ms",
                            "0.959 %",
                            "1.87 s",  // Search.
                            "1,987",
                            "412",
                            "1,204 matches",
                            "48,211",
                            "960",
                            "54 alternatives",
                            "<dd>146</dd>",
                            "2 of 3"}) {
    EXPECT_NE(page.find(shown), page.npos) << shown;
  }
}

TEST(Page, ShowsWhichRulesMadeANodeAndWhatRivalsItHas) {
  const std::string page = to_html(sample());

  EXPECT_THAT(page, AllOf(HasSubstr("<span class=\"tag\">commute-add</span>"),
                          HasSubstr("2 rivals"), HasSubstr("<span class=\"slower\">slower</span>"),
                          HasSubstr("linear_residual_onednn")));
  EXPECT_THAT(page, Not(HasSubstr("never-matched")));
}

TEST(Page, NamesTheRecordsBehindANumber) {
  EXPECT_THAT(to_html(sample()), HasSubstr("<span class=\"tag\" "
                                           "title=\"8732ba04dad4c0ffee00000000000000\">"
                                           "8732ba04dad4</span>"));
}

TEST(Page, GathersTimeByKernel) {
  const std::string page = to_html(sample());

  // 4.87 + 4.97 + 5.07 + 5.17 ms of a sum of 20.492 ms.
  EXPECT_THAT(page, HasSubstr("20.1 ms"));
  EXPECT_THAT(page, HasSubstr("98 %"));
}

constexpr const char* hostile[] = {"</script><script>alert(1)</script>",
                                   "\"><img src=x onerror=alert(1)>",
                                   "' onload='alert(1)",
                                   "a & b &lt; c",
                                   "]]> <!-- <![CDATA[",
                                   "null \x01 escape \x1b[31m",
                                   "broken \xff\xfe \xc3(",
                                   "\xED\xA0\x80 surrogate",
                                   "\xE2\x80\xAEright to left",
                                   "{0} %s {}"};

TEST(Page, ShowsHostileNamesAsText) {
  for (const char* name : hostile) {
    PathReport report = sample();
    report.title = name;
    report.facts.emplace_back(name, name);
    Instruction& instruction = report.instructions[1];
    instruction.op = instruction.label = instruction.kernel = instruction.device = name;
    instruction.times.origin = name;
    instruction.inputs = instruction.outputs = instruction.rules = {name};
    instruction.rivals[0].times.records = {name};
    instruction.rivals[1] = {name, {1e-3, 1e-3, 1e-3, name, 1e-3}, 1e-3, name, false};
    report.memory.slots[0].name = name;
    RegionSearch& region = report.search.regions[1];
    region.name = region.stopped_by = region.cut = name;
    region.rules.push_back({name, 1, 1, 1, name});
    report.finalists[1].name = report.finalists[1].verdict = name;

    const std::string page = to_html(report);

    EXPECT_EQ(test::WellFormed(page).complaint(), "") << name;
    EXPECT_THAT(page, Not(HasSubstr("alert(1)</script>")));
    EXPECT_THAT(page, Not(HasSubstr("<img")));
  }
}

TEST(Page, ShowsNoNumberThatIsNone) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  PathReport report = sample();
  report.total = {nan, -infinity, infinity, "", nan};
  report.instructions[0].times = {infinity, nan, infinity, "roofline", nan};
  report.search.gap = infinity;

  const std::string page = to_html(report);

  EXPECT_EQ(test::WellFormed(page).complaint(), "");
  EXPECT_THAT(page, Not(HasSubstr("nan")));
  EXPECT_THAT(page, Not(HasSubstr(">inf")));
  EXPECT_THAT(page, Not(HasSubstr("\"inf")));
}

TEST(Escaped, KeepsTextAndReplacesWhatIsNone) {
  EXPECT_EQ(escaped("α → b"), "α → b");
  EXPECT_EQ(escaped("<a href='x'>&\""), "&lt;a href=&#39;x&#39;&gt;&amp;&quot;");
  EXPECT_EQ(escaped("\xC3"), "\xEF\xBF\xBD");
  EXPECT_EQ(escaped("\xC0\xAF"), "\xEF\xBF\xBD\xEF\xBF\xBD");  // Overlong.
  EXPECT_EQ(escaped(std::string_view("a\0b", 3)),
            "a\xEF\xBF\xBD"
            "b");
}

TEST(Numbers, ReadAsPeopleWriteThem) {
  EXPECT_EQ(seconds_text(1.2345e-6), "1.23 µs");
  EXPECT_EQ(seconds_text(0.0), "0 ns");
  EXPECT_EQ(seconds_text(9.999e-4), "1 ms");
  EXPECT_EQ(seconds_text(123.4), "123 s");
  EXPECT_EQ(seconds_text({}), "–");
  EXPECT_EQ(bytes_text(0), "0 B");
  EXPECT_EQ(bytes_text(999), "999 B");
  EXPECT_EQ(bytes_text(4'194'304), "4.19 MB");
  EXPECT_EQ(count_text(1'234'567), "1,234,567");
  EXPECT_EQ(count_text(-1'000), "-1,000");
  EXPECT_EQ(count_text(999), "999");
  EXPECT_EQ(percent_text(0.0123), "1.23 %");
  EXPECT_EQ(power_text(std::log10(512), false), "512");
  EXPECT_EQ(power_text(17.416, false), "10<sup>17.42</sup>");
  EXPECT_EQ(power_text(3.0, true), "≥ 1,000");
  EXPECT_EQ(power_text({}, true), "–");
}

// To look at: PACELINE_PAGE=FILE.html.
TEST(Page, CanBeLookedAt) {
  const char* path = std::getenv("PACELINE_PAGE");
  if (path == nullptr) GTEST_SKIP() << "PACELINE_PAGE names no file";
  std::ofstream(path) << to_html(sample());
}

}  // namespace
}  // namespace paceline::report
