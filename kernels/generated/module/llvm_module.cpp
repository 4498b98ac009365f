#include "kernels/generated/module/llvm_module.h"

#include <llvm/Analysis/CGSCCPassManager.h>
#include <llvm/Analysis/LoopAnalysisManager.h>
#include <llvm/AsmParser/Parser.h>
#include <llvm/ExecutionEngine/Orc/LLJIT.h>
#include <llvm/IR/LLVMContext.h>
#include <llvm/IR/LegacyPassManager.h>
#include <llvm/IR/Module.h>
#include <llvm/IR/Verifier.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/Passes/PassBuilder.h>
#include <llvm/Support/MemoryBuffer.h>
#include <llvm/Support/SourceMgr.h>
#include <llvm/Support/TargetSelect.h>
#include <llvm/Target/TargetMachine.h>
#include <llvm/TargetParser/Host.h>
#include <llvm/TargetParser/SubtargetFeature.h>

#include <cstring>
#include <memory>
#include <string>

namespace {

// To be raised with every change to how text becomes an object below.
constexpr const char* way = "way 1";

void tell(const std::string& message, char* error, std::size_t error_bytes) {
  if (error_bytes == 0) return;
  const std::size_t count = std::min(message.size(), error_bytes - 1);
  std::memcpy(error, message.data(), count);
  error[count] = '\0';
}

std::string host_features() {
  llvm::SubtargetFeatures features;
  for (const auto& feature : llvm::sys::getHostCPUFeatures()) {
    features.AddFeature(feature.getKey(), feature.getValue());
  }
  return features.getString();
}

// For this machine's processor.
llvm::TargetMachine* machine() {
  static const std::unique_ptr<llvm::TargetMachine> host = [] {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
    const std::string triple = llvm::sys::getProcessTriple();
    std::string error;
    const llvm::Target* target = llvm::TargetRegistry::lookupTarget(triple, error);
    if (target == nullptr) return std::unique_ptr<llvm::TargetMachine>();
    return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(
        triple, llvm::sys::getHostCPUName(), host_features(), llvm::TargetOptions(),
        llvm::Reloc::PIC_, llvm::CodeModel::Small, llvm::CodeGenOptLevel::Default, true));
  }();
  return host.get();
}

// The text is vectors and loops already, so little is left to do.
void optimise(llvm::Module& module) {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager components;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(machine());
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, components, modules);
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O1).run(module, modules);
}

// Of memory that code is put into, and its symbols.
llvm::orc::LLJIT* jit(std::string& error) {
  static std::string reason;
  static llvm::orc::LLJIT* one = []() -> llvm::orc::LLJIT* {
    if (machine() == nullptr) {
      reason = "LLVM has no code generator for this machine";
      return nullptr;
    }
    auto made = llvm::orc::LLJITBuilder().create();
    if (made) return made->release();
    reason = llvm::toString(made.takeError());
    return nullptr;
  }();
  error = reason;
  return one;
}

}  // namespace

extern "C" {

const char* paceline_llvm_target() {
  static const std::string text = std::string(LLVM_VERSION_STRING) + " " + way + " " +
                                  llvm::sys::getHostCPUName().str() + " " + host_features();
  return text.c_str();
}

bool paceline_llvm_compile(const char* text, std::size_t text_bytes,
                           void (*sink)(void* context, const char* object, std::size_t bytes),
                           void* context, char* error, std::size_t error_bytes) {
  if (machine() == nullptr) {
    tell("LLVM has no code generator for this machine", error, error_bytes);
    return false;
  }
  llvm::LLVMContext own;
  llvm::SMDiagnostic diagnostic;
  const auto module = llvm::parseAssemblyString(llvm::StringRef(text, text_bytes), diagnostic, own);
  if (!module) {
    tell("line " + std::to_string(diagnostic.getLineNo()) + ": " + diagnostic.getMessage().str() +
             ": " + diagnostic.getLineContents().str(),
         error, error_bytes);
    return false;
  }
  module->setTargetTriple(machine()->getTargetTriple().str());
  module->setDataLayout(machine()->createDataLayout());
  optimise(*module);
  llvm::SmallVector<char, 0> object;
  llvm::raw_svector_ostream stream(object);
  llvm::legacy::PassManager passes;
  if (machine()->addPassesToEmitFile(passes, stream, nullptr, llvm::CodeGenFileType::ObjectFile)) {
    tell("LLVM gives no objects for this machine", error, error_bytes);
    return false;
  }
  passes.run(*module);
  sink(context, object.data(), object.size());
  return true;
}

void* paceline_llvm_load(const char* object, std::size_t bytes, const char* symbol, char* error,
                         std::size_t error_bytes) {
  static int count = 0;
  std::string reason;
  llvm::orc::LLJIT* const linker = jit(reason);
  if (linker == nullptr) {
    tell(reason, error, error_bytes);
    return nullptr;
  }
  const std::string name = "kernel" + std::to_string(count++);
  auto library = linker->createJITDylib(name);
  if (!library) {
    tell(llvm::toString(library.takeError()), error, error_bytes);
    return nullptr;
  }
  if (auto failed = linker->addObjectFile(
          *library, llvm::MemoryBuffer::getMemBufferCopy(llvm::StringRef(object, bytes), name))) {
    tell(llvm::toString(std::move(failed)), error, error_bytes);
    return nullptr;
  }
  auto address = linker->lookup(*library, symbol);
  if (!address) {
    tell(llvm::toString(address.takeError()), error, error_bytes);
    return nullptr;
  }
  return address->toPtr<void*>();
}
}
