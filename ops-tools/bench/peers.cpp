#include "ops-tools/bench/peers.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/settings.h"
#include "ops-tools/bench/node_modules.h"
#include "ops-tools/bench/scripts.h"
#include "worker/probe/text_files.h"

namespace paceline::bench {
namespace {

namespace fs = std::filesystem;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

bool is_program(const fs::path& path) { return ::access(path.c_str(), X_OK) == 0; }

std::vector<fs::path> programs_named(const std::string& name) {
  std::vector<fs::path> found;
  std::istringstream folders(variable("PATH"));
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (is_program(fs::path(folder) / name)) found.push_back(fs::path(folder) / name);
  }
  return found;
}

bool cpu_has(const std::string& flag) {
  const auto flags = probe::find_value("/proc/cpuinfo", "flags", ':').value_or("");
  return (" " + flags + " ").find(" " + flag + " ") != std::string::npos;
}

bool succeeds(const std::vector<std::string>& command) {
  try {
    return Subprocess::start({.command = command, .output = "/dev/null"}).wait() == 0;
  } catch (const Error&) {
    return false;
  }
}

// --- ONNX Runtime

std::vector<fs::path> libraries_below(const fs::path& modules) {
  std::vector<fs::path> found;
  const fs::path bin = modules / "onnxruntime-node/bin";
  std::error_code ignored;
  for (const auto& abi : fs::directory_iterator(bin, ignored)) {
    const fs::path file = abi.path() / "linux" /
#if defined(__aarch64__)
                          "arm64"
#else
                          "x64"
#endif
                          / "libonnxruntime.so.1";
    if (fs::exists(file, ignored)) found.push_back(file);
  }
  return found;
}

// Empty: there is none. Names without a folder are for the loader to find.
std::string find_onnx_runtime() {
  if (const std::string named = variable("ORT_LIB"); !named.empty()) return named;
  for (const char* name : {"libonnxruntime.so.1", "libonnxruntime.so"}) {
    if (is_loadable(name)) return name;
  }
  for (const fs::path& modules : node_module_folders()) {
    const auto found = libraries_below(modules);
    if (!found.empty()) return found.front().string();
  }
  return "";
}

// What an expert would hand to ONNX Runtime in place of NAME.onnx, where somebody made it:
// NAME@fused.onnx.
fs::path fused_sibling(const fs::path& model) {
  return model.parent_path() / (model.stem().string() + "@fused.onnx");
}

Peer onnx_runtime(const Task& task, const fs::path& folder) {
  Peer peer{.name = "ort", .title = "ONNX Runtime"};
  const std::string library = find_onnx_runtime();
  if (library.empty()) {
    peer.missing = fmt::format(
        "no libonnxruntime.so in ORT_LIB, on the loader's path or below {}: install it with `npm "
        "install --ignore-scripts onnxruntime-node`, or set ORT_LIB to the file",
        fmt::join(node_module_texts(), ", "));
    return peer;
  }
  nlohmann::json request = task.to_json();
  request["kind"] = "ort";
  request["library"] = library;
  for (const char* level : {"all", "extended"}) {
    request["optimisation"] = level;
    peer.forms.push_back(own_launch("ort", level, request, folder));
  }
  if (const fs::path fused = fused_sibling(task.model); fs::exists(fused)) {
    request["model"] = fused.string();
    request["optimisation"] = "all";
    peer.forms.push_back(own_launch("ort", "fused file", request, folder));
  }
  return peer;
}

// --- PyTorch

std::vector<std::string> pythons() {
  if (const auto setting = Settings::load().find("bench.python")) return {*setting};
  std::vector<std::string> found;
  for (const fs::path& path : programs_named("python3")) found.push_back(path.string());
  if (is_program("/usr/bin/python3")) found.emplace_back("/usr/bin/python3");
  return found;
}

std::string find_python(const std::vector<std::string>& candidates) {
  for (const std::string& python : candidates) {
    if (succeeds({python, "-c",
                  "import importlib.util as u, sys\n"
                  "sys.exit(any(u.find_spec(m) is None for m in ('torch', 'onnx', 'numpy')))"})) {
      return python;
    }
  }
  return "";
}

// What a careful user sets. OpenBLAS 0.3.21 takes newer CPUs for SSE3 ones, PyTorch of some
// distributions stays at AVX2, and OpenBLAS's own threads fight with OpenMP's.
std::map<std::string, std::string> torch_environment(int threads) {
  std::map<std::string, std::string> set = {{"OMP_NUM_THREADS", std::to_string(threads)},
                                            {"OPENBLAS_NUM_THREADS", std::to_string(threads)},
                                            {"MKL_NUM_THREADS", std::to_string(threads)}};
  if (cpu_has("avx512f")) {
    set["OPENBLAS_CORETYPE"] = "SkylakeX";
    set["ATEN_CPU_CAPABILITY"] = "avx512";
  }
  const std::string openmp = "/usr/lib/x86_64-linux-gnu/openblas-openmp";
  if (fs::exists(openmp)) {
    const std::string before = variable("LD_LIBRARY_PATH");
    set["LD_LIBRARY_PATH"] = before.empty() ? openmp : openmp + ":" + before;
  }
  return set;
}

Peer pytorch(const Task& task, const fs::path& folder) {
  Peer peer{.name = "torch", .title = "PyTorch"};
  const auto candidates = pythons();
  const std::string python = find_python(candidates);
  if (python.empty()) {
    peer.missing = fmt::format(
        "no Python with torch, onnx and numpy, looked at {}: install Debian's python3-torch and "
        "python3-onnx, or set PACELINE_BENCH_PYTHON to a Python that has them",
        candidates.empty() ? "PATH" : fmt::format("{}", fmt::join(candidates, ", ")));
    return peer;
  }
  const fs::path script = folder / "torch_peer.py";
  write_file_atomically(script, torch_script());
  nlohmann::json request = task.to_json();
  for (const char* form : {"eager", "jit"}) {
    request["form"] = form;
    peer.forms.push_back({.peer = "torch",
                          .form = form,
                          .command = {python, script.string(), request.dump()},
                          .environment = torch_environment(task.threads)});
  }
  return peer;
}

// --- llama.cpp

Peer llama(const Task& task, const fs::path& folder) {
  Peer peer{.name = "llama", .title = "llama.cpp"};
  const auto nodes = programs_named("node");
  fs::path modules;
  for (const fs::path& candidate : node_module_folders()) {
    if (fs::exists(candidate / "node-llama-cpp/package.json")) {
      modules = candidate;
      break;
    }
  }
  if (nodes.empty() || modules.empty()) {
    peer.missing = fmt::format(
        "{}: install Node.js, then `npm install --ignore-scripts node-llama-cpp`, and run from "
        "there or set NODE_PATH to its node_modules",
        nodes.empty()
            ? "no node on PATH"
            : fmt::format("no node-llama-cpp below {}", fmt::join(node_module_texts(), ", ")));
    return peer;
  }
  const fs::path script = folder / "llama_peer.mjs";
  write_file_atomically(script, llama_script());
  nlohmann::json request = task.to_json();
  request["modules"] = modules.string();
  for (const bool flash : {true, false}) {
    request["flash"] = flash;
    peer.forms.push_back({.peer = "llama",
                          .form = flash ? "flash attention" : "no flash attention",
                          .command = {nodes.front().string(), script.string(), request.dump()},
                          .environment = {}});
  }
  return peer;
}

// What a peer reads, and how it is looked for.
struct Known {
  std::string name;
  std::string title;
  std::string extension;
  std::function<Peer(const Task&, const fs::path&)> find;
};

const std::vector<Known>& known_peers() {
  static const std::vector<Known> peers = {{"ort", "ONNX Runtime", ".onnx", onnx_runtime},
                                           {"torch", "PyTorch", ".onnx", pytorch},
                                           {"llama", "llama.cpp", ".gguf", llama}};
  return peers;
}

}  // namespace

