#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0

# The program as a user meets it: exit codes, messages, clean standard output.
# usage: cli_test.sh ALTTEUL WRITE_TINY_MODEL FOLDER
set -u

altteul=$1
write_tiny_model=$2
folder=$3  # a Hugging Face folder without a tokenizer
work=$(mktemp -d "${TMPDIR:-/tmp}/altteul_cli_XXXXXX")
trap 'umount "$work/full" 2>/dev/null; rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0
checks=0

fail() {
  failures=$((failures + 1))
  echo "FAILED: $*"
  echo "  stdout: $(head -c 400 out)"
  echo "  stderr: $(head -c 400 err)"
}

# expect CODE PATTERN COMMAND...: exit code, and an extended regex on standard error ('' for any).
expect() {
  local code=$1 pattern=$2
  shift 2
  checks=$((checks + 1))
  timeout 60 "$@" >out 2>err </dev/null
  local got=$?
  [ "$got" -eq "$code" ] || { fail "$* : exit code $got, expected $code"; return; }
  [ -z "$pattern" ] || grep -Eq -- "$pattern" err || fail "$* : no '$pattern' on standard error"
  if [ "$code" -ne 0 ] && [ "$code" -ne 130 ] && [ -s out ]; then
    fail "$* : an error, but something on standard output"
  fi
  if [ -s err ] && [ -n "$(tail -c 1 err)" ]; then fail "$* : standard error lacks a newline"; fi
}

# says PATTERN: an extended regex on the standard output of the last command.
says() { grep -Eq -- "$1" out || fail "no '$1' on standard output"; }

# one_json_line: the last command printed exactly one line, an object.
one_json_line() {
  [ "$(wc -l <out)" -eq 1 ] && grep -q '^{.*}$' out || fail "not one line of JSON"
}

for kind in random endless nobos notext deep; do
  "$write_tiny_model" "$kind" "$kind.gguf" || exit 1
done
seq 1 2000 | tr '\n' ' ' >text.txt

# --- usage: 2, and the thing is named
expect 2 'Usage' "$altteul"
expect 2 "'bogus' is no verb" "$altteul" bogus
expect 2 '[-]m: a verb comes first, as in altteul run -m' "$altteul" -m random.gguf
expect 2 '[-]n is given more than once' "$altteul" run random.gguf -n 1 -p x -n 2
expect 2 'model' "$altteul" run
expect 2 '[-]-bogus: altteul run has no such option$' "$altteul" run random.gguf --bogus
expect 2 'did you mean --top-k\?' "$altteul" run random.gguf --topk 5
expect 2 "know what to do with 'more'" "$altteul" run random.gguf more
expect 2 '[-]c -5: at least 0' "$altteul" run random.gguf -p x -c -5
expect 2 '[-]n -3: at least -2' "$altteul" run random.gguf -p x -n -3
expect 2 '[-]n few: a whole number' "$altteul" run random.gguf -p x -n few
expect 2 '[-]-held-out 0: from 1 to 10000' "$altteul" compress random.gguf out.gguf --type Q8_0 \
  --held-out 0
expect 2 '[-]-bpw none: a number above 0' "$altteul" compress random.gguf out.gguf --bpw none
expect 2 '[-]-retries 101: from 0 to 100' "$altteul" pull hf:a/b --retries 101
expect 2 'top-p' "$altteul" run random.gguf -p x --top-p 2
expect 2 'temperature' "$altteul" run random.gguf -p x --temp -1
expect 2 'ID=BIAS' "$altteul" run random.gguf -p x -l 5
expect 2 'vocabulary has 258' "$altteul" run random.gguf -p x -l 999=1
expect 2 'f16' "$altteul" run random.gguf -p x -ctk f17
expect 2 'empty' "$altteul" run random.gguf -p x --stop ''
expect 2 '--json needs a prompt' "$altteul" run random.gguf --json
expect 2 'nonsense' env ALTTEUL_ISA=nonsense "$altteul" run random.gguf -p x
expect 2 'Q9_9' "$altteul" compress random.gguf out.gguf --type Q9_9
expect 2 'REGEX=TYPE' "$altteul" compress random.gguf out.gguf --type Q8_0 --only ffn
expect 2 'give a text' "$altteul" tokenize random.gguf
expect 2 'outside the vocabulary' "$altteul" tokenize random.gguf --ids 1,258
expect 2 'synthetic' "$altteul" bench
expect 2 'shapes are' "$altteul" bench --synthetic nothing:Q4_0
expect 2 'already there' "$altteul" bench --synthetic smollm2-135m:Q4_0 --keep random.gguf
expect 2 '-t 0: from 1 to' "$altteul" bench random.gguf -t 0
expect 2 '-t -3: from 1 to' "$altteul" bench random.gguf -t -3
expect 2 '-t names 2 twice' "$altteul" bench random.gguf -t 1,2,2
expect 2 'nothing to measure' "$altteul" bench random.gguf -p 0 -n 0
expect 2 '[-]p -1: from 0 to 16777216' "$altteul" bench random.gguf -p -1
expect 2 '-n 18446744073709551615' "$altteul" bench random.gguf -n 18446744073709551615
expect 2 '--batch 0: from 1 to' "$altteul" bench random.gguf --batch 1,0
expect 2 '--batch' "$altteul" bench random.gguf --batch one
expect 2 '--depth names 4 twice' "$altteul" bench random.gguf --depth 4,4
expect 2 '--depth 99999999: from' "$altteul" bench random.gguf --depth 99999999
expect 2 '-r 0: from 1' "$altteul" bench random.gguf -r 0
expect 2 '--rounds 0: from 1' "$altteul" bench random.gguf --rounds 0
expect 2 'ends in .html' "$altteul" bench random.gguf --html random.gguf
expect 3 'no_such_folder' "$altteul" bench random.gguf --html no_such_folder/x.html
expect 2 'one number of threads' "$altteul" bench random.gguf -t 1,2 --compare true
expect 2 'exit code 3' "$altteul" bench random.gguf -p 2 -n 2 -r 1 -t 1 --compare 'exit 3'
expect 2 'no JSON' "$altteul" bench random.gguf -p 2 -n 2 -r 1 -t 1 --compare 'echo fast'
expect 2 'nothing to compare: we measure tg2, the peer pp512' \
  "$altteul" bench random.gguf -p 0 -n 2 -r 1 -t 1 --compare 'echo "{\"pp512\": 3}"'
