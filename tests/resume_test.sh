#!/usr/bin/env bash
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

# kills NAME OPTION...: the whole, then a kill at each of the moments, all of them on one work.
kills() {
  local name=$1 whole_ms begin t killed=0
  shift
  local command=("$altteul" compress random.gguf --text text.txt "$@")
  begin=$(now_ms)
  "${command[@]}" "$name-whole.gguf" >out 2>err || { fail "$name: the whole"; return; }
  whole_ms=$(($(now_ms) - begin))
  # On one work, killed again and again; and anew for each moment.
  for way in again anew; do
    for ((i = 0; i < moments; ++i)); do
      "${command[@]}" "$name.gguf" --resume >out 2>err &
      local process=$!
      t=$((whole_ms * (2 * i + 1) / (2 * moments)))
      sleep "$((t / 1000)).$(printf '%03d' $((t % 1000)))"
      kill -KILL "$process" 2>/dev/null && killed=$((killed + 1))
      wait "$process" 2>/dev/null
      if [ $way = anew ] || [ -e "$name.gguf" ]; then
        [ -e "$name.gguf.work" ] || [ ! -e "$name.gguf" ] || rm "$name.gguf"
        "${command[@]}" "$name.gguf" --resume >out 2>err || fail "$name: resume after $t ms"
        cmp -s "$name.gguf" "$name-whole.gguf" || fail "$name: other bytes after $t ms ($way)"
        rm -f "$name.gguf"
      fi
    done
    "${command[@]}" "$name.gguf" --resume -t 1 >out 2>err || fail "$name: resume at the end"
    cmp -s "$name.gguf" "$name-whole.gguf" || fail "$name: other bytes at the end ($way)"
    rm -f "$name.gguf"
  done
  echo "$name: $killed kills in $whole_ms ms each"
  [ "$killed" -ge $((moments)) ] || fail "$name: only $killed kills came before the end"
  [ -z "$(find . -name "$name.gguf*")" ] || fail "$name: something is left: $(ls)"
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
  [ "$(ls full)" = out.gguf ] || fail "something is left on the disk that was full"
  umount full
else
  echo "skipped: full disk (needs to mount a tmpfs)"
fi

echo "$failures failures"
[ "$failures" -eq 0 ]
