// No configuration crashes the importer: it is refused, or fits the weights of a small model.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "common/base/error.h"
#include "common/models/hugging_face.h"
#include "tests/common/models/made_checkpoint.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const paceline::Checkpoint checkpoint = paceline::test::made_checkpoint({});
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const paceline::Config config = paceline::Config::parse(text, "fuzz");
    for (const auto form : {paceline::ModelForm::forward, paceline::ModelForm::generate}) {
      paceline::build_hugging_face(config, checkpoint, {.form = form, .dtype = {}});
    }
  } catch (const paceline::Error& error) {
    if (error.kind() == paceline::ErrorKind::internal) throw;
  }
  return 0;
}
