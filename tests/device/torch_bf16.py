#!/usr/bin/env python3
"""torch_bf16.py FOLDER...

For each recorded model of tests/data/models: the relative error of transformers in bfloat16 on this GPU against the
recorded output, which transformers gave in float32.
"""
import os, sys
import torch
from safetensors.torch import load_file
from transformers import AutoModel, AutoModelForCausalLM

for folder in sys.argv[1:]:
    golden = load_file(os.path.join(folder, "golden.safetensors"))
    if "logits" not in golden or "input_ids" not in golden:
        continue
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16).cuda().eval()
    with torch.inference_mode():
        logits = model(input_ids=golden["input_ids"].cuda()).logits.float().cpu()
    wanted = golden["logits"].float()
    print(f"{os.path.basename(folder):12} {((logits - wanted).norm() / wanted.norm()).item():.4f}", flush=True)
