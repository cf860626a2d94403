#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0

# compress is killed at many moments and goes on: the same bytes as without, and nothing is left.
# usage: resume_test.sh ALTTEUL WRITE_TINY_MODEL
set -u

altteul=$1
write_tiny_model=$2
work=$(mktemp -d "${TMPDIR:-/tmp}/altteul_resume_XXXXXX")
trap 'umount "$work/full" 2>/dev/null; rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0
moments=20

fail() {
  failures=$((failures + 1))
  echo "FAILED: $*"
  echo "  stderr: $(head -c 400 err)"
}

now_ms() { echo $(($(date +%s%N) / 1000000)); }

"$write_tiny_model" random random.gguf || exit 1
seq 1 4000 | tr '\n' ' ' >text.txt

# kills NAME OPTION...: the whole, then kills at moments of it: one work killed again and again until it is
# there, and a new work for each moment, all of which must be met. How long the whole takes is only known for
# the moment (other tests run beside), so what ended before its kill tells it anew, and is tried again.
kills() {
  local name=$1 whole_ms begin t killed=0 tries=0 again i
  shift
  local command=("$altteul" compress random.gguf --text text.txt "$@")
  whole() {
    begin=$(now_ms)
    "${command[@]}" "$name-whole.gguf" --force >out 2>err || fail "$name: the whole"
    whole_ms=$(($(now_ms) - begin))
  }
  # moment I: starts or resumes the work and kills it there; false when it ended before.
  moment() {
    "${command[@]}" "$name.gguf" --resume >out 2>err &
    local process=$!
    t=$((whole_ms * (2 * $1 + 1) / (2 * moments)))
    sleep "$((t / 1000)).$(printf '%03d' $((t % 1000)))"
    kill -KILL "$process" 2>/dev/null
    wait "$process" 2>/dev/null
    [ $? -eq 137 ]
  }
  # finish [OPTION...]: goes on from the last kill to the end. If that was reached, it says so, and removes
  # what may be left of the removal of the work.
  finish() {
    local is_done=0
    [ -e "$name.gguf" ] && [ ! -e "$name.gguf.work" ] && is_done=2
    "${command[@]}" "$name.gguf" --resume "$@" >out 2>err
    [ $? -eq $is_done ] || fail "$name: resume after $t ms"
    [ -z "$(find . -name "$name.gguf?*")" ] || fail "$name: something is left: $(ls)"
    cmp -s "$name.gguf" "$name-whole.gguf" || fail "$name: other bytes after $t ms"
    rm -f "$name.gguf"
  }
  whole
  for ((i = 0; i < moments; ++i)); do
    moment "$i" || break
  done
  again=$i
  finish -t 1
  for ((i = 0; i < moments && tries < 5 * moments; ++tries)); do
    if moment "$i"; then
      killed=$((killed + 1)) i=$((i + 1))
      finish
    else
      finish
      whole
    fi
  done
  echo "$name: $again kills of one work, $killed of $tries works, in the $whole_ms ms that each takes"
  [ "$killed" -eq "$moments" ] || fail "$name: only $killed of $moments kills came before the end"
}

kills type --type Q4_0
kills mixed --bpw 6 --types Q8_0,Q4_0,Q5_1 --held-out 1
kills swapped --bpw 6 --types Q8_0,Q4_0,Q5_1 --held-out 1 --chunks 1 --swaps 6

# --- without --resume, with another job
command=("$altteul" compress random.gguf kept.gguf --text text.txt --type Q4_0)
"${command[@]}" --chunks 6 >out 2>err &
process=$!
for _ in $(seq 500); do
  [ -n "$(find kept.gguf.work -name 'tensor-*.piece' 2>/dev/null)" ] && break
  sleep 0.005
