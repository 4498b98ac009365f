#include "common/graph/path.h"

#include <algorithm>

#include "common/graph/text/names.h"
#include "common/graph/text/writer.h"

namespace paceline {

std::string_view to_string(Origin origin) {
  switch (origin) {
    case Origin::measured_here:
      return "measured here";
    case Origin::measured_model:
      return "measured on the same model";
    case Origin::interpolated:
      return "interpolated";
    case Origin::roofline:
      break;
  }
  return "roofline";
}

PathId Path::id() const {
  const std::vector<Digest> nodes = node_digests(graph);
  std::vector<std::tuple<Digest, std::string, std::string, std::int32_t>> chosen;
  for (const Choice& choice : choices) {
    chosen.emplace_back(nodes[choice.node], choice.kernel, choice.device.to_string(),
                        choice.bundle);
  }
  std::sort(chosen.begin(), chosen.end());
  Hasher hasher("path/1");
  hasher.add(graph.id().digest).add(chosen.size());
  for (const auto& [node, kernel, device, bundle] : chosen) {
    hasher.add(node).add(kernel).add(device);
    if (bundle >= 0) hasher.add("bundle").add(bundle);  // Paths without one keep their names.
  }
  return {hasher.finish()};
}

std::string to_text(const Path& path) {
  const ValueNames names(path.graph);
  std::string text = "path {\n" + graph_text(path.graph, names);
  for (const auto& [node, kernel, device, bundle] : path.choices) {
    text += fmt::format("choose {} = {} on {}", names.of({node, 0}), name_text(kernel),
                        device.to_string());
    text += bundle < 0 ? "\n" : fmt::format(" bundle {}\n", bundle);
  }
  return text + "}\n";
}

Path parse_path(std::string_view text, const OpSet& ops) {
  TextReader reader(text);
  NamedValues values;
  reader.expect_word("path");
  reader.expect("{");
  Path path{.graph = read_graph(reader, ops, values)};
  while (!reader.accept("}")) {
    reader.expect_word("choose");
    Choice choice{.node = read_value(reader, values).node};
    reader.expect("=");
    choice.kernel = reader.name("a kernel");
    reader.expect_word("on");
    choice.device = reader.device();
    const std::size_t place = reader.place();
    if (reader.accept_word("bundle")) choice.bundle = reader.index();
    if (choice.bundle >= 0 && choice.device != Device{}) {
      reader.fail_at(place, "bundles run on the CPU");
    }
    path.choices.push_back(std::move(choice));
  }
  reader.expect_end();
  return path;
}

}  // namespace paceline
