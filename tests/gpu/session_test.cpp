#include "worker/execute/session.h"

#include <gmock/gmock.h>

#include <cstring>
#include <functional>

#include "common/base/error.h"
#include "common/models/hugging_face.h"
#include "common/ops/all_ops.h"
#include "kernels/all_kernels.h"
#include "kernels/cuda_module.h"
#include "scheduler/choose/choose.h"
#include "tests/support/device_path.h"
#include "tests/support/random_graph.h"
#include "tests/worker/generate/recorded.h"
#include "worker/compile/compile.h"
#include "worker/dispatch/dispatch.h"
#include "worker/dispatch/planner.h"
#include "worker/generate/generator.h"
#include "worker/generate/greedy.h"

namespace paceline {
namespace {

using ::testing::HasSubstr;
using ::testing::Property;
using ::testing::Throws;

const Device gpu{DeviceKind::cuda, 0};
const DeviceSet on_gpu{.cpu = false, .cuda = 0};

class GpuSession : public testing::Test {
 protected:
  void SetUp() override {
    if (const auto absence = kernels::cuda_absence()) GTEST_SKIP() << *absence;
  }
};

Plan compiled(const Graph& graph, double on_cuda, std::uint64_t seed, const Bindings& sample) {
  const std::vector<Kernel>& kernels = kernels::catalogued_kernels();
  return compile(test::device_path(graph, ops::all_ops(), kernels, sample, on_cuda, seed),
                 ops::all_ops(), kernels, sample, {});
}

Session session_of(std::string_view statements, const WeightSet& weights = {},
                   const Bindings& sample = {{"N", 4}, {"past", 2}}, double on_cuda = 1) {
  const Graph graph =
      parse_graph("graph \"g\" {\n" + std::string(statements) + "}", ops::all_ops());
  return {compiled(graph, on_cuda, 1, sample),
          ops::all_ops(),
          kernels::catalogued_kernels(),
          weights,
          {}};
}

Tensor floats(Extents extents, const std::vector<float>& elements) {
  return Tensor::of<float>(std::move(extents), elements);
}

void expect_runs_like_the_oracle(const Graph& graph, double on_cuda, std::uint64_t seed) {
  const std::vector<Bindings> rounds = {
      {{"N", 4}, {"past", 2}}, {{"N", 4}, {"past", 2}}, {{"N", 4}, {"past", 2}},
      {{"N", 4}, {"past", 6}}, {{"N", 1}, {"past", 0}}, {{"N", 1}, {"past", 1}},
      {{"N", 1}, {"past", 2}}, {{"N", 1}, {"past", 3}}, {{"N", 9}, {"past", 7}}};
  const auto given = test::random_tensors(graph, NodeKind::weight, {}, seed);
  const WeightSet weights(given.begin(), given.end());
  Session session(compiled(graph, on_cuda, seed, rounds[0]), ops::all_ops(),
                  kernels::catalogued_kernels(), weights, {});
  std::map<std::string, Tensor> states;
  for (const Bindings& bindings : rounds) {
    const auto inputs = test::random_tensors(graph, NodeKind::input, bindings, ++seed);
    session.bind(bindings);
    for (const auto& [name, tensor] : inputs) session.set_input(name, tensor);
    session.run();
    const auto expected = interpret(graph, ops::all_ops(), bindings, inputs, weights, &states);
    for (const auto& [name, tensor] : expected) {
      const TensorError error = compare(session.output(name), tensor.view());
      ASSERT_LT(error.relative, 1e-4) << name << " under past=" << bindings.at("past") << " of\n"
                                      << to_text(session.plan());
    }
  }
}

TEST_F(GpuSession, RunsRandomGraphsLikeTheOracle) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const Graph graph = test::random_graph(ops::all_ops(), seed);
    ASSERT_NO_FATAL_FAILURE(expect_runs_like_the_oracle(graph, 1, seed)) << "seed " << seed;
  }
}

TEST_F(GpuSession, RunsGraphsAcrossBothDevicesLikeTheOracle) {
  for (std::uint64_t seed = 1000; seed < 1100; ++seed) {
    const Graph graph = test::random_graph(ops::all_ops(), seed);
    ASSERT_NO_FATAL_FAILURE(expect_runs_like_the_oracle(graph, 0.5, seed)) << "seed " << seed;
  }
}

TEST_F(GpuSession, ReplaysWhatItCapturedWithTheSameBytes) {
  Session session = session_of("input x: f32[N,64] a = exp(x) b = mul(a, x) output y = b");
  session.bind({{"N", 100}, {"past", 0}});
  std::vector<std::byte> first;
  for (int run = 0; run < 4; ++run) {
    const auto x = test::random_tensors(session.plan().graph, NodeKind::input, {{"N", 100}}, 7);
    session.set_input("x", x.at("x"));
    session.run();
    EXPECT_EQ(session.captured_count(), run == 0 ? 0 : 1);
    const TensorView y = session.output("y");
    const auto* bytes = y.as<const std::byte>();
    std::vector<std::byte> now(bytes, bytes + y.element_count() * 4);
    if (run == 0) first = now;
    EXPECT_EQ(now, first);
  }
  const auto other = test::random_tensors(session.plan().graph, NodeKind::input, {{"N", 100}}, 8);
  session.set_input("x", other.at("x"));
  session.run();
  const TensorView y = session.output("y");
  EXPECT_NE(std::memcmp(y.data, first.data(), first.size()), 0);
}

