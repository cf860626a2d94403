# SPDX-License-Identifier: Apache-2.0

"""A model whose greedy answer is known beforehand: each token has one successor.

    model = script.tiny_llama([b"a", b"\\x1b", b"[", b"2", b"J"])   # behind "a": ESC [2J, end of turn

Attention and feed-forward add nothing, so the last token's embedding alone reaches the head; there
the successor's row is that embedding, and random vectors of 32 numbers are far from each other.
"""
import struct

import case
import gguf

END_OF_TURN = 271  # <|im_end|>
CONTROL, UNUSED = 3, 5
# Ends in "\n", so the answer begins with the successor of "\n".
CHAT_TEMPLATE = ("{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>"
                 "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}")


def tiny_llama(tokens, repeats=False):
    """`tokens`: bytes, or ids of tokens that are more than a byte; all different. Behind the last
    one the turn ends, or with `repeats` the first one comes again."""
    model = case.tiny_llama()
    for name, dims, kind, data in list(model.tensors):
        if name.endswith(("attn_output.weight", "ffn_down.weight")):
            model.replace(name, bytes(len(data)))
    _, (hidden, vocabulary), _, embedding = model.tensor("token_embd.weight")
    row = 2 * hidden  # bytes, F16
    head = bytearray(row * vocabulary)
    ids = [token if isinstance(token, int) else token[0] for token in tokens]
    assert len(set(ids)) == len(ids), "a token has one successor"
    for token, successor in zip(ids, ids[1:] + [ids[0] if repeats else END_OF_TURN]):
        head[row * successor:row * (successor + 1)] = embedding[row * token:row * (token + 1)]
    model.replace("output.weight", bytes(head))
    model.replace("output_norm.weight", struct.pack(f"<{hidden}f", *[1.0] * hidden))
    return model


def chat(tokens, repeats=False):
    """The same with a chat template: `tokens` is the answer."""
    model = tiny_llama([b"\n", *tokens], repeats)
    model.values["tokenizer.chat_template"] = gguf.text(CHAT_TEMPLATE)
    return model


def name_token(model, token, text, kind=CONTROL):
    """Gives an unused token a text and a kind."""
    model.values["tokenizer.ggml.tokens"][1][1][token] = text.encode()
    model.values["tokenizer.ggml.token_type"][1][1][token] = kind


def characters(text):
    """The bytes of a text, one token each."""
    return [bytes([byte]) for byte in text.encode()]