expect 2 'no token that begins' "$altteul" run nobos.gguf -p ''
expect 2 'less than one chunk' "$altteul" eval random.gguf --text text.txt -c 20000
expect 1 'no tokenizer' "$altteul" run notext.gguf -p x
expect 1 'chat template' "$altteul" run nobos.gguf

# --- help and version are data
expect 0 '' "$altteul" --help
says 'compress'
expect 0 '' "$altteul" --version
says '^altteul '
expect 0 '' "$altteul" run --help
says '--top-k'

# --- files: not found 3, broken 6
mkdir empty_folder
head -c 1000 random.gguf | tr 'G' 'X' >garbage.gguf
: >empty.gguf
for verb in "run -p x" "show" "tokenize -p x" "bench" "eval --text text.txt"; do
  # shellcheck disable=SC2086
  {
    expect 3 'missing.gguf' "$altteul" $verb missing.gguf
    expect 3 'config.json' "$altteul" $verb empty_folder
    expect 6 'garbage.gguf' "$altteul" $verb garbage.gguf
    expect 6 'empty.gguf' "$altteul" $verb empty.gguf
  }
done
size=$(stat -c %s random.gguf)
for cut in 4 23 100 5000 $((size / 2)) $((size - 1)); do
  head -c "$cut" random.gguf >cut.gguf
  expect 6 'cut.gguf' "$altteul" run cut.gguf -p x
  expect 6 'cut.gguf' "$altteul" compress cut.gguf out.gguf --type Q8_0
done
{ head -c $((size - 4)) random.gguf; printf '\x00\x00\xc0\x7f'; } >nan.gguf
expect 6 'nan.gguf: tensor blk.1.ffn_down.weight .*row 63: NaN' "$altteul" run nan.gguf -p x
expect 3 'missing.txt' "$altteul" eval random.gguf --text missing.txt
expect 3 'missing.txt' "$altteul" run random.gguf -f missing.txt
expect 1 'empty_folder' "$altteul" run random.gguf -f empty_folder
expect 3 'no_such_folder' "$altteul" compress random.gguf no_such_folder/out.gguf --type Q8_0
expect 2 'lies in the folder' "$altteul" compress "$folder" "$folder/out.gguf" --type Q8_0
expect 3 'tokenizer.json is missing' "$altteul" compress "$folder" out.gguf --type Q8_0
mkfifo fifo.gguf
expect 2 'not a regular file' "$altteul" show fifo.gguf

if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null; then
  chmod 755 "$work"
  cp random.gguf secret.gguf
  chmod 600 secret.gguf
  if setpriv --reuid 65534 --clear-groups test -x "$altteul"; then
    expect 1 'secret.gguf.*[Pp]ermission denied' \
      setpriv --reuid 65534 --clear-groups "$altteul" show secret.gguf
  else
    echo "skipped: no permission (another user cannot reach the program)"
  fi
else
  echo "skipped: no permission (needs root and setpriv)"
fi

# --- sizes: does not fit 4, no memory 8
expect 4 '[0-9]+ tokens, the context holds 16' "$altteul" run random.gguf -f text.txt -c 16
expect 8 '[0-9,]+ bytes.*memory free' "$altteul" run random.gguf -p x -c 4000000000
expect 2 '[-]c 18446744073709551615: at most' "$altteul" run random.gguf -p x -c 18446744073709551615