TEST_F(GpuSession, KeepsItsGraphWhileNumbersThatKernelsReadLateChange) {
  Session session = session_of(
      "state s: f32[16] input x: f32[N]\n n = update_slice(s, x, axis=0, start=past)\n"
      "output y = n update s = n");
  for (int past = 0; past < 8; ++past) {
    session.bind({{"N", 1}, {"past", past}});
    session.set_input("x", floats({1}, {static_cast<float>(past + 1)}));
    session.run();
    if (past > 0) {
      EXPECT_EQ(session.captured_count(), 1) << past;
    }
    const auto* y = session.output("y").as<float>();
    for (int i = 0; i < 16; ++i) EXPECT_EQ(y[i], i <= past ? i + 1 : 0) << i << " at " << past;
  }
}

TEST_F(GpuSession, StatesMoveBetweenDevicesWithTheirContents) {
  const Graph graph = parse_graph(
      "graph \"g\" { state s: f32[4] input x: f32[4]\n n = add(s, x)\n output y = n update s = n }",
      ops::all_ops());
  const auto states = std::make_shared<States>();
  const auto open = [&](double on_cuda) {
    return Session(compiled(graph, on_cuda, 1, {}), ops::all_ops(), kernels::catalogued_kernels(),
                   {}, {.states = states});
  };
  Session there = open(1), here = open(0);
  float expected = 0;
  for (Session* session : {&there, &here, &there, &there, &here}) {
    session->bind({});
    session->set_input("x", floats({4}, {1, 1, 1, 1}));
    session->run();
    EXPECT_EQ(session->output("y").as<float>()[3], ++expected);
    EXPECT_EQ(states->read("s").as<float>()[0], expected);
  }
}

TEST_F(GpuSession, ThrowsWhatAKernelRefusesWithTheOpsName) {
  Session session =
      session_of("input x: f32[8] input i: i64[2] a = gather(x, i, axis=0) output y = a");
  session.bind({});
  session.set_input("x", floats({8}, {0, 1, 2, 3, 4, 5, 6, 7}));
  session.set_input("i", Tensor::of<std::int64_t>({2}, {1, 12}));
  for (int run = 0; run < 3; ++run) {
    EXPECT_THAT([&] { session.run(); },
                Throws<Error>(Property(&Error::what, HasSubstr("gather: index outside"))));
  }
  session.set_input("i", Tensor::of<std::int64_t>({2}, {1, 7}));
  session.run();
  EXPECT_EQ(session.output("y").as<float>()[1], 7);
}

TEST_F(GpuSession, RefusesWhatDoesNotFitTheDeviceBeforeItRuns) {
  const Graph graph =
      parse_graph("graph \"g\" { input x: f32[N] a = exp(x) output y = a }", ops::all_ops());
  Session session(compiled(graph, 1, 1, {{"N", 4}}), ops::all_ops(), kernels::catalogued_kernels(),
                  {}, {.device_bytes_max = {{gpu, 1 << 20}}});
  EXPECT_THAT(
      [&] {
        session.bind({{"N", 1 << 20}});
      },
      Throws<Error>(Property(&Error::what, HasSubstr("bytes on cuda:0"))));
  session.bind({{"N", 1000}});
  session.set_input("x", Tensor(Dtype::f32, {1000}));
  session.run();
  EXPECT_EQ(session.output("y").as<float>()[999], 1);
}

TEST_F(GpuSession, RefusesWeightsThatDoNotFitTheDevice) {
  const Graph graph = parse_graph(
      "graph \"g\" { input x: f32[4,512] weight w: f32[512,512] a = linear(x, w) output y = a }",
      ops::all_ops());
  const auto open = [&](std::int64_t bytes_max) {
    return Session(compiled(graph, 1, 1, {}), ops::all_ops(), kernels::catalogued_kernels(),
                   {{"w", Tensor(Dtype::f32, {512, 512})}},
                   {.device_bytes_max = {{gpu, bytes_max}}});
  };
  EXPECT_THAT([&] { open(1 << 19); },
              Throws<Error>(Property(&Error::what, HasSubstr("the weights need"))));
  open(1 << 28).bind({});
}

TEST_F(GpuSession, ProfilesEveryStep) {
  Session session = session_of(
      "input x: f32[N,1024] a = exp(x) b = neg(a) c = add(a, b)"
      " output y = c");
  session.bind({{"N", 4096}, {"past", 0}});
  session.set_input("x", Tensor(Dtype::f32, {4096, 1024}));
  const std::vector<double> seconds = session.profile(3);
  ASSERT_EQ(seconds.size(), session.instruction_count());
  for (const double each : seconds) {
    EXPECT_GT(each, 1e-7);
    EXPECT_LT(each, 1);
  }
}

