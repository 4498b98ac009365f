#include "common/models/onnx/import.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/common/models/onnx/importing.h"
#include "tests/support/scratch.h"

namespace paceline {
namespace {

using namespace test;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::int64_t f32 = 1;
constexpr std::int64_t i64 = 7;

std::string type_of_output(const Model& model) {
  return model.graph.type(model.graph.outputs()[0].value).to_string();
}

TEST(OnnxImport, CallsThingsAsTheFileDoes) {
  const OnnxGraph graph{
      .inputs = {onnx_value("x", f32, {"batch size", std::int64_t{3}}), onnx_value("z", f32, {""})},
      .outputs = {onnx_value("y", f32, {"", ""})},
      .nodes = {{"MatMul", {"x", "w"}, {"y"}}},
      .initialisers = {onnx_tensor("w", Tensor(Dtype::f32, {3, 8}))}};

  const Model model = import(graph);

  EXPECT_EQ(type_of_output(model), "f32[batch_size,8]");
  EXPECT_EQ(model.graph.outputs()[0].name, "y");
  EXPECT_TRUE(model.graph.find(NodeKind::input, "z"));
  EXPECT_EQ(model.graph.symbols(), (std::set<std::string>{"batch_size", "z_0"}));
  ASSERT_TRUE(model.weights.contains("w"));
  EXPECT_EQ(model.weights.at("w").extents(), (Extents{3, 8}));
}

// x -> Shape -> Gather -> Mul -> Concat -> Reshape, as exporters write it.
TEST(OnnxImport, FoldsArithmeticOnShapesToPolynomials) {
  const OnnxGraph graph{
      .inputs = {onnx_value("x", f32, {"B", "N", std::int64_t{6}})},
      .outputs = {onnx_value("y", f32, {"", "", ""})},
      .nodes = {{"Shape", {"x"}, {"s"}},
                {"Gather", {"s", "zero"}, {"b"}},
                {"Gather", {"s", "one"}, {"n"}},
                {"Mul", {"b", "n"}, {"bn"}},
                {"Unsqueeze", {"bn", "first"}, {"bn1"}},
                {"Concat", {"bn1", "rest"}, {"to"}, {onnx_integer("axis", 0)}},
                {"Equal", {"to", "minus"}, {"is_open"}},
                {"Where", {"is_open", "one", "to"}, {"shape"}},
                {"Reshape", {"x", "to"}, {"r"}},
                {"Expand", {"r", "shape"}, {"y"}}},
      .initialisers = {onnx_tensor("zero", integers({}, {0})),
                       onnx_tensor("one", integers({}, {1})), onnx_tensor("first", longs({0})),
                       onnx_tensor("rest", longs({2, -1})), onnx_tensor("minus", longs({-1}))}};

  EXPECT_EQ(type_of_output(import(graph)), "f32[B*N,2,3]");
}

TEST(OnnxImport, RunsPositionsOfASymbolicLength) {
  const OnnxGraph graph{.inputs = {onnx_value("x", f32, {"N"})},
                        .outputs = {onnx_value("y", i64, {""})},
                        .nodes = {{"Shape", {"x"}, {"s"}},
                                  {"Squeeze", {"s"}, {"n"}},
                                  {"Range", {"zero", "n", "two"}, {"y"}}},
                        .initialisers = {onnx_tensor("zero", integers({}, {0})),
                                         onnx_tensor("two", integers({}, {1}))}};

  const Model model = import(graph);

  EXPECT_EQ(type_of_output(model), "i64[N]");
  EXPECT_THAT(run(model, {doubles({3}, {5, 5, 5})}, {{"N", 3}}), ElementsAre(0, 1, 2));
}

TEST(OnnxImport, SortsNodesAndInlinesFunctions) {
  // scaled(a) = a * factor, with factor an attribute of the call.
  const std::string function =
      text_field(1, "scaled") + text_field(4, "a") + text_field(5, "b") + text_field(6, "factor") +
      text_field(7,
                 onnx_node({"Constant", {}, {"f"}, {onnx_reference("value_int", "factor", 2)}})) +
      text_field(7, onnx_node({"Mul", {"a", "f"}, {"b"}})) + text_field(9, onnx_opset(17)) +
      text_field(10, "mine");
  const OnnxGraph graph{.inputs = {onnx_value("x", i64, {std::int64_t{2}})},
                        .outputs = {onnx_value("y", i64, {std::int64_t{2}})},
                        .nodes = {{"Add", {"t", "x"}, {"y"}},
                                  {"scaled", {"x"}, {"t"}, {onnx_integer("factor", 10)}, "mine"}}};

  const Model model = import(onnx_model(graph, 17, {function}, {onnx_opset(1, "mine")}));

  EXPECT_THAT(run(model, {integers({2}, {1, 2})}), ElementsAre(11, 22));
}

OnnxGraph loop_of(const std::string& trips) {
  const OnnxGraph body{
      .inputs = {onnx_value("i", i64, {}), onnx_value("go", 9, {}), onnx_value("a", i64, {})},
      .outputs = {onnx_value("go", 9, {}), onnx_value("b", i64, {}), onnx_value("b", i64, {})},
      .nodes = {{"Add", {"a", "x"}, {"sum"}}, {"Add", {"sum", "i"}, {"b"}}}};
  return {.inputs = {onnx_value("x", i64, {}), onnx_value("n", i64, {})},
          .outputs = {onnx_value("all", i64, {""})},
          .nodes = {{"Loop",
                     {trips, "", "zero"},
                     {"last", "all"},
                     {onnx_graph_attribute("body", body.bytes())}}},
          .initialisers = {onnx_tensor("three", integers({}, {3})),
                           onnx_tensor("zero", integers({}, {0}))}};
}

TEST(OnnxImport, UnrollsALoopWhoseRoundsAreKnown) {
  const Model model = import(loop_of("three"));

  EXPECT_THAT(run(model, {integers({}, {10}), integers({}, {0})}), ElementsAre(10, 21, 33));
  EXPECT_THAT(refusal(loop_of("n"), ErrorKind::unsupported),
              AllOf(HasSubstr("Loop"), HasSubstr("\"n\" must be known before the run")));
}

TEST(OnnxImport, TakesTheBranchOfAKnownCondition) {
  const auto branch = [](const char* op) {
    return OnnxGraph{
        .inputs = {}, .outputs = {onnx_value("r", f32, {""})}, .nodes = {{op, {"x"}, {"r"}}}}
        .bytes();
  };
  const OnnxGraph graph{.inputs = {onnx_value("x", f32, {std::int64_t{2}})},
                        .outputs = {onnx_value("y", f32, {""})},
                        .nodes = {{"If",
                                   {"no"},
                                   {"y"},
                                   {onnx_graph_attribute("then_branch", branch("Abs")),
                                    onnx_graph_attribute("else_branch", branch("Neg"))}}},
                        .initialisers = {onnx_tensor("no", booleans({}, {false}))}};

  EXPECT_THAT(run(import(graph), {doubles({2}, {1, -2})}), ElementsAre(-1, 2));
}

TEST(OnnxImport, WrapsIndicesThatCountFromTheEnd) {
  const OnnxGraph graph{.inputs = {onnx_value("x", f32, {std::int64_t{3}, std::int64_t{2}}),
                                   onnx_value("i", i64, {std::int64_t{2}})},
                        .outputs = {onnx_value("y", f32, {"", ""})},
                        .nodes = {{"Gather", {"x", "i"}, {"y"}}}};

  EXPECT_THAT(run(import(graph), {doubles({3, 2}, {1, 2, 3, 4, 5, 6}), integers({2}, {-1, 0})}),
              ElementsAre(5, 6, 1, 2));
}

TEST(OnnxImport, MakesFixedInputsConstantsAndSaysWhichItNeeds) {
  const OnnxGraph graph{.inputs = {onnx_value("x", f32, {std::int64_t{6}}),
                                   onnx_value("shape", i64, {std::int64_t{2}})},
                        .outputs = {onnx_value("y", f32, {"", ""})},
                        .nodes = {{"Cast", {"shape"}, {"s"}, {onnx_integer("to", 7)}},
                                  {"Reshape", {"x", "s"}, {"y"}}}};
  std::set<std::string> wanted;
  OnnxOptions options{.wanted_inputs = &wanted};

  EXPECT_THROW(import(onnx_model(graph), options), Error);
  EXPECT_THAT(wanted, ElementsAre("shape"));

  options.fixed_inputs.emplace("shape", longs({-1, 2}));
  EXPECT_EQ(type_of_output(import(onnx_model(graph), options)), "f32[3,2]");
}

TEST(OnnxImport, RefusesFixedInputsThatDoNotFit) {
  const OnnxGraph graph{.inputs = {onnx_value("x", f32, {std::int64_t{6}}),
                                   onnx_value("shape", i64, {std::int64_t{2}})},
                        .outputs = {onnx_value("y", f32, {"", ""})},
                        .nodes = {{"Reshape", {"x", "shape"}, {"y"}}}};
  const auto refusal_of = [&](const char* name, const Tensor& tensor) -> std::string {
    OnnxOptions options;
    options.fixed_inputs.emplace(name, tensor);
    try {
      import(onnx_model(graph), options);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::invalid);
      return error.what();
    }
    return "accepted";
  };