done
kill -KILL "$process"
wait "$process" 2>/dev/null
[ -e kept.gguf.work/job.json ] || fail "nothing was kept of the killed work"
"${command[@]}" --chunks 6 >out 2>err
[ $? -eq 2 ] && grep -q -- '--resume goes on' err || fail "an existing folder is refused"
"${command[@]}" --chunks 5 --resume >out 2>err
[ $? -eq 2 ] && grep -q 'calibration.tokens was 3072 and is 2560' err || fail "another text is refused"
"${command[@]}" --chunks 6 --resume --damping 0.2 >out 2>err
[ $? -eq 2 ] && grep -q 'damping was 0.1 and is 0.2' err || fail "another option is refused"
"${command[@]}" --chunks 6 --resume --restart >out 2>err && fail "--resume and --restart together"
piece=$(find kept.gguf.work -name 'tensor-*.piece' | head -1)
printf 'x' | dd of="$piece" bs=1 seek=4100 conv=notrunc 2>/dev/null
"${command[@]}" --chunks 6 --resume >out 2>err || fail "a damaged piece"
grep -q 'checksum is wrong; it is made again' err || fail "a damaged piece is said"
"$altteul" compress random.gguf plain.gguf --text text.txt --type Q4_0 --chunks 6 >out 2>err
cmp -s kept.gguf plain.gguf || fail "other bytes after a damaged piece"

# --- swaps: with another number, by time
command=("$altteul" compress random.gguf swaps.gguf --text text.txt --bpw 6 --held-out 1 --chunks 1)
"${command[@]}" --minutes 1 --resume >out 2>err &
process=$!
for _ in $(seq 2000); do
  [ -e swaps.gguf.work/text-swaps.piece ] && break
  sleep 0.005
done
kill -KILL "$process"
wait "$process" 2>/dev/null
[ -e swaps.gguf.work/text-swaps.piece ] || fail "no swap was kept of the killed work"
# What was tried goes on as a number of swaps: nothing was encoded for the result yet.
"${command[@]}" --swaps 5 --resume >out 2>err || fail "swaps by time, then by number"
"$altteul" compress random.gguf five.gguf --text text.txt --bpw 6 --held-out 1 --chunks 1 \
  --swaps 5 >out 2>err
cmp -s swaps.gguf five.gguf || fail "other bytes of swaps that were begun by time"
rm -f swaps.gguf
"${command[@]}" --swaps 5 --descents 50 >out 2>err &
process=$!
for _ in $(seq 4000); do
  [ -n "$(find swaps.gguf.work -name 'tensor-*.piece' 2>/dev/null)" ] && break
  sleep 0.005
done
kill -KILL "$process"
wait "$process" 2>/dev/null
"${command[@]}" --swaps 6 --descents 50 --resume >out 2>err
[ $? -eq 2 ] && grep -q 'number of swaps was 5 and is 6' err || fail "another number is refused"

# --- a full disk
if [ "$(id -u)" -eq 0 ] && mkdir full && mount -t tmpfs -o size=200k none full 2>/dev/null; then
  command=("$altteul" compress random.gguf full/out.gguf --text text.txt --type Q8_0 --chunks 1)
  "${command[@]}" >out 2>err
  [ $? -eq 1 ] || fail "a full disk: exit code"
  grep -Eq 'full/out.gguf.*[0-9,]+ bytes.*[Nn]o space' err || fail "a full disk: place and bytes"
  grep -q -- '--resume goes on' err || fail "a full disk: what can be done"
  mount -o remount,size=4m full
  "${command[@]}" --resume >out 2>err || fail "a disk that has room again"
  "$altteul" compress random.gguf roomy.gguf --text text.txt --type Q8_0 --chunks 1 >out 2>err
  cmp -s full/out.gguf roomy.gguf || fail "other bytes after a full disk"
  [ "$(ls full | tr "\n" " ")" = "out.gguf out.md " ] || fail "something is left on the disk that was full"
  umount full
else
  echo "skipped: full disk (needs to mount a tmpfs)"
fi

echo "$failures failures"
[ "$failures" -eq 0 ]
