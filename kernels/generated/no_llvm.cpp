#include "common/base/error.h"
#include "kernels/generated/compiler.h"

// Of a program that was built without LLVM.
namespace paceline::kernels {

namespace {
constexpr const char* reason = "this program was built without LLVM 19 (package llvm-19-dev)";
}

RowFunction GeneratedCode::wait() { throw unavailable("no generated code: {}", reason); }
void GeneratedCode::finish(RowFunction, std::string) {}

std::optional<std::string> generated_code_absence() { return reason; }
std::string generated_code_version() { return ""; }
std::shared_ptr<GeneratedCode> generate(const std::string&) {
  throw unavailable("no generated code: {}", reason);
}
GeneratedCodeCounts generated_code_counts() { return {}; }

}  // namespace paceline::kernels
