#include "ops-tools/bench/onnx_runtime.h"

#include <array>
#include <cstring>
#include <utility>

#include <dlfcn.h>

#include "common/base/error.h"

namespace paceline::bench {
namespace {

// OrtApi is a table of function pointers that grows at its end alone; these are places in it, as
// onnxruntime_c_api.h publishes them.
enum class Entry : std::size_t {
  get_error_message = 2,
  create_env = 3,
  disable_telemetry_events = 6,
  create_session = 7,
  run = 9,
  create_session_options = 10,
  set_session_execution_mode = 13,
  set_session_graph_optimization_level = 23,
  set_intra_op_num_threads = 24,
  session_get_input_count = 30,
  session_get_output_count = 31,
  session_get_input_name = 36,
  session_get_output_name = 37,
  create_tensor_with_data_as_value = 49,
  get_tensor_mutable_data = 51,
  get_tensor_element_type = 60,
  get_dimensions_count = 61,
  get_dimensions = 62,
  get_tensor_type_and_shape = 65,
  create_cpu_memory_info = 69,
  get_allocator_with_default_options = 78,
};

struct ApiBase {
  void* const* (*get_api)(std::uint32_t version);
  const char* (*get_version)();
};

constexpr std::uint32_t api_version = 16;
constexpr int log_errors = 3;        // ORT_LOGGING_LEVEL_ERROR
constexpr int sequential = 0;        // ORT_SEQUENTIAL
constexpr int device_allocator = 0;  // OrtDeviceAllocator
constexpr int default_memory = 0;    // OrtMemTypeDefault

// ONNXTensorElementDataType.
constexpr std::array<std::pair<Dtype, int>, 9> element_types = {{{Dtype::f32, 1},
                                                                 {Dtype::u8, 2},
                                                                 {Dtype::i8, 3},
                                                                 {Dtype::i32, 6},
                                                                 {Dtype::i64, 7},
                                                                 {Dtype::boolean, 9},
                                                                 {Dtype::f16, 10},
                                                                 {Dtype::f64, 11},
                                                                 {Dtype::bf16, 16}}};

int element_type_of(Dtype dtype) {
  for (const auto& [ours, theirs] : element_types) {
    if (ours == dtype) return theirs;
  }
  throw unsupported("ONNX Runtime has no element type for {}", to_string(dtype));
}

Dtype dtype_of_element(int type) {
  for (const auto& [ours, theirs] : element_types) {
    if (theirs == type) return ours;
  }
  throw unsupported("an output of ONNX Runtime has an element type that is unknown here: {}", type);
}

}  // namespace

// Handles are kept until the process ends: it lives for one model.
struct OnnxRuntime::Impl {
  template <typename... Args>
  void call(Entry entry, Args... arguments) const {
    void* status = reinterpret_cast<void* (*)(Args...)>(at(entry))(arguments...);
    if (status == nullptr) return;
    const char* message =
        reinterpret_cast<const char* (*)(const void*)>(at(Entry::get_error_message))(status);
    throw unsupported("ONNX Runtime: {}", message);
  }
  void* at(Entry entry) const { return api[static_cast<std::size_t>(entry)]; }

  std::vector<std::string> names(Entry count_entry, Entry name_entry) const {
    std::size_t count = 0;
    call(count_entry, static_cast<const void*>(session), &count);
    std::vector<std::string> result;
    for (std::size_t i = 0; i < count; ++i) {
      char* name = nullptr;
      call(name_entry, static_cast<const void*>(session), i, allocator, &name);
      result.emplace_back(name);
    }
    return result;
  }

  Tensor output(void* value) const {
    void* info = nullptr;
    call(Entry::get_tensor_type_and_shape, static_cast<const void*>(value), &info);
    const void* shape = info;
    int type = 0;
    std::size_t rank = 0;
    call(Entry::get_tensor_element_type, shape, &type);
    call(Entry::get_dimensions_count, shape, &rank);
    Extents extents(rank);
    call(Entry::get_dimensions, shape, extents.data(), rank);
    void* data = nullptr;
    call(Entry::get_tensor_mutable_data, value, &data);
    Tensor tensor(dtype_of_element(type), extents);
    std::memcpy(tensor.data(), data, tensor.size_bytes());
    return tensor;
  }

