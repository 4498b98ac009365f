// llama.cpp as a peer of `paceline bench`, by node-llama-cpp's prebuilt library; answers by protocol.h.
// usage: node llama_peer.mjs REQUEST    (JSON, as Task::to_json, with "flash" and "modules")
//
// "decode" is greedy, behind a short prompt, and counts what choosing the token and the binding cost:
// so does ours.
import fs from "node:fs";
import readline from "node:readline";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const say = (answer) => fs.writeSync(1, JSON.stringify(answer) + "\n");
const request = JSON.parse(process.argv[2]);

// As MemoryRise of protocol.h.
function statusBytes(key) {
  const found = fs.readFileSync("/proc/self/status", "utf8").match(new RegExp(`^${key}:\\s*(\\d+) kB`, "m"));
  return found[1] * 1024;
}
function watchMemory() {
  try {
    const resident = statusBytes("VmRSS"), file = statusBytes("RssFile");
    fs.writeFileSync("/proc/self/clear_refs", "5");
    return () => Math.max(statusBytes("VmHWM") - resident - Math.max(statusBytes("RssFile") - file, 0), 0);
  } catch {
    return () => null;  // Where the system does not tell.
  }
}

async function main() {
  const resolved = createRequire(request.modules + "/").resolve("node-llama-cpp");
  const { getLlama, LlamaLogLevel } = await import(pathToFileURL(resolved));
  const llama = await getLlama({ gpu: false, build: "never", skipDownload: true, maxThreads: request.threads,
    logLevel: LlamaLogLevel.disabled });
  const model = await llama.loadModel({ modelPath: request.model, gpuLayers: 0 });
  const contextSize = Math.max(request.prompt, request.decode_prompt + request.decoded) + 8;
  const risenBytes = watchMemory();
  const context = await model.createContext({ contextSize, batchSize: request.prompt, threads: request.threads,
    flashAttention: request.flash });
  const sequence = context.getSequence();
  const vocabulary = [...model.iterateAllTokens()].length;
  const tokens = (count) => Array.from({ length: count }, (_, i) => (i * 7919) % vocabulary);

  async function prefill() {
    await sequence.clearHistory();
    const start = performance.now();
    await sequence.evaluateWithoutGeneratingNewTokens(tokens(request.prompt));
    return (performance.now() - start) / 1e3;
  }
  async function decode(chosen) {
    await sequence.clearHistory();
    const stream = sequence.evaluate(tokens(request.decode_prompt), { temperature: 0, yieldEogToken: true });
    chosen.push((await stream.next()).value);  // Takes in the prompt.
    const start = performance.now();
    for (let i = 0; i < request.decoded; i++) chosen.push((await stream.next()).value);
    const seconds = (performance.now() - start) / 1e3 / request.decoded;
    await stream.return();
    return seconds;
  }

  const chosen = [];
  await prefill();
  await decode(chosen);
  const version = JSON.parse(fs.readFileSync(request.modules + "/node-llama-cpp/package.json")).version;
  say({ version: `(node-llama-cpp ${version})`, settings: request.flash ? "flash attention" : "no flash attention",
    activation_bytes: risenBytes(), tokens: chosen });
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const seconds = { prefill: [], decode: [] };
    for (let i = -1; i < +line.split(" ")[1]; i++) {
      const taken = [await prefill(), await decode([])];
      if (i < 0) continue;
      seconds.prefill.push(taken[0]);
      seconds.decode.push(taken[1]);
    }
    say({ seconds });
  }
  process.exit(0);
}

main().catch((error) => {
  say({ error: String(error.message ?? error).split("\n")[0] });
  process.exit(1);
});