# --- answers
expect 0 '' "$altteul" run endless.gguf -p x -n 26 --temp 0
[ "$(cat out)" = abcdefghijklmnopqrstuvwxyz ] || fail "the scripted answer"
[ -z "$(tail -c 1 out)" ] || fail "an answer ends with a newline"
expect 0 '' "$altteul" run nobos.gguf -p xyza --raw --temp 0 --stop def
[ "$(cat out)" = bc ] || fail "a stop text"
expect 0 '' "$altteul" run --stop ab --stop fgh endless.gguf -p x --temp 0 -l 97=-inf -n 5
expect 0 'no GPU' "$altteul" run endless.gguf -p x -n 3 --temp 0 -ngl 3
[ "$(grep -c 'no GPU' err)" -eq 1 ] || fail "-ngl is one line"
[ "$(cat out)" = abc ] || fail "-ngl changes nothing"
expect 0 '' env ALTTEUL_ISA=reference "$altteul" run endless.gguf -p x -n 3 --temp 0
[ "$(cat out)" = abc ] || fail "the reference kernels"
expect 0 '' "$altteul" run endless.gguf -p $'caf\xe9' -n 3 --temp 0
printf 'caf\xe9 \xff\x00 end' >broken.txt
expect 0 '' "$altteul" run endless.gguf -f broken.txt -n 3 --temp 0
[ "$(cat out)" = abc ] || fail "a file that is no UTF-8"
expect 0 '' "$altteul" run endless.gguf -p x -n 100 --temp 0
mv out plain
expect 0 'tokens proposed' "$altteul" run endless.gguf -p x -n 100 --temp 0 --lookup
cmp -s out plain || fail "a lookup changes no answer"
expect 0 'tokens proposed' "$altteul" run endless.gguf -p x -n 100 --temp 0 --draft random.gguf
cmp -s out plain || fail "a draft changes no answer"
expect 2 'notext.gguf cannot guess for endless.gguf: its vocabulary has 0' \
  "$altteul" run endless.gguf -p x --draft notext.gguf
expect 2 'lookup=1000' "$altteul" run endless.gguf -p x --lookup=1000
expect 2 'excludes' "$altteul" run endless.gguf -p x --lookup --draft random.gguf
expect 3 'missing.gguf' "$altteul" run endless.gguf -p x --draft missing.gguf
expect 0 '' "$altteul" run random.gguf -p '' -n 2 --raw
expect 0 '' "$altteul" run random.gguf -p '-5 and --temp are words here' -n 2
checks=$((checks + 1))
timeout 60 "$altteul" run endless.gguf -f <(echo piped) -n 3 --temp 0 >out 2>err || fail "-f of a pipe"
[ "$(cat out)" = abc ] || fail "the answer to a pipe"
n=0
for seed in 1 1 2; do
  "$altteul" run random.gguf -p hello -n 20 --ignore-eos --temp 1 -s $seed >"seed$seed.$n" 2>err
  n=$((n + 1))
done
cmp -s seed1.0 seed1.1 || fail "the same seed gives the same answer"
cmp -s seed1.0 seed2.2 && fail "another seed gives another answer"

# --- JSON: one line for every verb
expect 0 '' "$altteul" run random.gguf -p hello -n 5 --json
one_json_line
says '"proposed_tokens":0,"accepted_tokens":0'
says '"peak_resident_bytes":[0-9]+.*"kv_bytes":[0-9]+'
expect 0 '' "$altteul" show random.gguf --json
one_json_line
expect 0 '' "$altteul" show random.gguf --tensors
expect 0 '' "$altteul" tokenize random.gguf -p $'caf\xe9\n' --json
one_json_line
says '"detokenized_hex":"636166e90a"'
expect 0 '' "$altteul" tokenize random.gguf --ids 104,105
[ "$(cat out)" = hi ] || fail "ids to text"
expect 0 '' "$altteul" eval random.gguf --reference random.gguf --text text.txt -c 64 --chunks 2 --json
one_json_line
says '"chunks":2,"scored_tokens":62'
says '"kld_weights"'
cp out one_model.json
expect 0 '' "$altteul" eval random.gguf random.gguf --reference random.gguf --text text.txt -c 64 \
  --chunks 2 --json --as-run
one_json_line
python3 - <<'EOT' || fail "several models differ from one"
import json
one, several = json.load(open("one_model.json")), json.load(open("out"))["models"]
assert [m.pop("model") for m in several] == ["random.gguf"] * 2
del one["kld_weights"]
assert several == [one, one], (one, several)
EOT
expect 0 '' "$altteul" eval random.gguf random.gguf --reference random.gguf --text text.txt -c 64 \
  --chunks 2 --as-run
says '^random.gguf '
says '62 tokens scored in 2 chunks of 64'
expect 0 '' "$altteul" eval random.gguf nobos.gguf --text text.txt -c 64 --chunks 2
expect 2 'put to one model, not to 2' "$altteul" eval random.gguf random.gguf --tasks tasks.jsonl
expect 0 '' "$altteul" bench random.gguf -p 8 -n 4 -r 1 -t 1,2 --json
one_json_line
expect 0 '' "$altteul" bench random.gguf -p 8 -n 4 -r 1 -t 1 --batch 1,3 --depth 0,20 --html roof.html
says '^tg4x3@d20 '
says '^pp8@d20 '
grep -q '</svg>' roof.html && grep -q 'tg4x3@d20' roof.html || fail "the roofline page"
expect 0 'warning: the peer says it used 2 threads' "$altteul" bench random.gguf -p 8 -n 4 -r 1 -t 1 \
  --rounds 2 --compare "'$altteul' bench random.gguf -p 0 -n 4 -r 1 -t 2 --batch 1,2 --json" --json
one_json_line
says '"compare":.*"rounds":2,"series":\{"tg4":.*"ratio":.*"only_ours":\["pp8"\],"only_peer":\["tg4x2"\]'
expect 0 '' "$altteul" doctor --json
one_json_line
expect 0 '' "$altteul" compress random.gguf small.gguf --type Q8_0 --json
one_json_line
expect 0 '' "$altteul" run small.gguf -p hello -n 3