  EXPECT_THAT(refusal_of("form", longs({-1, 2})), HasSubstr("no input to fix: \"form\""));
  EXPECT_THAT(refusal_of("shape", longs({3, 2, 1})),
              HasSubstr("input \"shape\" must be fixed as i64[2], not i64[3]"));
  EXPECT_THAT(refusal_of("shape", Tensor::of<float>({2}, {3, 2})), HasSubstr("not f32[2]"));
  EXPECT_EQ(refusal_of("shape", longs({3, 2})), "accepted");
}

TEST(OnnxImport, ListsAllThatIsNotSupportedAtOnce) {
  const OnnxGraph graph{.inputs = {onnx_value("x", f32, {std::int64_t{6}})},
                        .outputs = {onnx_value("y", f32, {""})},
                        .nodes = {{"Bernoulli", {"x"}, {"a"}, {}, "", "first"},
                                  {"Fancy", {"a"}, {"b"}, {}, "com.example", "second"},
                                  {"Relu", {"b"}, {"y"}}}};

  EXPECT_THAT(refusal(graph, ErrorKind::unsupported),
              AllOf(HasSubstr("2 nodes are not supported"), HasSubstr("\"first\" (Bernoulli)"),
                    HasSubstr("\"second\" (com.example.Fancy)")));
}

struct BadGraph {
  const char* name;
  std::string bytes;
  ErrorKind kind;
  const char* says;
};

class BadOnnxFile : public ::testing::TestWithParam<BadGraph> {};

TEST_P(BadOnnxFile, IsRefusedInOneLine) {
  const std::string message = refusal(GetParam().bytes, GetParam().kind);
  EXPECT_THAT(message, HasSubstr(GetParam().says));
  EXPECT_EQ(message.find('\n'), std::string::npos);
}

OnnxGraph relu(std::vector<OnnxAxis> axes = {std::int64_t{2}}, std::int64_t type = f32) {
  return {.inputs = {onnx_value("x", type, axes)},
          .outputs = {onnx_value("y", type, axes)},
          .nodes = {{"Relu", {"x"}, {"y"}}}};
}

OnnxGraph with_nodes(std::vector<OnnxNode> nodes) {
  OnnxGraph graph = relu();
  graph.nodes = std::move(nodes);
  return graph;
}

// A weight that is added, its TensorProto as given.
OnnxGraph with_weight(const std::string& tensor) {
  OnnxGraph graph = with_nodes({{"Add", {"x", "w"}, {"y"}}});
  graph.initialisers = {tensor};
  return graph;
}

std::string external(const std::string& location) {
  const std::string entry = text_field(1, "location") + text_field(2, location);
  return number_field(1, 2) + number_field(2, 1) + text_field(8, "w") + text_field(13, entry) +
         number_field(14, 1);
}

std::vector<BadGraph> bad_graphs() {
  const std::string sound = onnx_model(relu());
  const std::string short_weight =
      number_field(1, 5) + number_field(2, 1) + text_field(8, "w") + text_field(9, "1234");
  const std::string huge = number_field(1, std::int64_t{1} << 40) +
                           number_field(1, std::int64_t{1} << 40) + number_field(2, 1) +
                           text_field(8, "w") + text_field(9, "1234");
  const auto invalid = ErrorKind::invalid;
  const auto unsupported = ErrorKind::unsupported;
  return {
      {"empty", "", invalid, "empty"},
      {"cut_short", sound.substr(0, sound.size() / 2), invalid, "damaged or cut short"},
      {"no_protobuf", "GGUF1234567", invalid, "ONNX"},
      {"no_graph", number_field(1, 8), invalid, "no graph"},
      {"no_opset", number_field(1, 8) + text_field(7, relu().bytes()), invalid, "opset"},
      {"future_opset", onnx_model(relu(), 99), unsupported, "99"},
      {"cycle",
       onnx_model(with_nodes(
           {{"Add", {"x", "b"}, {"a"}}, {"Relu", {"a"}, {"b"}}, {"Relu", {"b"}, {"y"}}})),
       invalid, "cycle"},
      {"dangling", onnx_model(with_nodes({{"Relu", {"nowhere"}, {"y"}}})), invalid, "\"nowhere\""},
      {"no_output", onnx_model(with_nodes({{"Relu", {"x"}, {"z"}}})), invalid, "\"y\""},
      {"doubled", onnx_model(with_nodes({{"Relu", {"x"}, {"y"}}, {"Abs", {"x"}, {"y"}}})), invalid,
       "two nodes"},
      {"mixed_types", onnx_model(with_weight(onnx_tensor("w", Tensor(Dtype::i64, {2})))), invalid,
       "(Add)"},
      {"other_shapes", onnx_model(with_weight(onnx_tensor("w", Tensor(Dtype::f32, {3})))), invalid,
       "[3]"},
      {"wrong_declared_type",
       onnx_model({.inputs = {onnx_value("x", f32, {})},
                   .outputs = {onnx_value("y", i64, {})},
                   .nodes = {{"Relu", {"x"}, {"y"}}}}),
       invalid, "declared as i64"},
      {"negative_extent", onnx_model(relu({std::int64_t{-3}})), invalid, "negative"},
      {"strings", onnx_model(relu({std::int64_t{2}}, 8)), unsupported, "string"},
      {"unknown_type", onnx_model(relu({std::int64_t{2}}, 77)), unsupported, "type 77"},
      {"short_weight", onnx_model(with_weight(short_weight)), invalid, "4 bytes of data"},
      {"huge_weight", onnx_model(with_weight(huge)), invalid, "too many elements"},
      {"external_in_memory", onnx_model(with_weight(external("w.bin"))), invalid, "in a file"},
      {"external_outside", onnx_model(with_weight(external("../w.bin"))), invalid,
       "must lie in the model's folder"},
      {"external_absolute", onnx_model(with_weight(external("/w.bin"))), invalid,
       "must lie in the model's folder"},
      {"bad_axis", onnx_model(with_nodes({{"Softmax", {"x"}, {"y"}, {onnx_integer("axis", 5)}}})),
       invalid, "axis 5"},
      {"attribute_of_another_kind",
       onnx_model(with_nodes({{"Softmax", {"x"}, {"y"}, {onnx_text("axis", "last")}}})), invalid,
       "must be an integer"},
      {"missing_operand", onnx_model(with_nodes({{"Add", {"x"}, {"y"}}})), invalid,
       "input 1 is missing"},
  };
}

INSTANTIATE_TEST_SUITE_P(Files, BadOnnxFile, ::testing::ValuesIn(bad_graphs()),
                         [](const auto& info) { return info.param.name; });

class OnnxFile : public ::testing::Test {
 protected:
  void write(const char* name, const std::string& bytes) {
    std::ofstream(folder_ / name, std::ios::binary) << bytes;
  }

