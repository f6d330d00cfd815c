"""How much resident memory all that stands before the first training step takes, from ten thousand rows to a million.

Read, clean and deduplicate; audit; split; index for copies; tokens; packing: the steps of ``confess finetune``, in its
order, on the bundled base's tokenizer, each size in a process of its own. The peak is the kernel's own high-water mark;
it counts pages of mapped files, which the system takes back when it wants them, so memory of the process's own is told
beside it. The baseline is the smallest size.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import report
from benchmarks.corpus import SIZES, write

_STAGES = """
import json, re, sys, time
from pathlib import Path
import finetune.lesson, finetune.run
from finetune.base import load_tokenizer, resolve_base
from finetune.corpus import read, split
from finetune.corpus.audit import audit
from finetune.lesson import ROW_TOKENS
from finetune.progress import silent
from finetune.tokens import pack, prompt_for
from finetune.tokenset import TokenSet
from moderation.echo import EchoIndex

def status(key):
    return int(re.search(key + r":\\s+(\\d+)", open("/proc/self/status").read())[1]) * 1024 / 1e6

told = []
def stage(name, began):
    told.append([name, time.process_time() - began, status("VmHWM"), status("RssAnon")])
    return time.process_time()

work = Path(sys.argv[2])
base = resolve_base("nib")
tokenizer = load_tokenizer(base)
prompt = prompt_for(tokenizer)
at = stage("libraries", 0.0)
corpus = read([Path(sys.argv[1])])
at = stage("read", at)
corpus = audit(corpus)
at = stage("audit", at)
train, held = split(corpus.rows, 1)
at = stage("split", at)
EchoIndex.build((row.text for row in train), work / "echo")
at = stage("echo index", at)
tokens = TokenSet.of(
    train, tokenizer, prompt, work / "tokens", topics=0.5, seed=1, fingerprint="0" * 16, progress=silent
)
at = stage("tokens", at)
fitting = tokens.fitting(ROW_TOKENS)
rows = [[int(fitting[i]) for i in row] for row in pack(tokens.lengths[fitting], ROW_TOKENS, seed=1)]
at = stage("packing", at)
print(json.dumps({"rows": len(train), "tokens": int(tokens.lengths.sum()), "packed": len(rows), "stages": told}))
"""


def main() -> None:
    """Prepare each size once."""
    options = report.options(__doc__)
    names = ["10k", "100k"] if options.quick else list(SIZES)
    result = report.Report("memory", options, baseline="the smallest size")
    result.runs = "one run a size, each in a fresh process, one thread"
    rows, peaks = [], {}
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            path = Path(folder) / f"{name}.csv"
            write(path, SIZES[name])
            environment = os.environ | {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
            command = [sys.executable, "-c", _STAGES, str(path), str(Path(folder) / name)]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
            found = json.loads(done.stdout.splitlines()[-1])
            path.unlink()
            peaks[name] = found["stages"][-1][2]
            result.measure(f"peak_{name}_mb", peaks[name], "MB resident")
            result.measure(f"own_{name}_mb", found["stages"][-1][3], "MB of the process's own at the end")
            result.measure(f"tokens_{name}", found["tokens"], "tokens")
            rows += [(f"{name}: {stage}", busy, peak, own) for stage, busy, peak, own in found["stages"]]
    for name in names[1:]:
        growth = peaks[name] - peaks["10k"]
        result.measure(f"growth_10k_to_{name}_mb", growth, "MB resident")
        result.measure(f"growth_bytes_a_row_{name}", growth * 1e6 / (SIZES[name] - SIZES["10k"]), "bytes")
    result.table("After each step", ["", "seconds of processor", "peak MB", "own MB"], rows)
    result.finish()


if __name__ == "__main__":
    main()
