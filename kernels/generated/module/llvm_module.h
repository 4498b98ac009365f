#pragma once

#include <cstddef>

// What libpaceline_llvm.so exports: a shared object of its own, loaded on first use, so that a
// program starts without LLVM. One thread at a time. Functions that fail return false or null and
// write one line into `error`.
extern "C" {

// All that an object depends on besides its text: LLVM's version, the way this module compiles with
// it, and the processor that it compiles for: "19.1.7 way 1 sapphirerapids +avx512f,...".
const char* paceline_llvm_target();

// Compiles LLVM's text for this machine, and hands the relocatable object to `sink`.
bool paceline_llvm_compile(const char* text, std::size_t text_bytes,
                           void (*sink)(void* context, const char* object, std::size_t bytes),
                           void* context, char* error, std::size_t error_bytes);

// The address of `symbol` of a relocatable object, which stays for the life of the program.
void* paceline_llvm_load(const char* object, std::size_t bytes, const char* symbol, char* error,
                         std::size_t error_bytes);
}