  paceline::testing::Scratch folder_;
};

TEST_F(OnnxFile, MapsAlignedWeightsAndCopiesTheOthers) {
  std::vector<float> elements(64);
  for (int i = 0; i < 64; ++i) elements[i] = static_cast<float>(i);
  const Tensor tensor = Tensor::of<float>({64}, elements);
  // A name of each length moves the bytes by one.
  for (const std::string name : {"w", "ww", "www", "wwww"}) {
    OnnxGraph graph = relu({std::int64_t{64}});
    graph.nodes = {{"Add", {"x", name}, {"y"}}};
    graph.initialisers = {onnx_tensor(name, tensor)};
    write("m.onnx", onnx_model(graph));

    const Model model = load_model(folder_ / "m.onnx");

    const Tensor& weight = model.weights.at(name);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(weight.data()) % sizeof(float), 0u);
    EXPECT_EQ(weight.to_doubles(), tensor.to_doubles());
  }
}

TEST_F(OnnxFile, ReadsExternalDataBesideTheModel) {
  const auto entry = [](const char* key, const char* value) {
    return text_field(13, text_field(1, key) + text_field(2, value));
  };
  const auto weight = [&](const char* offset, const char* length) {
    return number_field(1, 2) + number_field(2, 1) + text_field(8, "w") +
           entry("location", "w.bin") + entry("offset", offset) + entry("length", length) +
           number_field(14, 1);
  };
  const auto refused = [&](const std::string& tensor) -> std::string {
    write("m.onnx", onnx_model(with_weight(tensor)));
    try {
      load_onnx(folder_ / "m.onnx");
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::invalid);
      return error.what();
    }
    return "accepted";
  };

  EXPECT_THAT(refused(weight("8", "8")), HasSubstr("is missing"));

  const float elements[] = {1, 2, 3, 4};
  write("w.bin", {reinterpret_cast<const char*>(elements), sizeof(elements)});
  EXPECT_EQ(refused(weight("8", "8")), "accepted");
  EXPECT_THAT(run(load_onnx(folder_ / "m.onnx"), {doubles({2}, {10, 20})}), ElementsAre(13, 24));
  EXPECT_THAT(refused(weight("12", "8")), HasSubstr("bytes 12 to 20 of 16"));
  EXPECT_THAT(refused(weight("18446744073709551615", "8")), HasSubstr("lies outside"));
  EXPECT_THAT(refused(weight("8", "4")), HasSubstr("4 bytes of data"));
  EXPECT_THAT(refused(weight("eight", "8")), HasSubstr("no sound offset: \"eight\""));

  std::filesystem::create_directory(folder_ / "inside");
  std::filesystem::rename(folder_ / "m.onnx", folder_ / "inside" / "m.onnx");
  std::filesystem::create_symlink("../w.bin", folder_ / "inside" / "w.bin");
  try {
    load_onnx(folder_ / "inside" / "m.onnx");
    FAIL() << "a link out of the folder was followed";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("must lie in the model's folder"));
  }
}

TEST_F(OnnxFile, HasTheTypesAndTheFormThatItHas) {
  write("m.onnx", onnx_model(relu()));
  EXPECT_THROW(load_model(folder_ / "m.onnx", {.dtype = Dtype::bf16}), Error);
  EXPECT_THROW(load_model(folder_ / "m.onnx", {.form = ModelForm::generate}), Error);
}

}  // namespace
}  // namespace paceline
