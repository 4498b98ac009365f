#include <fmt/format.h>

#include <cmath>
#include <map>

#include "kernels/all_kernels.h"
#include "scheduler/choose/choose.h"
#include "scheduler/fusion/fuse.h"
#include "scheduler/fusion/layers.h"
#include "tests/gpu/large_operands.h"
#include "worker/compile/compile.h"
#include "worker/dispatch/dispatch.h"
#include "worker/execute/session.h"

// Layers of a token in one launch each, as a session runs them from token to token.
namespace paceline {
namespace {

const DeviceSet on_gpu{.cpu = false, .cuda = 0};

// Of 4 heads of 64 on 2 groups, from x0 to x1, x1 to x2, ...
std::string layer(int n) {
  std::string text =
      "weight n#: bf16[128] weight wq#: bf16[256,128] weight wk#: bf16[128,128] "
      "weight wv#: bf16[128,128] state ks#: bf16[B,2,capacity,64] state vs#: bf16[B,2,capacity,64] "
      "weight wo#: bf16[128,256] weight m#: bf16[128] weight wg#: bf16[192,128] "
      "weight wu#: bf16[192,128] weight wd#: bf16[128,192] "
      "a# = rms_norm(x#, n#) q# = linear(a#, wq#) k# = linear(a#, wk#) v# = linear(a#, wv#) "
      "qa# = reshape(q#, shape=[B,N,4,64]) qb# = permute(qa#, order=[0,2,1,3]) "
      "qc# = rope(qb#, c, s) ka# = reshape(k#, shape=[B,N,2,64]) "
      "kb# = permute(ka#, order=[0,2,1,3]) kc# = rope(kb#, c, s) "
      "va# = reshape(v#, shape=[B,N,2,64]) vb# = permute(va#, order=[0,2,1,3]) "
      "ku# = update_slice(ks#, kc#, axis=2, start=past) "
      "vu# = update_slice(vs#, vb#, axis=2, start=past) "
      "kk# = slice(ku#, axis=2, start=0, stop=past+N) "
      "vv# = slice(vu#, axis=2, start=0, stop=past+N) "
      "h# = attention(qc#, kk#, vv#, scale=0.125, causal=true) "
      "ht# = permute(h#, order=[0,2,1,3]) hr# = reshape(ht#, shape=[B,N,256]) "
      "o# = linear(hr#, wo#) y# = add(x#, o#) "
      "b# = rms_norm(y#, m#) g# = linear(b#, wg#) u# = linear(b#, wu#) "
      "t# = gated_activation(g#, u#, activation=\"silu\") d# = linear(t#, wd#) x@ = add(y#, d#) "
      "update ks# = ku# update vs# = vu# ";
  std::string made;
  for (const char c : text) {
    if (c == '#') {
      made += std::to_string(n);
    } else if (c == '@') {
      made += std::to_string(n + 1);
    } else {
      made += c;
    }
  }
  return made;
}

TEST(LayersOnGpu, FollowTokensAsTheGraphDoes) {
  if (const auto absence = kernels::cuda_absence()) GTEST_SKIP() << *absence;
  const OpSet& ops = ops::all_ops();
  const Graph graph = parse_graph(
      "graph \"g\" {\ninput x0: bf16[B,N,128] input c: bf16[N,32] input s: bf16[N,32] " + layer(0) +
          layer(1) + layer(2) + "output y = x3\n}",
      ops);
  Bindings bindings = {{"B", 1}, {"N", 1}, {"past", 0}, {"capacity", 40}};
  const std::vector<fusion::Group> layers = fusion::find_layers(graph, ops, bindings);
  ASSERT_EQ(layers.size(), 3u);
  const Graph fused = fusion::fuse(graph, layers, ops).graph;
  WeightSet weights;
  std::uint64_t seed = 0;
  for (const Node& node : graph.nodes()) {
    if (node.kind != NodeKind::weight) continue;
    Extents extents;
    for (const Dim& dim : node.outputs[0].shape) extents.push_back(*dim.constant());
    Tensor drawn = test::drawn(Dtype::f32, extents, ++seed);
    const double size = extents.size() == 2 ? std::sqrt(3.0 / static_cast<double>(extents[1])) : 1;
    for (std::int64_t i = 0; i < drawn.element_count(); ++i) {
      drawn.as<float>()[i] *= static_cast<float>(size);
    }
    weights[node.name] = drawn.cast(Dtype::bf16);
  }
  GraphDispatcher dispatcher(ops, kernels::kernels_on(on_gpu), nullptr, {});
  Session session(compile(dispatcher.decide(fused, bindings).path, ops, kernels::kernels_on(on_gpu),
                          bindings, {}),
                  ops, kernels::kernels_on(on_gpu), weights, {});
  std::map<std::string, Tensor> states;
  for (std::int64_t past = 0; past < 40; ++past) {
    bindings["past"] = past;
    const std::map<std::string, Tensor> inputs = {
        {"x0", test::drawn(Dtype::bf16, {1, 1, 128}, 100 + past)},
        {"c", test::drawn(Dtype::bf16, {1, 32}, 200 + past)},
        {"s", test::drawn(Dtype::bf16, {1, 32}, 300 + past)}};
    session.bind(bindings);
    for (const auto& [name, tensor] : inputs) session.set_input(name, tensor);
    session.run();
    const auto expected = interpret(graph, ops, bindings, inputs, weights, &states);
    const TensorError error = compare(session.output("y"), expected.at("y").view());
    ASSERT_LT(error.relative, 2e-2) << "at " << past;
  }
  EXPECT_EQ(session.captured_count(), 1);
}

}  // namespace
}  // namespace paceline
