#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

// Native code made while the program runs. LLVM is in a module of its own, loaded when the first
// code is asked for. Code is compiled by a thread in the background, and kept in the user's data
// folder under the digest of its text and of all that it was compiled by and for.
namespace paceline::kernels {

// One row of a fused program: see FusedIr.
using RowFunction = void (*)(void* const* operands, std::int64_t count, float* scratch);

// Code that is or will be there. Any thread.
class GeneratedCode {
 public:
  // Waits for it, the first time. Throws `unavailable` with the reason when it failed.
  RowFunction function() {
    const RowFunction known = function_.load(std::memory_order_acquire);
    return known != nullptr ? known : wait();
  }

 private:
  friend class CodeCompiler;
  RowFunction wait();
  void finish(RowFunction function, std::string failure);

  std::atomic<RowFunction> function_ = nullptr;
  std::atomic<bool> is_done_ = false;
  std::string failure_;
};

// Why there is no generated code on this machine; nullopt when there is: the
// module and all that it needs were found. Loads nothing where they are in the loader's folders.
std::optional<std::string> generated_code_absence();
// "LLVM 19.1.7"; empty where this program was built without.
std::string generated_code_version();

// Asks for the function `fused` of this text, at once known when it was asked for before.
// Requires: generated_code_absence() is nullopt.
std::shared_ptr<GeneratedCode> generate(const std::string& text);

// How much of it was compiled, and how much came from the user's data folder.
struct GeneratedCodeCounts {
  std::int64_t compiled = 0;
  std::int64_t loaded = 0;
};
GeneratedCodeCounts generated_code_counts();

}  // namespace paceline::kernels
