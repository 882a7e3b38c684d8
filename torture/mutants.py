#!/usr/bin/env python3
"""Tests a sample of the mutants that `cargo mutants --list` names, in the order in which a seed draws them.

Each is put into a copy of the workspace, tested up to the first test that fails, and taken out again: by the tests
of its own package, or of those that --by names. What comes of each is appended to OUTCOMES, a line each, so that a
run that was ended goes on where it was. (cargo mutants would run them itself, but its filters let all mutants of one
sort through, and it does not stop at the first test that fails.)
"""

import argparse
import collections
import json
import os
import pathlib
import queue
import random
import resource
import signal
import subprocess
import threading
import time

# A mutant may ask for all memory there is.
MEMORY_BYTES = 8 << 30


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tree", type=pathlib.Path, help="the copy of the workspace")
    parser.add_argument("outcomes", type=pathlib.Path, help="the file of outcomes")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--timeout", type=int, default=20, help="seconds within which some test must end")
    parser.add_argument("--missed", type=pathlib.Path, help="only those that this file of outcomes says were missed")
    parser.add_argument("--by", action="append", default=[], metavar="PACKAGE", help="whose tests; its own if not given")
    parser.add_argument("--skip", action="append", default=[], help="tests that take long, as the test harness has it")
    parser.add_argument("--only", action="append", default=[], help="tests that alone are run, in the same way")
    options = parser.parse_args()

    listed = cargo(options, "mutants", "--workspace", "--list", "--json", stdout=subprocess.PIPE).communicate()[0]
    mutants = {mutant["name"]: mutant for mutant in json.loads(listed)}
    sample = random.Random(options.seed).sample(sorted(mutants), min(options.count, len(mutants)))
    print(f"seed {options.seed}: {len(sample)} of {len(mutants)} mutants", flush=True)
    if options.missed:
        missed = read(options.missed)
        sample = [name for name in sample if missed.get(name) == "missed"]
    known = read(options.outcomes)
    for number, name in enumerate(sample, 1):
        if name in known:
            continue
        begun = time.monotonic()
        known[name], by = test(options, mutants[name])
        line = {"name": name, "outcome": known[name], "by": by, "seconds": round(time.monotonic() - begun, 1)}
        with open(options.outcomes, "a") as outcomes:
            outcomes.write(json.dumps(line) + "\n")
        print(f"{number} {line['outcome']} after {line['seconds']} s: {name}", flush=True)
    counts = collections.Counter(known[name] for name in sample)
    print(f"{len(sample)} mutants: {dict(counts)}")


def test(options, mutant):
    """What comes of a mutant, and which test has caught it."""
    file = options.tree / mutant["file"]
    right, stat = file.read_text(), file.stat()
    try:
        subprocess.run(["patch", "--quiet", file], input=mutant["diff"], text=True, check=True)
        programs = build(options, options.by or [mutant["package"]])
        if programs is None:
            return "unviable", None
        for program in programs:
            outcome, by = run(options, program)
            if outcome != "missed":
                return outcome, by
        return "missed", None
    finally:
        file.write_text(right)
        if not options.by:
            # Only the package's own tests were built from it: what others were built from is as it was.
            os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def build(options, packages):
    """The test programs of some packages, or None where they do not compile."""
    named = [word for package in packages for word in ("--package", package)]
    how = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    arguments = ["test", "--no-run", "--lib", "--tests", "--message-format=json", *named]
    # Lints are no reason to refuse a mutant.
    compiler = cargo(options, *arguments, env=os.environ | {"RUSTFLAGS": "--cap-lints=warn"}, **how)
    messages = [json.loads(line) for line in compiler.communicate()[0].splitlines()]
    if compiler.returncode:
        return None
    return [message for message in messages if message.get("executable") and message["profile"]["test"]]


def run(options, program):
    """Runs a test program up to the first test that fails."""
    command = [program["executable"], *options.only, *(f"--skip={test}" for test in options.skip)]
    child = subprocess.Popen(
        command,
        cwd=pathlib.Path(program["manifest_path"]).parent,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES)),
    )
    lines = queue.SimpleQueue()
    threading.Thread(target=pump, args=(child, lines), daemon=True).start()
    try:
        while (line := lines.get(timeout=options.timeout)) is not None:
            if line.rstrip().endswith("... FAILED"):
                return "caught", line.split()[1]
        return ("missed", None) if child.wait() == 0 else ("caught", "its end")
    except queue.Empty:
        return "timeout", None
    finally:
        stop(child)


def pump(child, lines):
    for line in child.stdout:
        lines.put(line)
    lines.put(None)


def stop(child):
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    child.wait()


def cargo(options, *arguments, **how):
    return subprocess.Popen(["cargo", *arguments], cwd=options.tree, **how)


def read(path):
    """The outcomes in a file, by mutant."""
    if not path.exists():
        return {}
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return {line["name"]: line["outcome"] for line in lines}


if __name__ == "__main__":
    main()
