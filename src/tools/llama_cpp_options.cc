// SPDX-License-Identifier: Apache-2.0

#include "tools/llama_cpp_options.h"

namespace altteul::tools {
namespace {

using Meaning = LlamaCppOption::Meaning;
constexpr Meaning kOurs = Meaning::kOurs;
constexpr Meaning kIgnored = Meaning::kIgnored;
constexpr Meaning kRefused = Meaning::kRefused;

constexpr std::string_view kRun = "run";
constexpr std::string_view kBench = "bench";
constexpr std::string_view kEval = "eval";
constexpr std::string_view kAnswers = "run eval";
constexpr std::string_view kAll = "run eval bench";
constexpr std::string_view kSwitch = "[on|off|auto|1|0|true|false|enabled|disabled]";

// Reasons that several rows share.
constexpr std::string_view kNoGpu = "this build has no GPU backend, all layers stay on the CPU";
constexpr std::string_view kPasses = "prompts are read in passes of 512 tokens";
constexpr std::string_view kQuiet = "nothing is logged but warnings";
constexpr std::string_view kNoShift =
    "a full context ends the answer here, nothing is shifted out; -c gives more";
constexpr std::string_view kOrder =
    "the order is fixed: bias, penalties, --top-k, --top-p, --min-p, --temp";
constexpr std::string_view kFewSamplers =
    "not offered; --temp, --top-k, --top-p and --min-p choose among tokens";
constexpr std::string_view kNoDry =
    "not offered; --repeat-penalty, --frequency-penalty and --presence-penalty are";
constexpr std::string_view kFreeText =
    "answers are not constrained here; ask for the form in the prompt";
constexpr std::string_view kOwnRope = "the model's own rope is used, which its file says";
constexpr std::string_view kOwnTemplate =
    "the model's own template is used; --raw continues a prompt without it";
constexpr std::string_view kMerge = "not offered; merge the adapter into the model first";
constexpr std::string_view kOneAnswer = "run gives one answer at a time";
constexpr std::string_view kSystem = "the system's own tools do this: taskset, nice, numactl";
constexpr std::string_view kTextOnly = "models read text only here";

// Names as llama.cpp's common/arg.cpp, llama-bench and their older releases have them.
constexpr LlamaCppOption kRows[] = {
    // ---- The same under another name
    {"-r --reverse-prompt", kRun, kOurs, "N", "", "--stop"},
    {"--temperature", kRun, kOurs, "N", "", "--temp"},
    {"--predict", kRun, kOurs, "N", "", "-n"},
    {"-bf --binary-file", kRun, kOurs, "N", "", "-f"},
    {"-hf -hfr --hf-repo", kAll, kOurs, "N", "", "hf:"},
    {"-hfd -hfrd --hf-repo-draft --spec-draft-hf", kRun, kOurs, "N", "", "--draft hf:"},
    {"-md --model-draft --spec-draft-model", kRun, kOurs, "N", "", "--draft"},
    {"--draft-n --spec-draft-n-max", kRun, kOurs, "N", "", "--draft-max"},
    {"-no-cnv --no-conversation", kRun, kOurs, "", "", "--raw"},
    {"--prompts-file", kEval, kOurs, "N", "", "--text"},

    // ---- Conversation
    {"-cnv --conversation -i --interactive -if --interactive-first -ins --instruct", kRun, kIgnored,
     "", "", "without -p or -f it is a chat; with one, one answer"},
    {"-st --single-turn", kRun, kIgnored, "", "", "with -p it is one answer"},
    {"--jinja --no-jinja", kRun, kIgnored, "", "", "the model's own template is always rendered"},
    {"--chat-template --chat-template-file", kRun, kRefused, "N", "", kOwnTemplate},
    {"--chat-template-kwargs", kRun, kRefused, "N", "", "variables are --template-var NAME=VALUE"},
    {"--reasoning-format", kRun, kRefused, "N", "none",
     "an answer is shown as the model writes it"},
    {"--reasoning-budget", kRun, kRefused, "N", "-1", "-n limits an answer"},
    {"--in-prefix --in-suffix", kRun, kRefused, "N", "", kOwnTemplate},
    {"--in-prefix-bos", kRun, kRefused, "", "", kOwnTemplate},
    {"-sysf --system-prompt-file", kRun, kRefused, "N", "", "--sys \"$(cat FILE)\" does this"},
    {"-mli --multiline-input", kRun, kIgnored, "", "", "lines between two \"\"\" are one message"},
    {"-sp --special", kRun, kRefused, "", "", "--json gives the ids of an answer"},

    // ---- What is printed
    {"-o --output --output-file", kAnswers, kRefused, "N", "",
     "what is asked for goes to standard output; > FILE keeps it"},
    {"-o --output", kBench, kRefused, "N", "md",
     "a table is printed, --json gives one JSON object"},
    {"-oe --output-err", kBench, kRefused, "N", "none", "standard error has notes only"},
    {"-co", kAll, kIgnored, "", "", "an answer has one colour"},
    {"--color --colors", kAll, kIgnored, kSwitch, "", "an answer has one colour"},
    {"-v --verbose --log-verbose --log-disable --log-enable --log-prefix --log-timestamps "
     "--log-new --log-append --log-test",
     kAll, kIgnored, "", "", kQuiet},
    {"-lv --verbosity --log-verbosity", kAll, kIgnored, "N", "", kQuiet},
    {"--log-colors", kAll, kIgnored, kSwitch, "", kQuiet},
    {"--log-file", kAll, kIgnored, "N", "", "nothing is logged but warnings; 2> FILE keeps them"},
    {"--display-prompt --no-display-prompt --verbose-prompt", kRun, kIgnored, "", "",
     "an answer comes without its prompt; altteul tokenize shows its tokens"},
    {"--simple-io --show-timings --no-show-timings --perf --no-perf --progress", kAll, kIgnored, "",
     "", "speed and memory are told on standard error"},
    {"-ptc --print-token-count", kRun, kIgnored, "N", "", "tokens are counted behind each answer"},

    // ---- Sampling
    {"--samplers --sampler-seq --sampling-seq", kRun, kRefused, "N", "", kOrder},
    {"--typical --typical-p", kRun, kRefused, "N", "1|1.0", kFewSamplers},
    {"--top-nsigma --top-n-sigma", kRun, kRefused, "N", "-1|-1.0", kFewSamplers},
    {"--tfs", kRun, kRefused, "N", "1|1.0", kFewSamplers},
    {"--xtc-probability", kRun, kRefused, "N", "0|0.0", kFewSamplers},
    {"--xtc-threshold", kRun, kIgnored, "N", "", "it acts with --xtc-probability only"},
    {"--dynatemp-range", kRun, kRefused, "N", "0|0.0", kFewSamplers},
    {"--dynatemp-exp", kRun, kIgnored, "N", "", "it acts with --dynatemp-range only"},
    {"--mirostat", kRun, kRefused, "N", "0", kFewSamplers},
    {"--mirostat-lr --mirostat-ent", kRun, kIgnored, "N", "", "it acts with --mirostat only"},
    {"--dry-multiplier", kRun, kRefused, "N", "0|0.0", kNoDry},
    {"--dry-base --dry-allowed-length --dry-penalty-last-n --dry-sequence-breaker", kRun, kIgnored,
     "N", "", "it acts with --dry-multiplier only"},
    {"--grammar --grammar-file -j --json-schema -jf --json-schema-file", kRun, kRefused, "N", "",
     kFreeText},
    {"-bs --backend-sampling", kRun, kIgnored, "", "", kNoGpu},

    // ---- Guessing ahead
    {"--draft-min --draft-n-min --spec-draft-n-min --draft-p-min --spec-draft-p-min "
     "--draft-p-split --spec-draft-p-split",
     kRun, kIgnored, "N", "", "how many guesses pay is measured while it answers"},

    // ---- Context
    {"--keep", kAnswers, kIgnored, "N", "", kNoShift},
    {"--no-context-shift", kAnswers, kIgnored, "", "", kNoShift},
    {"--context-shift", kRun, kRefused, "", "", kNoShift},
    {"-gan --grp-attn-n", kAnswers, kRefused, "N", "1", kOwnRope},
    {"-gaw --grp-attn-w", kAnswers, kIgnored, "N", "", "it acts with --grp-attn-n only"},
    {"--rope-scaling --rope-scale --rope-freq-scale --yarn-ext-factor --yarn-attn-factor "
     "--yarn-beta-slow --yarn-beta-fast",
     kAnswers, kRefused, "N", "", kOwnRope},
    {"--rope-freq-base --yarn-orig-ctx", kAnswers, kRefused, "N", "0", kOwnRope},
    {"--prompt-cache", kRun, kIgnored, "N", "", "a prompt is read anew in each run"},
    {"--prompt-cache-all --prompt-cache-ro", kRun, kIgnored, "", "",
     "a prompt is read anew in each run"},
    {"--defrag-thold -dt", kAll, kIgnored, "N", "", "a cache has no holes here"},
    {"-kvu --kv-unified --swa-full", kAll, kIgnored, "", "", "each conversation has its own cache"},

    // ---- The model
    {"-mu --model-url", kAll, kRefused, "N", "", "altteul pull URL fetches it first"},
    {"-hff --hf-file", kAll, kRefused, "N", "", "a file of a repository is hf:OWNER/NAME:FILE"},
    {"-hft --hf-token", kAll, kRefused, "N", "", "HF_TOKEN in the environment is the token"},
    {"--offline", kAll, kIgnored, "", "", "nothing is fetched unasked"},
    {"--override-kv", kAll, kRefused, "N", "", "a file is taken as it is"},
    {"--lora --lora-scaled --lora-init-without-apply", kAll, kRefused, "N", "", kMerge},
    {"--control-vector --control-vector-scaled", kAll, kRefused, "N", "", kMerge},
    {"--mmproj --mmproj-url -mm --image --audio", kRun, kRefused, "N", "", kTextOnly},
    {"--no-mmproj", kRun, kIgnored, "", "", kTextOnly},

    // ---- Machinery
    {"--no-mmap --mmap", kAnswers, kIgnored, "", "",
     "weights are arranged anew at load and their pages of the file given back"},
    {"--mlock", kAll, kIgnored, "", "", "weights are the program's own memory; it is not locked"},
    {"-dio --direct-io -ndio --no-direct-io", kAll, kIgnored, "", "", "a file is read once"},
    {"-fa --flash-attn", kAnswers, kIgnored, kSwitch, "",
     "attention never keeps a whole matrix of scores"},
    {"-fa --flash-attn", kBench, kIgnored, "N", "",
     "attention never keeps a whole matrix of scores"},
    {"-b --batch-size -ub --ubatch-size", kAll, kIgnored, "N", "", kPasses},
    {"-tb --threads-batch -Cb --cpu-mask-batch -Crb --cpu-range-batch --cpu-strict-batch "
     "--prio-batch --poll-batch -td --threads-draft -tbd --threads-batch-draft",
     kAll, kIgnored, "N", "", "-t is for prompts and answers"},
    {"-C --cpu-mask -Cr --cpu-range --cpu-strict --prio --poll --numa --delay", kAll, kIgnored, "N",
     "", kSystem},
    {"--warmup --no-warmup", kAll, kIgnored, "", "", "each run begins with its own work"},
    {"--check-tensors", kAll, kIgnored, "", "", "tensors are always checked"},
    {"--no-repack -nr --repack", kAll, kIgnored, "", "", "weights are always arranged in groups"},
    {"-sm --split-mode -mg --main-gpu -dev --device -ts --tensor-split -ot --override-tensor "
     "-ncmoe --n-cpu-moe -devd --device-draft -ngld --n-gpu-layers-draft --gpu-layers-draft "
     "-fitt --fit-target -fitc --fit-ctx --rpc",
     kAll, kIgnored, "N", "", kNoGpu},
    {"--gpu-layers", kAnswers, kOurs, "N", "", "--ngl"},
    {"-ngl --n-gpu-layers", kBench, kIgnored, "N", "", kNoGpu},
    {"-nkvo --no-kv-offload --op-offload --no-op-offload", kAnswers, kIgnored, "", "", kNoGpu},
    {"-kvo --kv-offload -cmoe --cpu-moe --no-host", kAll, kIgnored, "", "", kNoGpu},
    {"-nkvo --no-kv-offload -nopo --no-op-offload -mmp --mmap -embd --embeddings", kBench, kIgnored,
     "N", "", "it does not change what is measured here"},
    {"-fit --fit", kAll, kIgnored, kSwitch, "", kNoGpu},
    {"-np --parallel -ns --sequences -sps --slot-prompt-similarity", kAnswers, kIgnored, "N", "",
     kOneAnswer},
    {"-cb --cont-batching -nocb --no-cont-batching", kAnswers, kIgnored, "", "", kOneAnswer},
    {"-lcs --lookup-cache-static -lcd --lookup-cache-dynamic", kRun, kIgnored, "N", "",
     "--lookup guesses from the conversation itself"},

    // ---- Of our other verbs
    {"--pull", "plan", kIgnored, "", "",
     "plan asks the hub for the heads of the files; altteul pull fetches them"},

    // ---- llama-perplexity, llama-bench
    {"--ppl-stride", kEval, kRefused, "N", "0", "chunks of -c tokens are judged, side by side"},
    {"--kl-divergence-base --save-all-logits", kEval, kRefused, "N", "",
     "--reference MODEL runs the original beside"},
    {"--kl-divergence", kEval, kRefused, "", "", "--reference MODEL gives the KL divergence"},
    {"--hellaswag --winogrande --multiple-choice", kEval, kRefused, "", "",
     "questions are --tasks FILE"},
    {"-s --seed", kEval, kIgnored, "N", "", "nothing is drawn by chance"},
    {"-pg", kBench, kRefused, "N", "", "-p and -n are measured each, -d sets what came before"},
};

}  // namespace

bool IsOneOf(std::string_view word, std::string_view words, char separator) {
  while (!words.empty()) {
    const size_t end = words.find(separator);
    if (words.substr(0, end) == word) return true;
    if (end == std::string_view::npos) break;
    words.remove_prefix(end + 1);
  }
  return false;
}

const LlamaCppOption* FindLlamaCppOption(std::string_view verb, std::string_view name) {
  for (const LlamaCppOption& row : kRows) {
    if (IsOneOf(verb, row.verbs, ' ') && IsOneOf(name, row.names, ' ')) return &row;
  }
  return nullptr;
}

std::span<const LlamaCppOption> LlamaCppOptions() { return kRows; }

}  // namespace altteul::tools
