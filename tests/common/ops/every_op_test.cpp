#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "common/graph/reference.h"
#include "common/graph/workload.h"
#include "common/ops/draw.h"
#include "tests/support/evaluate.h"

// What holds for every op. Tests of what is particular to one op are in the files beside this one.
namespace paceline {
namespace {

using testing::Each;
using testing::Gt;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

std::vector<TensorType> types_of(const Sample& sample) {
  std::vector<TensorType> types;
  for (const Sample::Operand& operand : sample.inputs) {
    types.push_back({operand.dtype, Shape(operand.extents.begin(), operand.extents.end())});
  }
  return types;
}

// Doubles in place of the sample's floats, so that decompositions round as references do.
std::vector<TensorType> wide_types_of(const Sample& sample) {
  std::vector<TensorType> types = types_of(sample);
  for (TensorType& type : types) type.dtype = reference_dtype(type.dtype);
  return types;
}

std::vector<Tensor> draw_wide(const Sample& sample) {
  Random random(20261121);
  std::vector<Tensor> tensors = ops::draw(sample, random);
  for (Tensor& tensor : tensors) tensor = to_reference(tensor);
  return tensors;
}

struct Case {
  const Op& op;
  const Sample& sample;
  Attributes attributes;  // Complete.

  std::vector<TensorType> outputs() const { return infer_types(op, types_of(sample), attributes); }
  std::vector<Tensor> run(const std::vector<Tensor>& inputs) const {
    return evaluate_reference(op, inputs, attributes, outputs());
  }
};

// Calls `check` with each sample of each op for which `wanted` holds.
template <typename Wanted, typename Check>
void for_each_case(Wanted wanted, Check check) {
  for (const Op& op : ops::all_ops().all()) {
    if (!wanted(op)) continue;
    for (const Sample& sample : op.samples) {
      SCOPED_TRACE(workload_of(op, sample).to_text());
      check(Case{op, sample, sample.attributes.complete(op.name, op.attributes)});
    }
  }
}

bool any_op(const Op&) { return true; }

TEST(EveryOp, SaysAllThatOthersNeedOfIt) {
  for (const Op& op : ops::all_ops().all()) {
    SCOPED_TRACE(op.name);
    EXPECT_TRUE(op.infer && op.work && op.reference);
    EXPECT_THAT(op.samples, SizeIs(Gt(4u)));
    EXPECT_TRUE(op.input_count_max == -1 || op.input_count_max >= op.input_count_min);
    EXPECT_TRUE(!op.facts.commutative || op.input_count_min >= 2);
    for (const auto& [output, input] : op.in_place) EXPECT_LT(input, op.input_count_min);
    EXPECT_FALSE(op.view && op.is_composite());
  }
}

TEST(EveryOp, HasSamplesWithinItsArity) {
  for_each_case(any_op, [](const Case& c) {
    EXPECT_GE(std::ssize(c.sample.inputs), c.op.input_count_min);
    if (c.op.input_count_max >= 0) {
      EXPECT_LE(std::ssize(c.sample.inputs), c.op.input_count_max);
    }
  });
}

TEST(EveryOp, ReferencesFillWhatInferenceAnnounces) {
  for_each_case(any_op, [](const Case& c) {
    const std::vector<TensorType> types = c.outputs();
    ASSERT_THAT(types, Not(IsEmpty()));
    std::vector<Tensor> outputs;
    for (const TensorType& type : types) {
      outputs.emplace_back(reference_dtype(type.dtype), evaluate(type.shape, {}));
      if (outputs.back().dtype() == Dtype::f64) {
        std::fill_n(outputs.back().as<double>(), outputs.back().element_count(), 1e300);
      }
    }
    // Sums start from zeros, so only ops that write each element once can be told by rubbish.
    if (!c.op.facts.elementwise && !c.op.view) return;
    const std::vector<Tensor> inputs = draw_wide(c.sample);
    c.op.reference({inputs, outputs, c.attributes});
    EXPECT_THAT(outputs[0].to_doubles(), Each(Not(1e300)));
  });
}

TEST(EveryOp, AnnouncesThePlaceWhenInputsAreMissing) {
  for (const Op& op : ops::all_ops().all()) {
    if (op.input_count_min == 0) continue;
    const Attributes attributes = op.samples.front().attributes.complete(op.name, op.attributes);
    try {
      infer_types(op, {}, attributes);
      FAIL() << op.name << " takes nothing";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::invalid);
      EXPECT_THAT(error.what(), testing::HasSubstr(op.name));
    }
  }
}

TEST(EveryOp, NeedsWorkThatIsNotNegative) {
  for_each_case(any_op, [](const Case& c) {
    const std::vector<TensorType> types = types_of(c.sample);
    const Work work = c.op.work({types, c.attributes});
    EXPECT_GE(work.flops.evaluate({}), 0);
    EXPECT_GE(work.bytes.evaluate({}), 0);
    std::int64_t all_bytes = 0;
    for (const TensorType& type : types) all_bytes += size_bytes(type).evaluate({});
    for (const TensorType& type : c.outputs()) all_bytes += size_bytes(type).evaluate({});
    if (!c.op.view && c.op.name != "gather" && c.op.name != "embedding") {
      EXPECT_LE(work.bytes.evaluate({}), all_bytes + size_bytes(c.outputs()[0]).evaluate({}));
    }
  });
}

TEST(EveryOp, GivesTheSameTwice) {
  for_each_case(any_op, [](const Case& c) {
    const std::vector<Tensor> inputs = draw_wide(c.sample);
    const std::vector<Tensor> first = c.run(inputs);
    const std::vector<Tensor> second = c.run(inputs);
    for (std::size_t i = 0; i < first.size(); ++i) {
      EXPECT_EQ(compare(second[i].view(), first[i].view()).relative, 0);
    }
  });
}

TEST(EveryOp, LeavesItsInputsAlone) {
  for_each_case(any_op, [](const Case& c) {
    const std::vector<Tensor> inputs = draw_wide(c.sample);
    const std::vector<Tensor> before = draw_wide(c.sample);
    c.run(inputs);
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      EXPECT_EQ(inputs[i].to_doubles(), before[i].to_doubles());
    }
  });
}

