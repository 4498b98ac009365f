// print_source_digest ROOT FILE COMPILER: the digest of one source, as the kernel catalogue has it.

#include <exception>
#include <iostream>

#include "cmake/tools/source_digest.h"

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: print_source_digest ROOT FILE COMPILER\n";
    return 2;
  }
  try {
    std::cout << paceline::build::source_digest(argv[1], argv[2], argv[3]) << "\n";
  } catch (const std::exception& error) {
    std::cerr << argv[2] << ": " << error.what() << "\n";
    return 1;
  }
}