# --- compress by calibration
expect 0 '' "$altteul" compress random.gguf fitted.gguf --type Q4_0 --text text.txt --chunks 1
says 'Calibrated on 512 of'
expect 2 '--chunks is about calibration' \
  "$altteul" compress random.gguf out.gguf --type Q4_0 --chunks 1
expect 2 'not on both' \
  "$altteul" compress random.gguf out.gguf --type Q4_0 --own-text --text text.txt
expect 2 'has no end' "$altteul" compress random.gguf out.gguf --type Q4_0 --own-text --chunks 0
expect 2 "own text; give" \
  "$altteul" compress random.gguf out.gguf --type Q4_0 --text text.txt --seed 3
expect 2 'held-out has no effect' \
  "$altteul" compress random.gguf out.gguf --type Q4_0 --text text.txt --held-out 1
expect 2 "'x' is no weight" \
  "$altteul" compress random.gguf out.gguf --type Q4_0 --text text.txt=x
expect 2 'positive' "$altteul" compress random.gguf out.gguf --type Q4_0 --text text.txt=-1
expect 0 '' "$altteul" compress random.gguf own.gguf --type Q4_0 --own-text --chunks 1 --seed 7
expect 0 '' "$altteul" compress random.gguf again.gguf --type Q4_0 --own-text --chunks 1 --seed 7
cmp -s own.gguf again.gguf || fail "the same seed, another file"
seq 9000 10000 | tr '\n' ' ' >more.txt
expect 0 '' "$altteul" compress random.gguf two.gguf --type Q4_0 --text text.txt=3 \
  --text more.txt --chunks 4
says 'Calibrated on 2,048 of'
expect 0 '' "$altteul" compress random.gguf quick.gguf --type Q4_0 --text more.txt --quick
says 'Calibrated on 4,096 of'
expect 0 '' "$altteul" show quick.gguf
says 'altteul.quick +true'
says 'altteul.calibration.descents +0'
expect 0 '' "$altteul" compress random.gguf quick.gguf --type Q4_0 --text more.txt --quick --chunks 1 \
  --descents 1 --force
says 'Calibrated on 512 of'
expect 0 '' "$altteul" show quick.gguf
says 'altteul.calibration.descents +1'
plan=("$altteul" compress deep.gguf --plan --text more.txt --chunks 1 --json)
expect 0 '' "${plan[@]}" --quick
says '"interpolated":true'
expect 0 '' "${plan[@]}"
grep -q interpolated out && fail "without --quick something was not measured"
expect 2 'quick is about calibration' \
  "$altteul" compress random.gguf out.gguf --type Q4_0 --quick
expect 0 '' "$altteul" run fitted.gguf -p x -n 2
expect 0 '' "$altteul" compress random.gguf codebook.gguf --type IQ2_XS --text text.txt --chunks 1
says 'no multiple of 256'
expect 0 '' "$altteul" run codebook.gguf -p x -n 2
echo 'too short' >short.txt
expect 2 'too few for one chunk of 512' \
  "$altteul" compress random.gguf out.gguf --type Q4_0 --text short.txt
[ -e out.gguf ] && fail "a refused text left a file"
expect 3 'no_such_text' "$altteul" compress random.gguf out.gguf --type Q4_0 --text no_such_text
expect 2 'damping' "$altteul" compress random.gguf out.gguf --type Q4_0 --text text.txt --damping 0

# --- compress by an importance matrix
expect 0 '' "$altteul" compress random.gguf with.gguf --type Q4_0 --text text.txt --chunks 2 \
  --write-imatrix inputs.gguf
expect 0 '' "$altteul" compress random.gguf without.gguf --type Q4_0 --text text.txt --chunks 2
cmp -s with.gguf without.gguf || fail "writing an importance matrix changed the model"
expect 0 '' "$altteul" compress random.gguf weighed.gguf --type Q4_0 --imatrix inputs.gguf --json
one_json_line
says "\"imatrix\":\{\"file\":\"inputs.gguf\",\"sha256\":\"$(sha256sum inputs.gguf | cut -d' ' -f1)\""
[ -s err ] && fail "all tensors have entries, but something was said"
expect 0 '' "$altteul" show weighed.gguf
says "altteul.imatrix.sha256.*$(sha256sum inputs.gguf | cut -c1-32)"
expect 0 '' "$altteul" compress random.gguf plain.gguf --type Q4_0
cmp -s plain.gguf weighed.gguf && fail "the importance matrix changed nothing"
weigh=("$altteul" compress random.gguf out.gguf --imatrix inputs.gguf)
expect 2 'not both' "${weigh[@]}" --type Q4_0 --text text.txt
expect 2 'not both' "${weigh[@]}" --type Q4_0 --own-text
expect 2 'imatrix goes with --type' "${weigh[@]}" --size 1MB
expect 2 'damping is about calibration' "${weigh[@]}" --type Q4_0 --damping 0.1
expect 2 'write-imatrix is about' "${weigh[@]}" --type Q4_0 --write-imatrix other.gguf
expect 6 'holds no importance' "$altteul" compress random.gguf out.gguf --type Q4_0 --imatrix random.gguf
expect 3 'no_such_file' "$altteul" compress random.gguf out.gguf --type Q4_0 --imatrix no_such_file
# One entry of the old form: 1 column where the tensor has 64, or a tensor that is not there.
old_form() {
  printf '\1\0\0\0\23\0\0\0%s\1\0\0\0\1\0\0\0\0\0\200\77' "$1" >old.imatrix
}
old_form blk.0.attn_q.weight
expect 2 'attn_q.weight has 1 values, but rows of this tensor have 64' \
  "$altteul" compress random.gguf out.gguf --type Q4_0 --imatrix old.imatrix
