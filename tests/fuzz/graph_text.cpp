#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "common/base/error.h"
#include "common/graph/path.h"
#include "common/graph/plan.h"
#include "common/graph/workload.h"
#include "common/ops/all_ops.h"

namespace paceline {
namespace {

// Whatever the text, a parser answers or refuses with `invalid`.
template <typename Parse>
void try_to(Parse parse) {
  try {
    parse();
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::internal) std::abort();
  }
}

void try_all(std::string_view text) {
  const OpSet& ops = ops::all_ops();
  try_to([&] { Dim::parse(text); });
  try_to([&] { parse_workload(text, ops).id(); });
  try_to([&] {
    const Graph graph = parse_graph(text, ops);
    if (parse_graph(to_text(graph), ops).id() != graph.id()) std::abort();
  });
  try_to([&] { to_text(parse_path(text, ops)); });
  try_to([&] { to_text(parse_plan(text, ops)); });
}

}  // namespace
}  // namespace paceline

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  paceline::try_all({reinterpret_cast<const char*>(data), size});
  return 0;
}
