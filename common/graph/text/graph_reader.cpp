#include "common/graph/text/names.h"
#include "common/graph/text/writer.h"

namespace paceline {

namespace {

class GraphReader {
 public:
  GraphReader(TextReader& reader, const OpSet& ops, NamedValues& values)
      : reader_(reader), ops_(ops), builder_(ops), values_(values) {}

  Graph read() {
    reader_.expect_word("graph");
    const std::size_t start = reader_.place();
    builder_ = GraphBuilder(ops_, reader_.quoted("the graph's name in quotes"));
    reader_.expect("{");
    while (!reader_.accept("}")) statement();
    return reader_.located(start, [&] { return builder_.finish(); });
  }

 private:
  struct Declaration {
    std::string value;  // What later statements call it.
    std::string label;
    std::size_t place;
  };

  void statement() {
    if (reader_.accept_word("input")) return named(&GraphBuilder::input);
    if (reader_.accept_word("weight")) return named(&GraphBuilder::weight);
    if (reader_.accept_word("state")) return named(&GraphBuilder::state);
    if (reader_.accept_word("constant")) return constant();
    if (reader_.accept_word("output")) return output();
    if (reader_.accept_word("update")) return update();
    op();
  }

  // `scores`, `"fc.weight"`, `%5` without a label, `%5 "scores"`.
  Declaration declaration() {
    Declaration declared{.place = reader_.place()};
    if (reader_.next_is('%')) {
      declared.value = reader_.word("a name");
      if (reader_.next_is('"')) declared.label = reader_.quoted("a label");
    } else {
      declared.label = reader_.name("a name");
      declared.value = name_text(declared.label);
    }
    return declared;
  }

  void define(const std::string& name, std::size_t place, ValueRef value) {
    if (values_.emplace(name, value).second) return;
    reader_.fail_at(place, fmt::format("{} is defined before", name));
  }

  void named(Value (GraphBuilder::*add)(std::string, TensorType)) {
    const Declaration declared = declaration();
    reader_.expect(":");
    const TensorType type = reader_.type();
    const Value value =
        reader_.located(declared.place, [&] { return (builder_.*add)(declared.label, type); });
    define(declared.value, declared.place, value.ref());
  }

  void constant() {
    const Declaration declared = declaration();
    reader_.expect(":");
    const TensorType type = reader_.type();
    reader_.expect("=");
    define(declared.value, declared.place,
           builder_.constant(reader_.constant(type), declared.label).ref());
  }

  void output() {
    const std::string name = reader_.name("an output's name");
    reader_.expect("=");
    builder_.output(name, value());
  }

  void update() {
    const Value state = value();
    reader_.expect("=");
    builder_.update(state, value());
  }

  void op() {
    const Declaration declared = declaration();
    std::vector<std::pair<std::string, std::size_t>> names = {{declared.value, declared.place}};
    while (reader_.accept(",")) {
      const std::size_t place = reader_.place();
      names.emplace_back(read_value_name(reader_), place);
    }
    reader_.expect("=");
    const std::vector<Value> outputs = call(declared);
    if (outputs.size() != names.size()) {
      reader_.fail_at(declared.place, fmt::format("one name an output: {} for {} outputs",
                                                  names.size(), outputs.size()));
    }
    for (std::size_t i = 0; i < names.size(); ++i) {
      define(names[i].first, names[i].second, outputs[i].ref());
    }
  }

  std::vector<Value> call(const Declaration& declared) {
    const std::size_t place = reader_.place();
    const std::string name = reader_.identifier("an op");
    const Op& op = *reader_.located(place, [&] { return &ops_.get(name); });
    std::vector<Value> inputs;
    Attributes attributes;
    reader_.list("(", ")", [&] {
      if (reader_.next_is_attribute()) return reader_.attribute(op, attributes);
      inputs.push_back(value());
    });
    return reader_.located(
        place, [&] { return builder_.multi(op.name, inputs, attributes, declared.label); });
  }

  Value value() { return {&builder_, read_value(reader_, values_)}; }

  TextReader& reader_;
  const OpSet& ops_;
  GraphBuilder builder_;
  NamedValues& values_;
};

}  // namespace

Graph read_graph(TextReader& reader, const OpSet& ops, NamedValues& values) {
  return GraphReader(reader, ops, values).read();
}

Graph parse_graph(std::string_view text, const OpSet& ops) {
  TextReader reader(text);
  NamedValues values;
  Graph graph = read_graph(reader, ops, values);
  reader.expect_end();
  return graph;
}

}  // namespace paceline
