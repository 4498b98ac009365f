#include "kernels/generated/compiler.h"

#include <dlfcn.h>

#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "common/base/digest.h"
#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/subprocess.h"
#include "kernels/generated/loadable.h"
#include "kernels/generated/module/llvm_module.h"

namespace paceline::kernels {
namespace {

std::filesystem::path module_path() {
  return program_folder().parent_path() / "lib" / "libpaceline_llvm.so";
}

// The functions of the module, once it is loaded.
struct LlvmModule {
  decltype(&paceline_llvm_target) target = nullptr;
  decltype(&paceline_llvm_compile) compile = nullptr;
  decltype(&paceline_llvm_load) load = nullptr;

  // Throws `unavailable`.
  static LlvmModule open() {
    void* library = dlopen(module_path().c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) throw unavailable("no generated code: {}", dlerror());
    LlvmModule module;
    find(library, "paceline_llvm_target", module.target);
    find(library, "paceline_llvm_compile", module.compile);
    find(library, "paceline_llvm_load", module.load);
    return module;
  }

 private:
  template <typename Function>
  static void find(void* library, const char* name, Function& function) {
    function = reinterpret_cast<Function>(dlsym(library, name));
    if (function == nullptr)
      throw unavailable("no generated code: {} lacks {}", module_path().string(), name);
  }
};

constexpr std::string_view mark = "paceline generated code 1 ";

std::string digest_of(std::string_view bytes) {
  return Hasher("generated-code/1").add(bytes).finish().to_string();
}

// Objects in the user's data folder; a file that is not what was written is as good as none.
class ObjectCache {
 public:
  std::optional<std::string> find(const std::string& name) const {
    try {
      if (!std::filesystem::exists(path_of(name))) return std::nullopt;
      std::string file = read_text_file(path_of(name));
      const std::size_t head = mark.size() + 32 + 1;
      if (file.size() < head || !file.starts_with(mark)) return std::nullopt;
      std::string object = file.substr(head);
      if (file.substr(mark.size(), 32) != digest_of(object)) return std::nullopt;
      return object;
    } catch (const std::exception&) {
      return std::nullopt;
    }
  }

  // Without a place to write to, code is compiled anew in the next program.
  void keep(const std::string& name, const std::string& object) const {
    try {
      std::filesystem::create_directories(path_of(name).parent_path());
      write_file_atomically(path_of(name),
                            fmt::format("{}{}\n{}", mark, digest_of(object), object));
    } catch (const std::exception& error) {
      log::warning("generated-code-not-kept", {{"why", error.what()}});
    }
  }

 private:
  static std::filesystem::path path_of(const std::string& name) {
    return user_data_folder() / "generated" / (name + ".o");
  }
};

}  // namespace

// The one thread that compiles and links; lives as long as the program once it is needed.
class CodeCompiler {
 public:
  static CodeCompiler& instance() {
    static CodeCompiler* one = new CodeCompiler;  // Stopped at exit, before LLVM is.
    return *one;
  }

  std::shared_ptr<GeneratedCode> ask(const std::string& text) {
    const std::lock_guard lock(mutex_);
    start();
    auto& code = known_[Hasher("generated-text/1").add(text).finish()];
    if (code == nullptr) {
      code = std::make_shared<GeneratedCode>();
      if (stops_) {
        code->finish(nullptr, std::string(ending));
        return code;
      }
      queue_.emplace_back(text, code);
      wake_.notify_one();
    }
    return code;
  }

  GeneratedCodeCounts counts() {
    const std::lock_guard lock(mutex_);
    return counts_;
  }

 private:
  using Request = std::pair<std::string, std::shared_ptr<GeneratedCode>>;
  static constexpr std::string_view ending = "no generated code: the program ends";

  // Requires: the lock is held.
  void start() {
    if (stops_ || thread_.joinable()) return;
    // The program may end while LLVM is still being loaded.
    std::atexit([] { instance().stop(); });
    thread_ = std::thread([this] { serve(); });
  }

