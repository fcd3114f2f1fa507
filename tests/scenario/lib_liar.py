"""A whole installation with another program in the agent's (or the worker's) place: copies of the others beside it, because a program
of ours is looked for beside `boxagnts`."""
import json
import os
import pathlib
import shutil
import subprocess
import sys

from common import BIN, TOOLS

HERE = pathlib.Path(__file__).parent


class Liar:
    def __init__(self, p, agent="lib_liar_agent.py", without=()):
        self.p = p
        self.bin = p.root / "bin"
        self.bin.mkdir()
        for name in ("boxagnts", "boxagnts-worker", "boxagnts-compile", "boxagnts-egress", "boxagnts-agent"):
            if name not in without:
                shutil.copy(BIN / name, self.bin / name)
        if agent:
            text = (HERE / agent).read_text()
            (self.bin / "boxagnts-agent").write_text(f"#!{os.path.realpath(sys.executable)} -IS\n{text}")
        shutil.copytree(TOOLS, p.root / "share/boxagnts/tools")

    def run(self, *args, env=None, stdin=None, timeout=60):
        return subprocess.run([str(self.bin / "boxagnts"), *map(str, args)], input=stdin, capture_output=True, text=True, errors="replace",
                              env={**self.p.env, **(env or {})}, cwd=self.p.work, timeout=timeout)

    def lie(self, prompt, *flags, model=None, output="json"):
        """Gives the process and its object."""
        model = model or self.p.script(*[{"text": f"t{i}"} for i in range(500)])
        p = self.run("run", "--model", model, "--output", output, "--permission-mode", "acceptEdits", *flags, prompt)
        return p, json.loads(p.stdout) if output == "json" and p.stdout.strip() else None

    def rows(self):
        p = self.run("journal", "show", "--json")
        return [json.loads(line) for line in p.stdout.splitlines()]

    def rows_of(self, kind):
        """The journal's rows of one kind, from the export, where each row names its kind."""
        p = self.run("journal", "export")
        rows = [json.loads(line) for line in p.stdout.splitlines()]
        return [row["body"] for row in rows if row.get("kind") == kind]
