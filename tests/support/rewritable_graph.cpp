#include "tests/support/rewritable_graph.h"

#include "common/base/error.h"
#include "tests/support/rewritable_motifs.h"

namespace paceline::test {

Graph rewritable_graph(const OpSet& ops, std::uint64_t seed) {
  static const std::vector<std::vector<Motif>> families = {
      number_motifs(), movement_motifs(), product_motifs(), composite_motifs(), attention_motifs()};
  Pool pool(ops, seed);
  const std::int64_t count = 2 + pool.below(3);
  for (std::int64_t i = 0; i < count; ++i) {
    try {
      pool.one_of(pool.one_of(families))(pool);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::invalid) throw;
    }
  }
  pool.keep(-pool.any());
  return pool.finish();
}

}  // namespace paceline::test
