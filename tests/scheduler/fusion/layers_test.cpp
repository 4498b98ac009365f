#include "scheduler/fusion/layers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/ops/all_ops.h"

namespace paceline::fusion {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

Graph graph_of(const std::string& body) {
  return parse_graph("graph \"g\" {\n" + body + "\n}", ops::all_ops());
}

Bindings token() { return {{"B", 1}, {"N", 1}, {"past", 5}, {"capacity", 16}}; }

// A layer of one token: 2 heads of 64 on one group. `seen` is what is seen of the states, `extra`
// what comes behind.
std::string layer(const std::string& seen = "past+N", const std::string& extra = "") {
  return "input x: f32[B,N,32] weight n: f32[32] weight wq: f32[128,32] weight wk: f32[64,32] "
         "weight wv: f32[64,32] input c: f32[N,32] input s: f32[N,32] "
         "state ks: f32[B,1,capacity,64] state vs: f32[B,1,capacity,64] weight wo: f32[32,128] "
         "weight m: f32[32] weight wg: f32[48,32] weight wu: f32[48,32] weight wd: f32[32,48] "
         "a = rms_norm(x, n) q = linear(a, wq) k = linear(a, wk) v = linear(a, wv) "
         "q4 = reshape(q, shape=[B,N,2,64]) qh = permute(q4, order=[0,2,1,3]) qr = rope(qh, c, s) "
         "k4 = reshape(k, shape=[B,N,1,64]) kh = permute(k4, order=[0,2,1,3]) kr = rope(kh, c, s) "
         "v4 = reshape(v, shape=[B,N,1,64]) vh = permute(v4, order=[0,2,1,3]) "
         "ku = update_slice(ks, kr, axis=2, start=past) "
         "vu = update_slice(vs, vh, axis=2, start=past) "
         "kk = slice(ku, axis=2, start=0, stop=" +
         seen +
         ") "
         "vv = slice(vu, axis=2, start=0, stop=" +
         seen +
         ") "
         "h = attention(qr, kk, vv, scale=0.125, causal=true) "
         "ht = permute(h, order=[0,2,1,3]) hr = reshape(ht, shape=[B,N,128]) "
         "o = linear(hr, wo) y = add(x, o) "
         "b = rms_norm(y, m) g = linear(b, wg) u = linear(b, wu) "
         "t = gated_activation(g, u, activation=\"silu\") d = linear(t, wd) z = add(y, d) " +
         extra + " output z = z update ks = ku update vs = vu";
}

TEST(Layers, AreOneNodeFromInputToOutput) {
  const Graph graph = graph_of(layer());
  const auto layers = find_layers(graph, ops::all_ops(), token());
  ASSERT_THAT(layers, SizeIs(1));
  EXPECT_EQ(layers[0].op, "decoder_layer");
  EXPECT_THAT(layers[0].inputs, SizeIs(14));
  const Fused fused = fuse(graph, layers, ops::all_ops());
  int count = 0;
  for (const Node& node : fused.graph.nodes()) count += node.kind == NodeKind::op ? 1 : 0;
  EXPECT_EQ(count, 1);
}

TEST(Layers, AreOfOneTokenAlone) {
  const Graph graph = graph_of(layer());
  Bindings two = token(), sequences = token();
  two["N"] = 2;
  sequences["B"] = 2;
  EXPECT_THAT(find_layers(graph, ops::all_ops(), two), IsEmpty());
  EXPECT_THAT(find_layers(graph, ops::all_ops(), sequences), IsEmpty());
}

TEST(Layers, SeeAllRowsUpToTheirOwn) {
  EXPECT_THAT(find_layers(graph_of(layer("capacity")), ops::all_ops(), token()), IsEmpty());
}

TEST(Layers, KeepWhatOthersReadOutside) {
  EXPECT_THAT(
      find_layers(graph_of(layer("past+N", "e = exp(y) output e = e")), ops::all_ops(), token()),
      IsEmpty());
  EXPECT_THAT(
      find_layers(graph_of(layer("past+N", "e = exp(kr) output e = e")), ops::all_ops(), token()),
      IsEmpty());
}

}  // namespace
}  // namespace paceline::fusion
