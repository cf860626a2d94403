# SPDX-License-Identifier: Apache-2.0

"""Logits of llama.cpp for a GGUF and a list of tokens, as raw float32 [tokens, vocabulary] on standard output.

    families_llama_cpp.py MODEL.gguf TOKEN,TOKEN,...

Float32 cache, no flash attention, no repacking, one batch.
"""

import argparse
import ctypes
import sys

import llama_cpp as L
import numpy as np


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("tokens")
    args = parser.parse_args()
    ids = [int(t) for t in args.tokens.split(",")]
    log = L.llama_log_callback(lambda level, text, user: None)
    L.llama_log_set(log, ctypes.c_void_p(0))
    L.llama_backend_init()
    params = L.llama_model_default_params()
    params.use_extra_bufts = False
    model = L.llama_model_load_from_file(args.model.encode(), params)
    if not model:
        sys.exit("llama.cpp cannot load " + args.model)
    cparams = L.llama_context_default_params()
    cparams.n_ctx = cparams.n_batch = cparams.n_ubatch = 256
    cparams.type_k = cparams.type_v = L.GGML_TYPE_F32
    cparams.flash_attn_type = 0
    cparams.n_threads = cparams.n_threads_batch = 1
    ctx = L.llama_init_from_model(model, cparams)
    if not ctx:
        sys.exit("llama.cpp makes no context for " + args.model)
    batch = L.llama_batch_init(len(ids), 0, 1)
    batch.n_tokens = len(ids)
    for i, token in enumerate(ids):
        batch.token[i], batch.pos[i], batch.n_seq_id[i], batch.logits[i] = token, i, 1, 1
        batch.seq_id[i][0] = 0
    if L.llama_decode(ctx, batch):
        sys.exit("llama_decode failed")
    n_vocab = L.llama_vocab_n_tokens(L.llama_model_get_vocab(model))
    rows = [np.ctypeslib.as_array(L.llama_get_logits_ith(ctx, i), (n_vocab,)) for i in range(len(ids))]
    sys.stdout.buffer.write(np.stack(rows).astype("<f4").tobytes())


if __name__ == "__main__":
    main()