old_form blk.9.attn_q.weight
expect 0 'no entry for [0-9]+ tensors, the first output.weight' \
  "$altteul" compress random.gguf out.gguf --type Q4_0 --imatrix old.imatrix
cmp -s out.gguf plain.gguf && fail "the file does not tell what it was made with"
rm out.gguf
expect 2 'inputs.gguf: is already there' "$altteul" compress random.gguf out.gguf --type Q4_0 \
  --text text.txt --write-imatrix inputs.gguf
expect 2 'is the model itself' "$altteul" compress random.gguf out.gguf --type Q4_0 \
  --text text.txt --write-imatrix random.gguf --force
expect 3 'no_such_folder' "$altteul" compress random.gguf out.gguf --type Q4_0 \
  --text text.txt --write-imatrix no_such_folder/x.gguf
expect 2 'plan writes nothing' "$altteul" compress random.gguf --plan --text text.txt \
  --write-imatrix other.gguf
[ -e out.gguf ] && fail "a refused importance matrix left a file"

# --- compress to a size, to a quality
expect 0 '' "$altteul" compress random.gguf --plan --text text.txt --chunks 1 --json
one_json_line
smallest=$(grep -oE '"bytes":[0-9]+,"kld_expected"' out | head -1 | grep -oE '[0-9]+')
asked=$((smallest + 20000))
expect 0 '' "$altteul" compress random.gguf sized.gguf --size "$asked" --text text.txt --chunks 1
says 'KL divergence on 2,048 tokens held out'
[ "$(stat -c %s sized.gguf)" -le "$asked" ] || fail "the file is larger than asked"
expect 0 '' "$altteul" run sized.gguf -p x -n 2
expect 9 'smallest has' "$altteul" compress random.gguf out.gguf --size 1kB --text text.txt --chunks 1
expect 9 'the least was' \
  "$altteul" compress random.gguf out.gguf --kld 1e-9 --types Q4_0 --only '.=Q4_0' \
  --text text.txt --chunks 1
[ -e out.gguf ] && fail "a size out of reach left a file"
expect 2 'is no size' "$altteul" compress random.gguf out.gguf --size 70XB --text text.txt
for option in --type --size --for --imatrix --report; do
  expect 2 'is empty' "$altteul" compress random.gguf out.gguf "$option" ''
done
expect 2 'single one' "$altteul" compress random.gguf out.gguf --type Q8_0 --types Q4_0
expect 2 'writes nothing' "$altteul" compress random.gguf out.gguf --plan --text text.txt
expect 2 '2 were given' "$altteul" compress random.gguf out.gguf --size 1MB --bpw 4 --text text.txt
expect 2 'too few for one chunk' "$altteul" compress random.gguf out.gguf --bpw 8 \
  --text text.txt --held-out 100
expect 0 '' "$altteul" compress random.gguf kept.gguf --bpw 9 --keep attn_v --text text.txt \
  --chunks 1 --json
one_json_line
expect 0 '' "$altteul" show kept.gguf
says '^F32 +7 '

# --- compress refines a mix by swaps
swap=("$altteul" compress random.gguf swapped.gguf --text text.txt --chunks 2)
expect 2 'type asks for a single one' "${swap[@]}" --swaps 3 --type Q4_0
expect 2 'kld sets none; give --size' "${swap[@]}" --minutes 1 --kld 0.1
expect 2 'plan shows all of them' "$altteul" compress random.gguf --plan --swaps 3 --text text.txt
expect 2 'for how long; give one' "${swap[@]}" --swaps 3 --minutes 1 --bpw 7
expect 2 'swaps' "${swap[@]}" --swaps 0 --bpw 7
expect 2 'minutes' "${swap[@]}" --minutes 0 --bpw 7
[ -e swapped.gguf ] && fail "refused swaps left a file"
expect 0 '' "${swap[@]}" --size "$asked" --swaps 3 --json
one_json_line
says '"swaps":\{"tried":3,"taken":[0-3],"tokens":2048,"chunks":16,"judged_on_them_too":false,'
says '"kld_before":0\.[0-9]+,.*"kld_after":0\.[0-9]+,.*"tensors":\[\{"name":"[a-z0-9._]+","from":"'
says '"held_out":\{"name":"held-out tokens","chunks":4,'
[ "$(stat -c %s swapped.gguf)" -le "$asked" ] || fail "the file with swaps is larger than asked"
expect 0 '' "$altteul" show swapped.gguf
says 'altteul.swaps +3$'
says 'altteul.swaps_taken +[0-3]$'
expect 0 '' "$altteul" compress random.gguf once.gguf --text text.txt --chunks 2 \
  --size "$asked" --swaps 3 -t 1