  void serve() {
    std::optional<LlvmModule> module;
    std::string failure;
    try {
      module = LlvmModule::open();
    } catch (const Error& error) {
      failure = error.what();
    }
    // Once more after LLVM's own handlers, so that it runs before them.
    std::atexit([] { instance().stop(); });
    while (auto request = next()) {
      if (!module) {
        request->second->finish(nullptr, failure);
        continue;
      }
      try {
        request->second->finish(make(*module, request->first), "");
      } catch (const std::exception& error) {
        request->second->finish(nullptr, error.what());
      }
    }
    refuse_the_rest();
  }

  // Nobody waits for what will not come.
  void refuse_the_rest() {
    const std::lock_guard lock(mutex_);
    for (const Request& request : queue_) request.second->finish(nullptr, std::string(ending));
    queue_.clear();
  }

  std::optional<Request> next() {
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [this] { return stops_ || !queue_.empty(); });
    if (stops_) return std::nullopt;
    Request request = std::move(queue_.front());
    queue_.pop_front();
    return request;
  }

  RowFunction make(const LlvmModule& module, const std::string& text) {
    const std::string name =
        Hasher("generated-object/1").add(module.target()).add(text).finish().to_string();
    char error[512] = {};
    const auto load = [&](const std::string& object) {
      return reinterpret_cast<RowFunction>(
          module.load(object.data(), object.size(), "fused", error, sizeof(error)));
    };
    if (const auto kept = cache_.find(name)) {
      if (const RowFunction function = load(*kept)) {
        count(&GeneratedCodeCounts::loaded);
        return function;
      }
    }
    std::string object;
    const auto sink = [](void* context, const char* bytes, std::size_t size) {
      static_cast<std::string*>(context)->assign(bytes, size);
    };
    if (!module.compile(text.data(), text.size(), sink, &object, error, sizeof(error))) {
      throw unavailable("generated code does not compile: {}", error);
    }
    const RowFunction function = load(object);
    if (function == nullptr) throw unavailable("generated code does not link: {}", error);
    cache_.keep(name, object);
    count(&GeneratedCodeCounts::compiled);
    return function;
  }

  void count(std::int64_t GeneratedCodeCounts::*what) {
    const std::lock_guard lock(mutex_);
    ++(counts_.*what);
  }

  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stops_ = true;
    }
    wake_.notify_one();
    if (thread_.joinable() && thread_.get_id() != std::this_thread::get_id()) thread_.join();
  }

  ObjectCache cache_;
  std::mutex mutex_;  // Guards all below.
  std::condition_variable wake_;
  std::map<Digest, std::shared_ptr<GeneratedCode>> known_;
  std::deque<Request> queue_;
  GeneratedCodeCounts counts_;
  bool stops_ = false;
  std::thread thread_;
};

RowFunction GeneratedCode::wait() {
  is_done_.wait(false, std::memory_order_acquire);
  const RowFunction function = function_.load(std::memory_order_acquire);
  if (function == nullptr) throw unavailable("{}", failure_);
  return function;
}

void GeneratedCode::finish(RowFunction function, std::string failure) {
  failure_ = std::move(failure);
  function_.store(function, std::memory_order_release);
  is_done_.store(true, std::memory_order_release);
  is_done_.notify_all();
}

std::optional<std::string> generated_code_absence() {
  static const auto absence = []() -> std::optional<std::string> {
    std::error_code error;
    if (std::filesystem::exists(module_path(), error)) return load_obstacle(module_path());
    return fmt::format("no module {}", module_path().string());
  }();
  return absence;
}

std::string generated_code_version() { return "LLVM " PACELINE_LLVM_VERSION; }

std::shared_ptr<GeneratedCode> generate(const std::string& text) {
  return CodeCompiler::instance().ask(text);
}

GeneratedCodeCounts generated_code_counts() { return CodeCompiler::instance().counts(); }

}  // namespace paceline::kernels
