# SPDX-License-Identifier: Apache-2.0

"""In a container the pages of files that were read count as used memory until somebody asks for memory, so a
model that fits was refused right after it was downloaded (ollama 15474).

Version 2 is tested by figures that are laid over /sys/fs/cgroup in a mount namespace, version 1 by a real group
whose limit is reached by reading a file, where this system has such groups. Both need root; the reader itself is
covered by control_groups_test.cc everywhere.
"""
import json
import os
import pathlib
import subprocess
import sys

import case

GIB = 1 << 30
LIMIT = 512 << 20
LAID_OVER = """
mount -t tmpfs tmpfs /sys/fs/cgroup || exit 77
echo {limit} > /sys/fs/cgroup/memory.max
echo {current} > /sys/fs/cgroup/memory.current
printf '{stat}' > /sys/fs/cgroup/memory.stat
"$1" doctor --json
"$1" run "$2" -p Hello --raw -n 2 --temp 0 --json -c 1000000
"""


def laid_over(what, limit, current, stat, available):
    script = LAID_OVER.format(limit=limit, current=current, stat="".join(f"{k} {v}\\n" for k, v in stat.items()))
    done = subprocess.run(["unshare", "-m", "bash", "-ec", script, "bash", case.ALTTEUL,
                           case.model_path("tiny_llama.gguf")], capture_output=True, text=True)
    if done.returncode == 77 or "unshare" in done.stderr:
        print("SKIPPED: figures cannot be laid over here:", done.stderr.strip())
        return
    case.same(what + ": exit code", done.returncode, 0)
    answers = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    case.check(len(answers) == 2, f"{what}: {done.stdout!r} {done.stderr!r}")
    if len(answers) == 2:
        told = answers[0]["memory_available_bytes"]
        case.check(abs(told - available) <= 0.03 * available, f"{what}: {told} of {available} bytes")


def own_version_1_group():
    for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            for mount in pathlib.Path("/proc/self/mountinfo").read_text().splitlines():
                place, _, kind = mount.partition(" - ")
                if kind.startswith("cgroup ") and "memory" in kind.split()[2].split(","):
                    return pathlib.Path(place.split()[4] + path)
    return None


# Takes memory until the kernel ends it, and tells how much it had. Runs in the group, as a child of a process
# that stays, so that whom the kernel ends is never the one that counts.
TAKE = """
import mmap, os, sys
read, write = os.pipe()
if os.fork() == 0:
    taken, step = mmap.mmap(-1, int(sys.argv[1]), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS), 1 << 18
    for start in range(0, len(taken), step):
        for page in range(start, start + step, 4096):
            taken[page] = 1
        os.write(write, b".")
    os._exit(0)
os.close(write)
n = 0
while chunk := os.read(read, 65536):
    n += len(chunk)
os.wait()
print(n << 18)
"""


def real_group():
    """A group in a group with a limit, which a file that was read fills to the limit."""
    own = own_version_1_group()
    outer = own / f"altteul_case_{os.getpid()}" if own else None
    try:
        outer.mkdir()
    except (OSError, AttributeError) as error:
        print("SKIPPED: no group of version 1 can be made here:", error)
        return
    inner = outer / "inner"

    def in_group(*command):
        enter = f"echo $$ > '{inner}/cgroup.procs'; exec \"$@\""
        return subprocess.run(["bash", "-ec", enter, "bash", *map(str, command)], capture_output=True, text=True)

    try:
        (outer / "memory.limit_in_bytes").write_text(str(LIMIT))
        inner.mkdir()
        with case.folder():
            # Whoever reads a page first has it in his group, so the writer's must go.
            subprocess.run(["dd", "if=/dev/urandom", "of=big", "bs=1M", "count=480", "conv=fsync"],
                           stderr=subprocess.DEVNULL, check=True)
            subprocess.run(["dd", "if=big", "iflag=nocache", "count=0"], stderr=subprocess.DEVNULL, check=True)
            for read in ("for the first time", "again"):
                in_group("sha1sum", "big")
                used = int((outer / "memory.usage_in_bytes").read_text())
                case.check(used > 0.9 * LIMIT, f"the group is not full: {used}")
                doctor = in_group(case.ALTTEUL, "doctor", "--json")
                case.same("doctor", doctor.returncode, 0)
                facts = json.loads(doctor.stdout)
                told = facts["memory_available_bytes"]
                case.same("whose limit", facts.get("memory_limited_by"), str(outer))
                case.same("memory_bytes", facts["memory_bytes"], LIMIT)
                # The KV cache of this model takes 128 bytes a token: the same limit refuses it.
                for share, code in ((0.9, 0), (1.1, 8)):
                    run = in_group(case.ALTTEUL, "run", case.model_path("tiny_llama.gguf"), "-p", "a", "--raw",
                                   "-n", "1", "-c", int(told * share / 128))
                    case.same(f"-c of {share} of it: {run.stderr}", run.returncode, code)
                # Twice what there is, so that it ends for want of it.
                taken = int(in_group(sys.executable, "-c", TAKE, 2 * LIMIT).stdout)
                print(f"version 1, file read {read}: {used} bytes of {LIMIT} in use, told {told}, taken {taken}")
                case.check(abs(told - taken) <= 0.03 * taken, f"told {told}, could take {taken}")
    finally:
        if inner.exists():
            inner.rmdir()
        outer.rmdir()


if os.geteuid() != 0:
    print("SKIPPED: needs root, to lay figures over /sys/fs/cgroup and to make groups")
    sys.exit(0)
STAT = {"anon": 100_000_000, "file": 2_000_000_000, "kernel": 40_000_000, "active_anon": 0,
        "inactive_anon": 100_000_000, "inactive_file": 1_900_000_000, "active_file": 100_000_000,
        "slab_reclaimable": 20_000_000}
laid_over("the case", 2 * GIB, 2_140_000_000, STAT, 2 * GIB - 120_000_000)
# All of the pages were read again and again, as those of a model in use are.
laid_over("active pages", 2 * GIB, 2_140_000_000, {**STAT, "inactive_file": 0, "active_file": 2_000_000_000},
          2 * GIB - 120_000_000)
real_group()
case.end()