says 'Swaps of types: 3 tried, [0-3] taken. KL divergence on 2,048 tokens'
says 'KL divergence on 2,048 tokens held out'
cmp -s swapped.gguf once.gguf || fail "other bytes of the same swaps on one thread"
expect 0 '' "$altteul" compress random.gguf timed.gguf --text text.txt --chunks 2 --held-out 1 \
  --size "$asked" --minutes 0.01
says 'tokens that were held out for them.*too little text to judge the result on another'
tried=$(grep -oE 'Swaps of types: [0-9]+' out | grep -oE '[0-9]+')
expect 0 '' "$altteul" show timed.gguf
says "altteul.swaps +$tried\$"
[ "$tried" -gt 0 ] && {
  expect 0 '' "$altteul" compress random.gguf counted.gguf --text text.txt --chunks 2 --held-out 1 \
    --size "$asked" --swaps "$tried"
  cmp -s timed.gguf counted.gguf || fail "other bytes of as many swaps as time allowed"
}

# --- compress keeps what lies on a grid already
expect 0 '' "$altteul" compress random.gguf blocks.gguf --type Q4_0
expect 0 '' "$altteul" compress blocks.gguf decoded.gguf --type F16
expect 0 '' "$altteul" compress decoded.gguf back.gguf --type Q4_0
says '^14 tensors lie on the grid of Q4_0 already and were kept exactly$'
says '^2 tensors lie on the grid of Q8_0 already'
expect 0 '' "$altteul" compress decoded.gguf moved.gguf --type Q4_0 --text text.txt --chunks 1 --json
one_json_line
says '"kept_exactly":\[\{"type":"Q4_0","source":"on its grid","tensors":14\}'
# Tensors come last: no calibration, no importance moved a byte of them.
expect 0 '' "$altteul" compress decoded.gguf weighed.gguf --type Q4_0 --imatrix inputs.gguf --force
for file in moved.gguf weighed.gguf; do
  cmp -s <(tail -c 80000 back.gguf) <(tail -c 80000 "$file") || fail "$file: exact tensors moved"
done
expect 0 '' "$altteul" compress decoded.gguf mixed.gguf --kld 1e-9 --text text.txt --chunks 1
says 'tensors lie on the grid of Q4_0 already'
expect 0 '' "$altteul" compress decoded.gguf others.gguf --type IQ4_NL
grep -Eq 'grid of (Q4_0|IQ4_NL)' out && fail "kept exactly, but in another type"
expect 0 '' "$altteul" compress blocks.gguf same.gguf --type Q4_0
says '^14 tensors are Q4_0 already and were kept exactly$'
rm mixed.gguf

# --- compress proves
seq 5000 5600 | tr '\n' ' ' | fold -s -w 120 >judge.txt
prove=(--judge numbers=judge.txt --judge-chunks 1)
expect 0 '' "$altteul" compress random.gguf proven.gguf --type Q4_0 "${prove[@]}" \
  --report proof.html --json
one_json_line
cmp -s out proof.json || fail "the report's JSON is what --json prints"
says '"judged":\[\{"name":"numbers","chunks":1,"scored_tokens":255,"perplexity":'
says '"speed":\{"pp128":.*"tg32":.*"memory":.*"kv":\[.*"kv_advice":.*"samples":\[\{'
for file in random.gguf judge.txt proven.gguf; do
  says "sha256\":\"$(sha256sum "$file" | cut -d' ' -f1)"
done
says '"command":"altteul compress random.gguf proven.gguf --judge numbers=judge.txt .*--type Q4_0"'
grep -q 'numbers' proof.html || fail "the text is named on the page"
grep -q '<svg' proof.html && fail "no survey, but a chart"
expect 0 '' "$altteul" show proven.gguf
says 'general.quantized_by.*Altteul'
says 'altteul.target.*type Q4_0'
expect 0 '' "$altteul" compress random.gguf mixed.gguf --bpw 7 --text text.txt --chunks 1 \
  --held-out 1 --judge-chunks 1 --report mixed.html
says 'KL divergence on 512 tokens held out'
[ "$(grep -c '</svg>' mixed.html)" -eq 2 ] || fail "a front and a heat map"
expect 0 '' "$altteul" show mixed.gguf
says "altteul.calibration.sha256.*$(sha256sum text.txt | cut -c1-32)"
expect 9 'KL divergence on numbers is 0\.[0-9]+ nats a token, 0\.000001 are allowed' \
  "$altteul" compress random.gguf gated.gguf --type Q4_0 "${prove[@]}" --max-kld 1e-6 \
  --report gated.html
expect 9 'KL divergence on held-out tokens is' "$altteul" compress random.gguf gated.gguf \
  --type Q4_0 --text text.txt --chunks 1 --held-out 1 --max-kld 1e-6
[ "$(echo gated*)" = gated.gguf.work ] || fail "what did not pass left a file"
grep -q 'resume goes on' err || fail "what did not pass can be asked for less"
expect 0 '' "$altteul" compress random.gguf gated.gguf \
  --type Q4_0 --text text.txt --chunks 1 --held-out 1 --max-kld 10 --resume
