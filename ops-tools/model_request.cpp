#include "ops-tools/model_request.h"

#include <CLI/CLI.hpp>
#include <cmath>

#include "common/base/error.h"
#include "common/base/time.h"
#include "common/ops/all_ops.h"
#include "kernels/all_kernels.h"
#include "worker/dispatch/planner.h"
#include "worker/generate/greedy.h"
#include "worker/probe/probe.h"

namespace paceline {

void ModelRequest::add_form_to(CLI::App& command) {
  command.add_option("--form", form, "forward, or generate: as `generate` runs it")
      ->check(CLI::IsMember({"forward", "generate"}))
      ->capture_default_str();
}

void ModelRequest::add_to(CLI::App& command) {
  command
      .add_option("model", model,
                  "A Hugging Face directory, an .onnx or .gguf file, or a graph in text form")
      ->required();
  command.add_option("--bind", bindings, "SYMBOL=NUMBER, as in N=128; may be repeated")
      ->allow_extra_args(false);
  store.add_to(command);
  command.add_option("--dtype", dtype,
                     "Element type of weights: f32, bf16 or f16 (default: as published)");
  command
      .add_option("--fix", fixed_inputs,
                  "NAME=F.safetensors: an ONNX file's input whose value is known beforehand, as "
                  "what a shape is made of must be; may be repeated")
      ->allow_extra_args(false);
  command
      .add_option("--device", device, "cpu, cuda:K, or auto: both, as was measured to be fastest")
      ->capture_default_str();
  command.add_option("--tolerance", tolerance, "Largest relative error of a kernel")
      ->capture_default_str();
  command.add_option("--on-miss", on_miss, "For what nobody measured: estimate, measure or fail")
      ->capture_default_str();
  command.add_option("--threads", threads, "Threads that kernels may use")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  command.add_flag("--no-search", no_search,
                   "Only choose kernels for the graph as it stands, no equivalent ones");
  command.add_option("--search-nodes", search_nodes, "Most terms that rules may add to a region")
      ->capture_default_str();
  command.add_option("--search-seconds", search_seconds, "Most time for the rules of a region")
      ->capture_default_str();
  command.add_option("--plan-cache", plan_cache,
                     "Folder for compiled plans, or none (default: in the user's data folder)");
  command.add_flag("--json", json, "One JSON document on standard output");
}

namespace {

// The tensor of that name, or the only one.
Tensor read_fixed(const std::string& name, const std::string& file) {
  const TensorMap tensors = read_safetensors(file).tensors;
  const auto named = tensors.find(name);
  if (named != tensors.end()) return named->second;
  if (tensors.size() == 1) return tensors.begin()->second;
  throw invalid("--fix {}={}: the file has {} tensors, and none is called {}", name, file,
                tensors.size(), name);
}

TensorMap read_all_fixed(const std::vector<std::string>& texts) {
  TensorMap fixed;
  for (const std::string& text : texts) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == text.size()) {
      throw invalid("--fix takes NAME=F.safetensors: {}", text);
    }
    const std::string name = text.substr(0, equals);
    if (!fixed.emplace(name, read_fixed(name, text.substr(equals + 1))).second) {
      throw invalid("--fix gives an input twice: {}", name);
    }
  }
  return fixed;
}

}  // namespace

Model ModelRequest::load(ModelForm form, bool picks) const {
  ModelOptions options{.form = form, .fixed_inputs = read_all_fixed(fixed_inputs)};
  if (!dtype.empty()) {
    options.dtype = parse_dtype(dtype);
    if (!options.dtype || !is_float(*options.dtype)) {
      throw invalid("--dtype takes f32, f16, bf16 or f64: {}", dtype);
    }
  }
  Model loaded = load_model(model, options);
  if (form == ModelForm::generate && picks && DeviceSet::parse(device).cuda) {
    loaded.graph = greedy_form(loaded.graph, ops::all_ops());
  }
  return loaded;
}

Model ModelRequest::load() const {
  if (form != "generate") return load(ModelForm::forward);
  Model loaded = load(ModelForm::generate);
  loaded.graph = form_for(loaded.graph, ops::all_ops(), bound());
  return loaded;
}

std::span<const Kernel> ModelRequest::kernels() const {
  return kernels::kernels_on(DeviceSet::parse(device));
}

GraphDispatcher::Options ModelRequest::dispatch_options() const {
  const DeviceSet devices = DeviceSet::parse(device);
  kernels();  // For what it throws.
  if (!std::isfinite(tolerance) || tolerance <= 0) {
    throw invalid("--tolerance takes a number above 0, as in 1e-4: {}", tolerance);
  }
  if (search_nodes < 1) {
    throw invalid("--search-nodes takes at least 1 (--no-search turns it off): {}", search_nodes);
  }
  const std::size_t usable = usable_cpus().size();
  if (threads > static_cast<int>(usable)) {
    throw invalid("--threads takes at most the {} hardware threads that this process may use: {}",
                  usable, threads);
  }
  if (!(search_seconds > 0)) {
    throw invalid("--search-seconds takes more than 0 (--no-search turns it off): {}",
                  search_seconds);
  }
  return {.choose = {.tolerance = tolerance,
                     .on_miss = parse_on_miss(on_miss),
                     .cuda_index = devices.cuda.value_or(0)},
          .threads = threads,
          // Decode weights that stay in a GPU's L2 while they are measured lie by factors.
          .regime = devices.cuda ? Regime::cold : Regime::hot,
          .search = {.enabled = !no_search,
                     .budget = {.nodes = search_nodes, .seconds = search_seconds, .clock = [] {
                                  return 1e-9 * static_cast<double>(monotonic_ns());
                                }}}};
}

namespace {

// Requires: not "none".
std::filesystem::path plan_folder(const std::string& plan_cache) {
  return plan_cache.empty() ? default_plan_folder() : std::filesystem::path(plan_cache);
}

}  // namespace

std::optional<PlanCache> ModelRequest::open_plan_cache() const {
  if (plan_cache == "none") return std::nullopt;
  return PlanCache(plan_folder(plan_cache));
}

std::shared_ptr<PackedCache> ModelRequest::open_packed_cache() const {
  if (plan_cache == "none") return nullptr;
  return std::make_shared<PackedCache>(plan_folder(plan_cache) / "packed");
}

void require_bound(const Graph& graph, const Bindings& bindings) {
  for (const std::string& symbol : graph.symbols()) {
    if (!bindings.contains(symbol)) {
      throw invalid("symbol {} is not bound: give --bind {}=NUMBER", symbol, symbol);
    }
  }
}

}  // namespace paceline