TEST(EveryOp, MayOverwriteOnlyInputsOfTheSameSize) {
  for_each_case([](const Op& op) { return !op.in_place.empty(); },
                [](const Case& c) {
                  const std::vector<TensorType> types = types_of(c.sample);
                  const std::vector<TensorType> outputs = c.outputs();
                  for (const auto& [output, input] : c.op.in_place) {
                    EXPECT_EQ(size_bytes(types[input]), size_bytes(outputs[output]));
                  }
                });
}

TEST(EveryOp, CommutesWhereItSaysSo) {
  for_each_case([](const Op& op) { return op.facts.commutative; },
                [](const Case& c) {
                  std::vector<Tensor> inputs = draw_wide(c.sample);
                  const Tensor there = c.run(inputs)[0];
                  std::swap(inputs[0], inputs[1]);
                  EXPECT_EQ(c.run(inputs)[0].to_doubles(), there.to_doubles());
                });
}

TEST(EveryOp, PassesNanOnWhenElementwise) {
  const auto wanted = [](const Op& op) {
    return op.facts.elementwise && op.name != "pow" && op.name != "where";
  };
  for_each_case(wanted, [](const Case& c) {
    if (!is_float(c.sample.inputs[0].dtype) || !is_float(c.outputs()[0].dtype)) return;
    for (std::size_t i = 0; i < c.sample.inputs.size(); ++i) {
      std::vector<Tensor> inputs = draw_wide(c.sample);
      inputs[i].as<double>()[0] = std::numeric_limits<double>::quiet_NaN();
      EXPECT_TRUE(std::isnan(c.run(inputs)[0].as<double>()[0]));
    }
  });
}

TEST(EveryOp, TakesInfinityWhenElementwise) {
  for_each_case([](const Op& op) { return op.facts.elementwise; },
                [](const Case& c) {
                  if (!is_float(c.sample.inputs[0].dtype)) return;
                  for (const double infinity : {INFINITY, -INFINITY}) {
                    std::vector<Tensor> inputs = draw_wide(c.sample);
                    const std::vector<double> before = c.run(inputs)[0].to_doubles();
                    inputs[0].as<double>()[0] = infinity;
                    std::vector<double> after = c.run(inputs)[0].to_doubles();
                    after[0] = before[0];
                    EXPECT_EQ(after, before);
                  }
                });
}

TEST(EveryOp, ViewsNameTheElementsOfTheReference) {
  for_each_case([](const Op& op) { return op.view != nullptr; },
                [](const Case& c) {
                  const std::vector<TensorType> types = types_of(c.sample);
                  const auto view =
                      c.op.view({types[0].shape, row_major_strides(types[0].shape), 0},
                                {types, c.attributes});
                  ASSERT_TRUE(view.has_value());
                  const Tensor source = draw_wide(c.sample)[0];
                  const std::int64_t size = static_cast<std::int64_t>(size_bytes(source.dtype()));
                  const Extents extents = evaluate(view->shape, {});
                  TensorView placed = TensorView::dense(nullptr, source.dtype(), extents);
                  placed.data = source.as<std::byte>() + view->offset.evaluate({}) * size;
                  for (std::size_t axis = 0; axis < extents.size(); ++axis) {
                    placed.strides[axis] = view->strides[axis].evaluate({});
                  }
                  const Tensor reference = c.run({source})[0];
                  EXPECT_EQ(extents, reference.extents());
                  EXPECT_EQ(to_doubles(placed), reference.to_doubles());
                });
}

TEST(EveryOp, EqualsItsDecomposition) {
  for_each_case(
      [](const Op& op) { return op.is_composite(); },
      [](const Case& c) {
        const Graph graph = test::decomposition(c.op, wide_types_of(c.sample), c.attributes);
        const std::vector<Tensor> inputs = draw_wide(c.sample);
        const std::vector<Tensor> reference = c.run(inputs);
        const std::vector<Tensor> decomposed = test::evaluate(graph, inputs);
        ASSERT_EQ(decomposed.size(), reference.size());
        for (std::size_t i = 0; i < reference.size(); ++i) {
          EXPECT_EQ(graph.type(graph.outputs()[i].value).dtype, reference[i].dtype());
          EXPECT_EQ(decomposed[i].extents(), reference[i].extents());
          EXPECT_LT(compare(decomposed[i].view(), reference[i].view()).elementwise, 1e-12);
        }
      });
}

TEST(EveryOp, DecomposesIntoTheDtypesThatItAnnounces) {
  for_each_case([](const Op& op) { return op.is_composite(); },
                [](const Case& c) {
                  const Graph graph = test::decomposition(c.op, types_of(c.sample), c.attributes);
                  const std::vector<TensorType> announced = c.outputs();
                  for (std::size_t i = 0; i < announced.size(); ++i) {
                    EXPECT_EQ(graph.type(graph.outputs()[i].value), announced[i]);
                  }
                });
}

}  // namespace
}  // namespace paceline