TEST_F(GpuSession, TimesStepsAsOneGraphAndRunsOn) {
  Session session = session_of(
      "input x: f32[N,1024] a = exp(x) b = neg(a) c = add(a, b)"
      " output y = c");
  session.bind({{"N", 65536}, {"past", 0}});
  session.set_input("x", Tensor(Dtype::f32, {65536, 1024}));
  session.run();
  const double whole = session.time_captured([](std::int32_t) { return true; }, 5);
  const double none = session.time_captured([](std::int32_t) { return false; }, 5);
  EXPECT_GT(whole, 50e-6);  // 1.5 GB and more.
  EXPECT_LT(none, whole / 2);
  session.run();
  EXPECT_EQ(session.output("y").as<float>()[1], 0);
}

// The models of tests/data, by what the CUDA kernels say of themselves.
class GpuModels : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (const auto absence = kernels::cuda_absence()) GTEST_SKIP() << *absence;
  }

  static Plan planned(const Graph& graph, const Bindings& bindings) {
    GraphDispatcher dispatcher(ops::all_ops(), kernels::kernels_on(on_gpu), nullptr,
                               {.search = {.enabled = false}});
    return plan(graph, bindings, dispatcher, ops::all_ops(), kernels::kernels_on(on_gpu), nullptr,
                nullptr)
        .plan;
  }
};

TEST_P(GpuModels, ComputeWhatWasRecorded) {
  for (const Dtype dtype : {Dtype::f32, Dtype::bf16}) {
    const Model model = load_model(test::recorded_folder(GetParam()), {.dtype = dtype});
    const TensorMap golden = test::recorded(GetParam());
    const Bindings bindings = {{"B", 2}, {"N", 40}};
    Session session(planned(model.graph, bindings), ops::all_ops(), kernels::kernels_on(on_gpu),
                    model.weights, {});
    session.bind(bindings);
    for (const Node& node : model.graph.nodes()) {
      if (node.kind != NodeKind::input) continue;
      session.set_input(node.name, golden.at(node.name).cast(node.outputs[0].dtype));
    }
    for (int run = 0; run < 3; ++run) {
      session.run();
      for (const NamedOutput& output : model.graph.outputs()) {
        const Tensor own = dense_copy(session.output(output.name)).cast(Dtype::f64);
        const Tensor expected = golden.at(output.name).cast(Dtype::f64);
        EXPECT_LT(compare(own.view(), expected.view()).relative, dtype == Dtype::f32 ? 1e-4 : 2e-2)
            << output.name << " as " << to_string(dtype) << ", run " << run;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Models, GpuModels, testing::ValuesIn(hugging_face_families()),
                         [](const auto& info) { return info.param; });

class GpuDecoders : public GpuModels {};

// `model` with its 64 tokens of which 24 were generated.
void expect_the_recorded_tokens(const Model& model, const std::string& name,
                                const std::function<Plan(const Bindings&)>& planned) {
  const Tensor recorded = test::recorded(name).at("greedy_24").cast(Dtype::i64);
  const std::vector<std::int64_t> all(recorded.as<std::int64_t>(),
                                      recorded.as<std::int64_t>() + recorded.element_count());
  const auto states = std::make_shared<States>();
  const auto prepared = std::make_shared<PreparedTensors>();
  const auto open = [&](std::int64_t count, std::int64_t past) {
    const Bindings bindings = {{"B", 1}, {"N", count}, {"past", past}, {"capacity", 64}};
    return Session(planned(bindings), ops::all_ops(), kernels::kernels_on(on_gpu), model.weights,
                   {.states = states, .prepared = prepared});
  };
  Session prompt = open(40, 0), token = open(1, 40);
  Generator generator(prompt, token, {model.vocabulary, {}, model.positions_max});
  const Generated made = generator.generate(std::span(all).first(40), {.new_tokens_max = 24});
  EXPECT_EQ(made.tokens, std::vector<std::int64_t>(all.begin() + 40, all.end()));
  EXPECT_EQ(token.captured_count(), 1);  // Nothing was captured anew between tokens.
}

TEST_P(GpuDecoders, GenerateTheRecordedTokens) {
  const Model model = load_model(test::recorded_folder(GetParam()), {.form = ModelForm::generate});
  expect_the_recorded_tokens(
      model, GetParam(), [&](const Bindings& bindings) { return planned(model.graph, bindings); });
}

TEST_P(GpuDecoders, PickTheRecordedTokensThere) {
  const Model model = load_model(test::recorded_folder(GetParam()), {.form = ModelForm::generate});
  const Graph graph = greedy_form(model.graph, ops::all_ops());
  expect_the_recorded_tokens(model, GetParam(),
                             [&](const Bindings& bindings) { return planned(graph, bindings); });
}

INSTANTIATE_TEST_SUITE_P(Models, GpuDecoders,
                         testing::Values("gemma3_text", "gpt2", "llama", "mistral", "phi3", "qwen3",
                                         "qwen3_moe"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace paceline