[ "$(echo gated*)" = "gated.gguf gated.md" ] || fail "work that is done left its folder"
cp proven.gguf kept.gguf
expect 9 '' "$altteul" compress random.gguf kept.gguf --type Q4_0 "${prove[@]}" --max-kld 1e-6 --force
cmp -s proven.gguf kept.gguf || fail "what did not pass took an older file's place"
expect 0 '' "$altteul" compress random.gguf passed.gguf --type Q4_0 "${prove[@]}" --max-kld 100
says 'same top token'
expect 0 '' "$altteul" run passed.gguf -p x -n 2
compress=("$altteul" compress random.gguf refused.gguf)
expect 2 'give a text' "${compress[@]}" --type Q4_0 --max-kld 1
expect 2 'give a text' "${compress[@]}" --type Q4_0 --report refused.html
expect 2 'is the calibration text' "${compress[@]}" --type Q4_0 --text text.txt --judge a=./text.txt
head -c 2000 text.txt >part.txt
expect 2 'shares its text' "${compress[@]}" --type Q4_0 --text text.txt --judge a=part.txt
expect 2 'less than one chunk of 512' "${compress[@]}" --type Q4_0 --judge a=short.txt
expect 3 'no_such_text' "${compress[@]}" --type Q4_0 --judge a=no_such_text
expect 2 'names a twice' "${compress[@]}" --type Q4_0 --judge a=judge.txt --judge a=part.txt
expect 2 'ends in .html' "${compress[@]}" --type Q4_0 "${prove[@]}" --report page
expect 3 'no_such_folder' "${compress[@]}" --type Q4_0 "${prove[@]}" --report no_such_folder/x.html
expect 2 'proof.html: is already there' "${compress[@]}" --type Q4_0 "${prove[@]}" --report proof.html
expect 2 'writes nothing' "$altteul" compress random.gguf --plan --text text.txt "${prove[@]}"
[ -z "$(find . -name 'refused*')" ] || fail "a refused command left a file"

# --- compress never destroys
expect 2 'already there' "$altteul" compress random.gguf small.gguf --type Q4_0
expect 0 '' "$altteul" compress random.gguf small.gguf --type Q4_0 --force
expect 2 'source itself' "$altteul" compress random.gguf random.gguf --type Q4_0 --force

# --- chat from a pipe
printf 'hello\n/help\n/nonsense\n/save talk.json\n/save no_such_folder/talk.json\n/clear\n\nagain\n/bye\nnever\n' |
  timeout 60 "$altteul" run endless.gguf -n 3 --temp 0 >out 2>err || fail "chat ends well"
checks=$((checks + 1))
[ "$(cat out)" = $'abc\nabc' ] || fail "two answers"
grep -q '"content": "hello"' talk.json || fail "the conversation is saved"
grep -q '/clear ' err || fail "/help tells the commands"
grep -q 'Unknown command /nonsense' err || fail "an unknown command is named"
grep -q 'no_such_folder' err || fail "a wrong path does not end the chat"
printf '\xff\xfe\n' | timeout 60 "$altteul" run endless.gguf -n 3 --temp 0 >out 2>err ||
  fail "a line that is no UTF-8"

# --- signals: 130 and 143, and the output is cut cleanly
# with_signal SIGNAL COMMAND...: starts it, waits for output, sends the signal once.
with_signal() {
  local signal=$1 process got
  shift
  checks=$((checks + 1))
  rm -f out  # the last command's output must not be taken for this one's
  # A background process of a script ignores SIGINT; `env` gives it back.
  env --default-signal=INT,TERM "$@" >out 2>err </dev/null &
  process=$!
  for _ in $(seq 200); do
    [ -s out ] && break
    sleep 0.02
  done
  kill -s "$signal" "$process"
  wait "$process"
  got=$?
  [ "$got" -eq "$((128 + $(kill -l "$signal")))" ] || fail "$signal: exit code $got"
}
with_signal INT "$altteul" run endless.gguf -p x --temp 0 -c 1000000
grep -q 'Interrupted' err || fail "an interruption is told"
[ "$(head -c 1 out)" = a ] || fail "the output before the signal"
[ -z "$(tail -c 1 out)" ] || fail "the cut output ends with a newline"
with_signal TERM "$altteul" run endless.gguf -p x --temp 0 -c 1000000

# A peer that is being measured ends with us.
checks=$((checks + 1))
env --default-signal=INT,TERM "$altteul" bench random.gguf -p 2 -n 2 -r 1 -t 1 \
  --compare 'echo $$ >peer.tmp; mv peer.tmp peer; exec sleep 60' >out 2>err </dev/null &
process=$!
for _ in $(seq 200); do
  [ -s peer ] && break
  sleep 0.02
done
kill -s TERM "$process"
wait "$process"
[ $? -eq 143 ] || fail "TERM while a peer is measured"
kill -0 "$(cat peer)" 2>/dev/null && fail "the peer goes on without us"

# --- plan and gap: without measuring this machine, which takes seconds
expect 0 '' "$altteul" plan 7b:q4_k_m --gpu h100 --json
one_json_line
says '"fits":true'
expect 0 '' "$altteul" plan random.gguf --gpu "rtx 4090" -c 100 --slots 3
says 'It fits: one NVIDIA GeForce RTX 4090'
expect 0 '' "$altteul" plan 8b:q4_k_m --gpu h100 --rent --job "2M in, 500k out" --json
says '"usd":[0-9.]+'
# What does not fit is said on standard output too, because it is what was asked for.
checks=$((checks + 1))
"$altteul" plan 70b:f16 --gpu h100 --json >out 2>err
[ $? -eq 4 ] && grep -q '"fits":false' out && grep -q 'has 80.0 GB free' err ||
  fail "plan of what does not fit"
