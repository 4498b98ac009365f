#include <cstdio>
#include <string_view>

#include "worker/measure/child.h"

int main(int argument_count, char** arguments) {
  if (argument_count == 2 && std::string_view(arguments[1]) == "child") {
    return paceline::run_measure_child();
  }
  std::fputs("usage: paceline-worker child (started by a measuring process)\n", stderr);
  return 2;
}