  ApiBase* base = nullptr;
  void* const* api = nullptr;
  void* environment = nullptr;
  void* session = nullptr;
  void* memory = nullptr;
  void* allocator = nullptr;
  TensorMap fed;
  std::vector<std::string> input_names;
  std::vector<std::string> output_names;
  std::vector<const char*> input_keys;
  std::vector<const char*> output_keys;
  std::vector<const void*> inputs;
  std::vector<void*> outputs;
};

OnnxRuntime::OnnxRuntime(const std::filesystem::path& library) : impl_(std::make_unique<Impl>()) {
  void* handle = ::dlopen(library.c_str(), RTLD_NOW);
  if (handle == nullptr) throw unavailable("ONNX Runtime does not load: {}", ::dlerror());
  const auto get_base = reinterpret_cast<ApiBase* (*)()>(::dlsym(handle, "OrtGetApiBase"));
  if (get_base == nullptr) throw unavailable("no library of ONNX Runtime: {}", library.string());
  impl_->base = get_base();
  impl_->api = impl_->base->get_api(api_version);
  if (impl_->api == nullptr) {
    throw unavailable("ONNX Runtime must be 1.{} or newer: {}", api_version, version());
  }
  impl_->call(Entry::create_env, log_errors, "paceline", &impl_->environment);
  impl_->call(Entry::disable_telemetry_events, static_cast<const void*>(impl_->environment));
  impl_->call(Entry::create_cpu_memory_info, device_allocator, default_memory, &impl_->memory);
  impl_->call(Entry::get_allocator_with_default_options, &impl_->allocator);
}

OnnxRuntime::~OnnxRuntime() = default;

std::string OnnxRuntime::version() const { return impl_->base->get_version(); }

void OnnxRuntime::load(const std::filesystem::path& model, int threads, Optimisation level) {
  void* options = nullptr;
  impl_->call(Entry::create_session_options, &options);
  impl_->call(Entry::set_session_execution_mode, options, sequential);
  impl_->call(Entry::set_session_graph_optimization_level, options, static_cast<int>(level));
  impl_->call(Entry::set_intra_op_num_threads, options, threads);
  impl_->call(Entry::create_session, static_cast<const void*>(impl_->environment), model.c_str(),
              static_cast<const void*>(options), &impl_->session);
  impl_->input_names = impl_->names(Entry::session_get_input_count, Entry::session_get_input_name);
  impl_->output_names =
      impl_->names(Entry::session_get_output_count, Entry::session_get_output_name);
  for (const std::string& name : impl_->input_names) impl_->input_keys.push_back(name.c_str());
  for (const std::string& name : impl_->output_names) impl_->output_keys.push_back(name.c_str());
  impl_->outputs.assign(impl_->output_names.size(), nullptr);
}

void OnnxRuntime::feed(const TensorMap& inputs) {
  impl_->fed = inputs;
  impl_->inputs.clear();
  for (const std::string& name : impl_->input_names) {
    const auto found = impl_->fed.find(name);
    if (found == impl_->fed.end()) {
      throw invalid("ONNX Runtime asks for an input that is not given: {}", name);
    }
    const Tensor& tensor = found->second;
    void* value = nullptr;
    impl_->call(Entry::create_tensor_with_data_as_value, static_cast<const void*>(impl_->memory),
                tensor.data(), tensor.size_bytes(), tensor.extents().data(),
                tensor.extents().size(), element_type_of(tensor.dtype()), &value);
    impl_->inputs.push_back(value);
  }
}

void OnnxRuntime::run() {
  impl_->call(Entry::run, impl_->session, static_cast<const void*>(nullptr),
              impl_->input_keys.data(), impl_->inputs.data(), impl_->inputs.size(),
              impl_->output_keys.data(), impl_->outputs.size(), impl_->outputs.data());
}

TensorMap OnnxRuntime::outputs() const {
  TensorMap outputs;
  for (std::size_t i = 0; i < impl_->outputs.size(); ++i) {
    outputs.emplace(impl_->output_names[i], impl_->output(impl_->outputs[i]));
  }
  return outputs;
}

}  // namespace paceline::bench