expect 2 'shapes are' "$altteul" plan 9b:q4_0 --gpu h100
expect 3 'none.gguf' "$altteul" plan none.gguf --gpu h100
expect 3 'nearest|H100' "$altteul" plan 7b:q4_0 --gpu "H1000 super"
expect 2 'parsec' "$altteul" plan 7b:q4_0 --machine "32 parsecs"
expect 2 'no machine' "$altteul" plan 7b:q4_0 --machine "8 cores, 99999 TB"
expect 2 'is no job' "$altteul" plan 7b:q4_0 --gpu h100 --rent --job "much"
expect 2 'job' "$altteul" plan 7b:q4_0 --gpu h100 --rent
expect 2 'for --rent' "$altteul" plan 7b:q4_0 --gpu h100 --job "1M in"
expect 2 'for --gpu' "$altteul" plan 7b:q4_0 --data .
expect 0 '' "$altteul" plan 7b:q4_k_m --gpu h100 --tune --together 4 --hours 8 --json
says '"trained_values":39976960'
says '"trials":[1-9]'
expect 0 '' "$altteul" plan 7b:q4_k_m --gpu h100 --adapters 10 --json
says '"adapter_bytes":1599078400'
checks=$((checks + 1))
"$altteul" plan 7b:q4_k_m --gpu h100 --tune --together 4096 >out 2>err
[ $? -eq 4 ] && grep -q 'Training does not fit' out && grep -q 'training 4096 adapters' err ||
  fail "plan of a study that does not fit"
expect 2 'number of tokens' "$altteul" plan 7b:q4_0 --gpu h100 --tune --train-tokens many
expect 2 'none of all-linear' "$altteul" plan 7b:q4_0 --gpu h100 --tune --target-modules head
expect 2 'for --adapters and --tune' "$altteul" plan 7b:q4_0 --gpu h100 --rank 8
expect 2 '--tune' "$altteul" plan 7b:q4_0 --gpu h100 --hours 8
expect 2 'sha256' "$altteul" pull hf:a/b --sha256 00
expect 2 '--to' "$altteul" pull . --to x
expect 6 'random.gguf|cut.gguf' sh -c "head -c 300 random.gguf >cut.gguf; exec '$altteul' plan cut.gguf --gpu h100"
printf 'gpu_name,gpu_count,price\nH100,1,2.5\n' >offers.csv
expect 0 '' "$altteul" plan 8b:q4_0 --gpu h100 --rent --job "1M in" --offers offers.csv --json
says '"usd_per_hour":2.5'
expect 1 'columns' "$altteul" plan 8b:q4_0 --gpu h100 --rent --job "1M in" --offers text.txt
expect 0 '' "$altteul" gap --own "4x RTX 3090" --rent "500 H100-hours/month" --budget 5000usd --json
one_json_line
expect 0 '' "$altteul" gap --own "4x RTX 3090" --country KR --html gap.html
[ "$(wc -c <gap.html)" -lt 300000 ] && ! grep -Eq '(src|href)="?https?:' gap.html ||
  fail "the page is too large, or asks the network"
expect 2 '' "$altteul" gap --own "0x RTX 3090"
expect 2 '' "$altteul" gap --own "99999999x RTX 3090"
expect 3 '' "$altteul" gap --own "4x RTX 9999 Turbo"
expect 2 '' "$altteul" gap --own "1x H100" --rent "5 H100-hours"
expect 2 '' "$altteul" gap --own "1x H100" --budget "many euros"
expect 2 '' "$altteul" gap --own "1x H100" --country Atlantis

# --- a disk or a reader that is gone
checks=$((checks + 2))
"$altteul" show random.gguf >/dev/full 2>err
[ $? -eq 1 ] && grep -q 'standard output' err || fail "a full disk behind standard output"
timeout 20 "$altteul" run endless.gguf -p x --temp 0 -c 1000000 2>err | head -c 10 >out
[ "${PIPESTATUS[0]}" -ne 124 ] || fail "it goes on although nobody reads"
checks=$((checks + 1))
"$altteul" show random.gguf 2>err | head -c 10 >out
[ "${PIPESTATUS[0]}" -eq 0 ] || [ "${PIPESTATUS[0]}" -eq 141 ] || fail "a reader that has enough"
[ -s err ] && fail "nobody needs to hear of a closed pipe"
if [ "$(id -u)" -eq 0 ] && mkdir full && mount -t tmpfs -o size=64k none full 2>/dev/null; then
  expect 1 'full/out.gguf.*(space|room|free)' "$altteul" compress random.gguf full/out.gguf --type F32
  [ -z "$(ls -A full)" ] || fail "a full disk: something is left"
  umount full
else
  echo "skipped: full disk (needs to mount a tmpfs)"
fi
[ -z "$(find . -name '*.tmp*' -o -name '*.part*' -o -name '.*.gguf*' -o -name '*.unproven*' | head -1)" ] ||
  fail "temporary files are left"

echo "$checks checks, $failures failed"
[ "$failures" -eq 0 ]
