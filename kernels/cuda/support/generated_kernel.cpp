#include "kernels/cuda/support/generated_kernel.h"

#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string_view>
#include <thread>

#include "common/base/digest.h"
#include "common/base/error.h"
#include "common/base/file.h"
#include "kernels/cuda/libraries/nvrtc.h"
#include "kernels/cuda/runtime/errors.h"

namespace paceline::kernels::cuda {
namespace {

constexpr std::string_view mark = "paceline generated cubin 1 ";

std::string digest_of(std::string_view bytes) {
  return Hasher("generated-cubin/1").add(bytes).finish().to_string();
}

std::filesystem::path path_of(const Digest& name) {
  return user_data_folder() / "generated" / (name.to_string() + ".cubin");
}

// A file that is not what was written is as good as none.
std::optional<std::string> kept_code(const Digest& name) {
  try {
    if (!std::filesystem::exists(path_of(name))) return std::nullopt;
    const std::string file = read_text_file(path_of(name));
    const std::size_t head = mark.size() + 32 + 1;
    if (file.size() < head || !file.starts_with(mark)) return std::nullopt;
    std::string code = file.substr(head);
    if (file.substr(mark.size(), 32) != digest_of(code)) return std::nullopt;
    return code;
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

// Without a place to write to, code is compiled anew in the next program.
void keep_code(const Digest& name, const std::string& code) {
  try {
    std::filesystem::create_directories(path_of(name).parent_path());
    write_file_atomically(path_of(name), fmt::format("{}{}\n{}", mark, digest_of(code), code));
  } catch (const std::exception&) {  // The module has no log.
  }
}

class Code final : public GeneratedKernel {
 public:
  Code(std::string text, const Digest& name) : text_(std::move(text)), name_(name) {}

  const void* function() override {
    const void* known = kernel_.load(std::memory_order_acquire);
    return known != nullptr ? known : wait();
  }

  void make() {
    std::string code, failure;
    try {
      if (auto kept = kept_code(name_)) {
        code = std::move(*kept);
      } else {
        code = compile_for_gpu(text_);
        keep_code(name_, code);
      }
    } catch (const std::exception& error) {
      failure = error.what();
    }
    finish(std::move(code), std::move(failure));
  }

  void fail(std::string why) { finish({}, std::move(why)); }

 private:
  void finish(std::string code, std::string failure) {
    const std::lock_guard lock(mutex_);
    code_ = std::move(code);
    failure_ = std::move(failure);
    is_done_ = true;
    done_.notify_all();
  }

  const void* wait() {
    std::unique_lock lock(mutex_);
    done_.wait(lock, [&] { return is_done_; });
    if (!failure_.empty()) throw unavailable("{}", failure_);
    if (kernel_.load() == nullptr) load();
    return kernel_.load();
  }

  void load() {
    cudaLibrary_t library = nullptr;
    check_cuda(
        cudaLibraryLoadData(&library, code_.data(), nullptr, nullptr, 0, nullptr, nullptr, 0),
        "a generated kernel");
    cudaKernel_t kernel = nullptr;
    check_cuda(cudaLibraryGetKernel(&kernel, library, "fused"), "a generated kernel");
    kernel_.store(reinterpret_cast<const void*>(kernel), std::memory_order_release);
  }

  const std::string text_;
  const Digest name_;
  std::mutex mutex_;
  std::condition_variable done_;
  bool is_done_ = false;
  std::string code_, failure_;
  std::atomic<const void*> kernel_ = nullptr;
};

// The one thread that compiles, once it is needed. A program that ends waits for what it is at: the
// compiler's own statics are destroyed after that.
class Compiler {
 public:
  static Compiler& instance() {
    static Compiler* one = new Compiler;
    return *one;
  }

  std::shared_ptr<Code> ask(const std::string& text) {
    const Digest name =
        Hasher("generated-kernel/1").add(nvrtc_library().version).add("sm_90a").add(text).finish();
    const std::lock_guard lock(mutex_);
    std::shared_ptr<Code>& code = known_[name];
    if (code == nullptr) {
      code = std::make_shared<Code>(text, name);
      if (stops_) {
        code->fail("no generated kernel: the program ends");
        return code;
      }
      waiting_.push_back(code);
      wake_.notify_one();
    }
    return code;
  }

 private:
  // After nvrtc was loaded (`ask` names its version), so that this handler runs before its own.
  Compiler() : thread_([this] { work(); }) {
    std::atexit([] { instance().stop(); });
  }

  void work() {
    for (;;) {
      std::shared_ptr<Code> next;
      {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [&] { return stops_ || !waiting_.empty(); });
        if (stops_) break;
        next = waiting_.front();
        waiting_.pop_front();
      }
      next->make();
    }
    const std::lock_guard lock(mutex_);
    for (const auto& code : waiting_) code->fail("no generated kernel: the program ends");
    waiting_.clear();
  }

  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stops_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::map<Digest, std::shared_ptr<Code>> known_;
  std::deque<std::shared_ptr<Code>> waiting_;
  bool stops_ = false;
  std::thread thread_;  // The last: it uses the others.
};

}  // namespace

std::shared_ptr<GeneratedKernel> generate_kernel(const std::string& text) {
  return Compiler::instance().ask(text);
}

}  // namespace paceline::kernels::cuda
