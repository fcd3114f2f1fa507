"""What the scenario tests share: one private state and work folder per test, the programs under test, checks that say
what was expected. Standard library only. A scenario file calls main() with its functions; each runs in a fresh place."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import traceback

BIN = pathlib.Path(os.environ.get("BOXAGNTS_BIN", "build/release/bin")).resolve()
TOOLS = pathlib.Path(os.environ.get("BOXAGNTS_TOOLS", BIN / "../share/boxagnts/tools")).resolve()
HOSTILE = pathlib.Path(os.environ.get("BOXAGNTS_HOSTILE", BIN / "../share/boxagnts/hostile")).resolve()
BOXAGNTS = str(BIN / "boxagnts")


class Place:
    """A temporary home: state, cache, config and work folder of one test."""

    def __init__(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="bx-scenario-"))
        self.work = self.root / "work"
        self.work.mkdir()
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(("ANTHROPIC_", "OPENAI_", "GEMINI_", "XDG_"))}
        # the cache is shared between tests on purpose: compiling is not what they test; its key is of the state folder,
        # so the install key is shared too
        self.env |= {"HOME": str(self.root), "BOXAGNTS_STATE": str(self.root / "state"), "NO_COLOR": "1",
                     "XDG_CONFIG_HOME": str(self.root / "config"), "XDG_CACHE_HOME": str(self.root / "cache"),
                     "XDG_DATA_HOME": str(self.root / "data")}

    def close(self):
        subprocess.run(["chmod", "-R", "u+rwX", str(self.root)], check=False)
        shutil.rmtree(self.root, ignore_errors=True)

    def run(self, *args, stdin=None, code=None, env=None, timeout=60, cwd=None):
        p = subprocess.run([BOXAGNTS, *map(str, args)], input=stdin, capture_output=True, text=True, errors="replace",
                           env={**self.env, **(env or {})}, cwd=cwd or self.work, timeout=timeout)
        if code is not None and p.returncode != code:
            raise AssertionError(f"exit {p.returncode}, expected {code}: boxagnts {' '.join(map(str, args))}\n"
                                 f"stdout: {p.stdout[-800:]}\nstderr: {p.stderr[-800:]}")
        return p

    def script(self, *lines, name="script.jsonl"):
        path = self.root / name
        path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
        return f"script:{path}"

    def run_json(self, *args, code=None, **kw):
        p = self.run("run", "--output", "json", *args, code=code, **kw)
        return json.loads(p.stdout)

    def exec(self, module, *args, flags=(), code=None, **kw):
        """Runs a hostile guest; gives the process and its receipt."""
        receipt = self.root / "receipt.json"
        receipt.unlink(missing_ok=True)
        wasm = module if str(module).endswith(".wasm") else HOSTILE / f"{module}.wasm"
        p = self.run("exec", "--receipt", receipt, *flags, wasm, "--", *args, code=code, **kw)
        return p, json.loads(receipt.read_text()) if receipt.exists() else None

    def verify(self):
        """The journal verifies and the ledger sums."""
        self.run("journal", "verify", code=0)
        self.run("budget", "show", "--check", code=0)


def expect(claim, *evidence):
    if not claim:
        raise AssertionError("expected otherwise: " + " | ".join(str(e)[-800:] for e in evidence))


def call(tool, **input_):
    return {"tool": tool, "input": input_}


def main(*scenarios):
    only = sys.argv[1:]
    failed = 0
    for scenario in scenarios:
        if only and scenario.__name__ not in only:
            continue
        place = Place()
        try:
            scenario(place)
            print(f"ok   {scenario.__name__}", flush=True)
        except Exception:  # noqa: BLE001 - every failure is reported and the next scenario still runs
            failed += 1
            print(f"FAIL {scenario.__name__}\n{traceback.format_exc()}  again: {sys.argv[0]} {scenario.__name__}", flush=True)
        finally:
            place.close()
    print(f"{len(scenarios) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)
