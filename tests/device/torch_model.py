#!/usr/bin/env python3
"""torch_model.py FOLDER [--context N] [--prefill N,N] [--compile] [--tokens N]

Times PyTorch (transformers) on a model of make_model.py in bfloat16, batch 1: decode at a context, with a static cache,
eager or compiled with CUDA graphs, and prefill. Milliseconds, medians.
"""
import argparse, json, statistics, time
import torch
from transformers import AutoModelForCausalLM, StaticCache

parser = argparse.ArgumentParser()
parser.add_argument("folder")
parser.add_argument("--context", type=int, default=1024)
parser.add_argument("--prefill", default="1024,4096")
parser.add_argument("--tokens", type=int, default=20)
parser.add_argument("--compile", action="store_true")
arguments = parser.parse_args()

model = AutoModelForCausalLM.from_pretrained(arguments.folder, dtype=torch.bfloat16, attn_implementation="sdpa").cuda().eval()
forward = torch.compile(model, mode="reduce-overhead", fullgraph=True) if arguments.compile else model
kind = "compiled" if arguments.compile else "eager"


def timed(call):
    torch.cuda.synchronize()
    begin = time.perf_counter()
    call()
    torch.cuda.synchronize()
    return (time.perf_counter() - begin) * 1e3


with torch.inference_mode():
    for length in [int(text) for text in arguments.prefill.split(",") if text]:
        ids = torch.randint(0, 30000, (1, length), device="cuda")
        call = lambda: forward(input_ids=ids, use_cache=False, logits_to_keep=1)
        for _ in range(3):
            call()
        times = [timed(call) for _ in range(9)]
        print(json.dumps(dict(what=f"prefill {length}", kind=kind, ms=statistics.median(times), low=min(times), high=max(times))), flush=True)
    if arguments.context:
        length = arguments.context
        cache = StaticCache(config=model.config, max_cache_len=length + arguments.tokens + 8)
        ids = torch.randint(0, 30000, (1, length), device="cuda")
        model(input_ids=ids, past_key_values=cache, cache_position=torch.arange(length, device="cuda"), use_cache=True, logits_to_keep=1)
        token = torch.randint(0, 30000, (1, 1), device="cuda")
        position = torch.tensor([length], device="cuda")
        call = lambda: forward(input_ids=token, past_key_values=cache, cache_position=position, use_cache=True)
        for _ in range(4):
            call()
        times = [timed(call) for _ in range(arguments.tokens)]
        print(json.dumps(dict(what=f"decode at {length}", kind=kind, ms=statistics.median(times), low=min(times), high=max(times))), flush=True)
