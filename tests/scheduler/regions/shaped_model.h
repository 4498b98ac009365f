#pragma once

#include <string>
#include <vector>

#include "common/graph/graph.h"
#include "common/models/model.h"

namespace paceline::test {

// A decoder as its configuration describes it, without memory for weights of its own.
struct DecoderSizes {
  std::string family = "qwen3";  // Or "gemma3_text".
  int hidden = 1024;
  int heads = 16;
  int key_heads = 8;
  int head_dim = 128;
  int intermediate = 3072;
  int vocabulary = 512;
  std::vector<std::string> layers;  // "full_attention", "sliding_attention".
};
Graph shaped_decoder(const DecoderSizes& sizes, ModelForm form = ModelForm::forward);

DecoderSizes qwen3_0_6b(int layers);
DecoderSizes small_gemma3(int periods);  // Of five sliding layers and a global one.

}  // namespace paceline::test
