#include "ops-tools/campaign_spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "common/base/error.h"
#include "tests/support/scratch.h"

namespace paceline {
namespace {

using paceline::testing::Scratch;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

CampaignSpec read(const std::string& text) {
  const Scratch scratch;
  std::ofstream(scratch / "spec.toml") << text;
  return read_campaign_spec(scratch / "spec.toml");
}

std::string refusal_of(const std::string& text) {
  try {
    read(text);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::invalid);
    return error.what();
  }
  return "no error";
}

TEST(CampaignSpec, ReadsEveryKey) {
  const CampaignSpec spec = read(R"(
name = "nightly"
model = "models/gpt2"
bind = [{B = 1, N = 40}, "B=1,N=1"]
dtype = ["f32", "bf16"]
form = "generate"
threads = [1, 2]
regimes = "cold"
tolerance = 1e-3
priority = -2
[budget]
sitting_seconds = 0.5
campaign_seconds = 60
)");
  EXPECT_EQ(spec.name, "nightly");
  EXPECT_EQ(spec.model.filename(), "gpt2");
  EXPECT_TRUE(spec.model.is_absolute());
  EXPECT_THAT(spec.bindings,
              ElementsAre(Bindings{{"B", 1}, {"N", 40}}, Bindings{{"B", 1}, {"N", 1}}));
  EXPECT_THAT(spec.dtypes, ElementsAre(Dtype::f32, Dtype::bf16));
  EXPECT_EQ(spec.form, ModelForm::generate);
  EXPECT_THAT(spec.threads, ElementsAre(1, 2));
  EXPECT_THAT(spec.regimes, ElementsAre(Regime::cold));
  EXPECT_EQ(spec.tolerance, 1e-3);
  EXPECT_EQ(spec.priority, -2);
  EXPECT_EQ(spec.sitting_seconds, 0.5);
  EXPECT_EQ(spec.campaign_seconds, 60);
}

TEST(CampaignSpec, ReadsWhatARaceIs) {
  const CampaignSpec spec =
      read("model = 'm'\nbind = 'N=1'\nstrategy = 'race'\npaths = 16\nrounds = 3\n");
  EXPECT_EQ(spec.strategy, "race");
  EXPECT_EQ(spec.paths, 16);
  EXPECT_EQ(spec.rounds, 3);
  EXPECT_EQ(read("model = 'm'\nbind = 'N=1'\n").strategy, "kernels");
}

TEST(CampaignSpec, TakesItsNameFromTheFile) {
  EXPECT_EQ(read("model = 'm'\nbind = 'N=1'\n").name, "spec");
}

struct Refusal {
  const char* text;
  const char* expected;
};

TEST(CampaignSpec, NamesFileLineAndKeyOfWhatIsWrong) {
  const Refusal refusals[] = {
      {"model = 'm'\nbind = 'N=1'\nregime = 'hot'\n", "unknown key regime"},
      {"model = 'm'\nbind = 'N=1'\nregime = 'hot'\n", "spec.toml:3; known are bind, budget."},
      {"model = 'm'\nbind = 'N=1'\nregimes = ['warm']\n", "regimes must be hot or cold"},
      {"model = 'm'\nbind = 'N=1'\n\nthreads = -1\n", "threads must be whole numbers"},
      {"model = 'm'\nbind = 'N=1'\n\nthreads = -1\n", "spec.toml:4"},
      {"model = 'm'\nbind = 'N=1'\ntolerance = 'low'\n", "tolerance must be a number"},
      {"model = 'm'\nbind = 'N=1'\n[budget]\nhours = 1\n", "unknown key budget.hours"},
      {"model = 'm'\nbind = [{N = -1}]\n", "bind must be tables like"},
      {"model = 'm'\nbind = []\n", "bind must be a list that is not empty"},
      {"model = 'm'\ndtype = 'i8'\nbind = 'N=1'\n", "dtype must be f64, f32, f16 or bf16"},
      {"bind = 'N=1'\n", "key model is missing"},
      {"model = 'm'\n", "key bind is missing"},
      {"model = \n", "does not parse"},
      {"model = 'm'\nbind = 'N=1'\nstrategy = 'fast'\n", "strategy must be kernels or race"},
      {"model = 'm'\nbind = 'N=1'\nstrategy = 'race'\npaths = 0\n",
       "paths must be a whole number from 1 to 1024"},
      {"model = 'm'\nbind = 'N=1'\nstrategy = 'race'\nrounds = 0\n", "spec.toml:4"},
      {"model = 'm'\nbind = 'N=1'\n\npaths = 4\n", "paths belongs to strategy"},
      {"model = 'm'\nbind = 'N=1'\n\npaths = 4\n", "spec.toml:4"},
  };
  for (const Refusal& refusal : refusals) {
    EXPECT_THAT(refusal_of(refusal.text), HasSubstr(refusal.expected));
  }
}

TEST(CombineBindings, GivesEveryCombination) {
  EXPECT_THAT(combine_bindings({"N=40", "N=1", "B=1"}),
              ElementsAre(Bindings{{"B", 1}, {"N", 40}}, Bindings{{"B", 1}, {"N", 1}}));
  EXPECT_THAT(combine_bindings({"B=1,N=40"}), ElementsAre(Bindings{{"B", 1}, {"N", 40}}));
  EXPECT_THAT(combine_bindings({}), ElementsAre(Bindings{}));
}

}  // namespace
}  // namespace paceline
