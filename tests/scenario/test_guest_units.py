#!/usr/bin/env python3
"""scripts/guests.sh: third-party parts are built once, apart, whole or not at all. On a copy with two small units of its own."""
import os
import pathlib
import shutil
import subprocess

from common import expect, main

TREE = pathlib.Path(os.environ.get("BOXAGNTS_SRC", pathlib.Path(__file__).parents[2]))
UNIT = 'bx_unit_key() { :; }\nbx_make_unit() { mkdir -p "$out/lib"; echo %s >"$out/lib/a"; }\n'


class Units:
    """A tree with nothing but the scripts and units of ours; a cache of its own."""

    def __init__(self, p):
        self.tree = p.root / "tree"
        self.folder = self.tree / "third_party" / "guests"
        self.folder.mkdir(parents=True)
        shutil.copytree(TREE / "scripts", self.tree / "scripts")
        (self.folder / "lock").write_text("")
        for name in ("one", "two"):
            self.write(name, UNIT % name)
        self.env = {**p.env, "CRATES": str(p.root)}

    def write(self, name, text):
        (self.folder / f"{name}.sh").write_text(text)

    def run(self, *args, code=0):
        done = subprocess.run([self.tree / "scripts" / "guests.sh", *args], env=self.env, capture_output=True, text=True,
                              timeout=60, check=False)
        expect(done.returncode == code, args, done.returncode, done.stdout, done.stderr)
        return done

    def path(self, name):
        return pathlib.Path(self.run("--path", name).stdout.strip())


def a_unit_is_built_once_and_a_damaged_one_again(p):
    u = Units(p)
    expect("one is not built" in u.run("--check", code=1).stderr, "--check says what is missing")
    u.run()
    expect((u.path("one") / "lib/a").read_text() == "one\n", list(u.path("one").rglob("*")))
    expect(u.run().stderr == "", "a second time does nothing")
    u.run("--check")
    (u.path("one") / "lib/a").write_text("bad\n")
    expect("one is not built, or damaged" in u.run("--check", code=1).stderr, "damage is seen")
    said = u.run().stderr
    expect("one: " in said and "damaged" in said and "two" not in said, said)
    expect((u.path("one") / "lib/a").read_text() == "one\n", "built again")
    u.run("--verify")


def a_change_to_one_unit_leaves_the_others(p):
    u = Units(p)
    u.run()
    before = u.path("one"), u.path("two")
    u.write("two", UNIT % "other")
    expect(u.path("one") == before[0] and u.path("two") != before[1], before)
    said = u.run().stderr
    expect("two: building" in said and "one: " not in said.replace("two: done", ""), said)


def a_build_that_fails_leaves_nothing(p):
    u = Units(p)
    u.write("two", 'bx_unit_key() { :; }\nbx_make_unit() { echo half >"$out/half"; false; echo more >"$out/more"; }\n')
    u.run("two", code=1)
    expect(not u.path("two").exists(), "no folder under the real name")
    u.write("two", UNIT % "two")
    u.run("two")
    left = [f.name for f in u.path("two").parent.iterdir() if f.suffix in (".tmp", ".work")]
    expect(left == [], left)


def what_cannot_be_fetched_or_is_another_file_is_said(p):
    u = Units(p)
    # a stand-in for cargo, which is not the point here: it has only the one archive
    u.write("one", UNIT % "one" + 'fetch_crate() { cp "$CRATES/$1-$2.crate" "$3" 2>/dev/null; }\n')
    (u.folder / "lock").write_text("one crate missing 1.0.0 " + "0" * 64 + "\n")
    said = u.run("one", code=1).stderr
    expect("one: cannot fetch missing 1.0.0 (crate): is the network up?" in said, said)
    (p.root / "other-1.0.0.crate").write_text("not what the lock names")
    (u.folder / "lock").write_text("one crate other 1.0.0 " + "0" * 64 + "\n")
    said = u.run("one", code=1).stderr
    expect("is not the file that third_party/guests/lock names" in said, said)


if __name__ == "__main__":
    main(a_unit_is_built_once_and_a_damaged_one_again, a_change_to_one_unit_leaves_the_others,
         a_build_that_fails_leaves_nothing, what_cannot_be_fetched_or_is_another_file_is_said)