const std::vector<std::string>& peer_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> found;
    for (const Known& peer : known_peers()) found.push_back(peer.name);
    return found;
  }();
  return names;
}

bool reads(const std::string& name, const fs::path& model) {
  return std::ranges::any_of(known_peers(), [&](const Known& peer) {
    return peer.name == name && peer.extension == model.extension();
  });
}

Peer find_peer(const std::string& name, const Task& task, const fs::path& folder) {
  const auto known = std::ranges::find(known_peers(), name, &Known::name);
  check(known != known_peers().end(), "a peer that is known");
  if (reads(name, task.model)) return known->find(task, folder);
  return {.name = name,
          .title = known->title,
          .forms = {},
          .missing = fmt::format("it reads {} files: {}", known->extension, task.model.string())};
}

Launch own_launch(const std::string& peer, const std::string& form, const nlohmann::json& request,
                  const fs::path& folder) {
  static int count = 0;
  const fs::path file = folder / fmt::format("request-{}.json", ++count);
  write_file_atomically(file, request.dump());
  std::vector<std::string> command;
  std::ifstream line("/proc/self/cmdline");
  for (std::string word; std::getline(line, word, '\0');) command.push_back(word);
  command.front() = fs::read_symlink("/proc/self/exe").string();
  command.insert(command.end(), {"--contestant", file.string()});
  // Libraries leave files of their own behind: ONNX Runtime's telemetry does.
  return {.peer = peer,
          .form = form,
          .command = std::move(command),
          .environment = {{"TMPDIR", folder.string()}}};
}

}  // namespace paceline::bench
