# SPDX-License-Identifier: Apache-2.0

"""A llama in plain Python with float64, for right answers that owe nothing to the program: norms,
attention and feed-forward as in arXiv 2307.09288, rope by frequencies that the caller gives."""
import array
import math

import gguf


def values(tensor):
    """The numbers of an F32 or F16 tensor of a GGUF file."""
    _, _, kind, data = tensor
    if kind == gguf.F32:
        return list(array.array("f", data))
    assert kind == gguf.F16
    return [_half(data[i] | data[i + 1] << 8) for i in range(0, len(data), 2)]


def _half(bits):
    sign = -1.0 if bits & 0x8000 else 1.0
    exponent, fraction = bits >> 10 & 31, bits & 1023
    if exponent == 0:
        return sign * fraction * 2.0 ** -24
    return sign * (1024 + fraction) * 2.0 ** (exponent - 25)


class Llama:
    def __init__(self, model, frequencies, magnitude=1.0):
        """frequencies: one a pair (2i, 2i + 1), radians a position."""
        number = lambda key: model.values["llama." + key][1]
        self.n_layers = number("block_count")
        self.n_heads = number("attention.head_count")
        self.n_kv = number("attention.head_count_kv")
        self.dim = number("attention.key_length")
        self.eps = number("attention.layer_norm_rms_epsilon")
        self.frequencies, self.magnitude = frequencies, magnitude
        self.w = {}
        for tensor in model.tensors:
            flat, cols = values(tensor), tensor[1][0]
            rows = [flat[i:i + cols] for i in range(0, len(flat), cols)]
            self.w[tensor[0]] = rows if len(tensor[1]) == 2 else flat

    def greedy(self, ids, n):
        """The n ids that follow."""
        caches, answer = [([], []) for _ in range(self.n_layers)], []
        for at in range(len(ids) + n - 1):
            token = ids[at] if at < len(ids) else answer[-1]
            logits = self._step(token, at, caches)
            if at >= len(ids) - 1:
                answer.append(max(range(len(logits)), key=logits.__getitem__))
        return answer

    def _step(self, token, at, caches):
        x = self.w["token_embd.weight"][token]
        for layer, (keys, kept) in enumerate(caches):
            block = lambda name: self.w[f"blk.{layer}.{name}.weight"]
            h = self._norm(x, block("attn_norm"))
            q = self._turned(_times(block("attn_q"), h), at)
            keys.append(self._turned(_times(block("attn_k"), h), at))
            kept.append(_times(block("attn_v"), h))
            x = _sum(x, _times(block("attn_output"), self._attention(q, keys, kept)))
            h = self._norm(x, block("ffn_norm"))
            up = _times(block("ffn_up"), h)
            gated = [g / (1 + math.exp(-g)) * u for g, u in zip(_times(block("ffn_gate"), h), up)]
            x = _sum(x, _times(block("ffn_down"), gated))
        head = self.w.get("output.weight", self.w["token_embd.weight"])
        return _times(head, self._norm(x, self.w["output_norm.weight"]))

    def _norm(self, x, weight):
        scale = 1 / math.sqrt(sum(v * v for v in x) / len(x) + self.eps)
        return [v * scale * w for v, w in zip(x, weight)]

    def _turned(self, heads, at):
        out = list(heads)
        for start in range(0, len(heads), self.dim):
            for pair, frequency in enumerate(self.frequencies):
                i = start + 2 * pair
                cos = math.cos(at * frequency) * self.magnitude
                sin = math.sin(at * frequency) * self.magnitude
                out[i] = heads[i] * cos - heads[i + 1] * sin
                out[i + 1] = heads[i] * sin + heads[i + 1] * cos
        return out

    def _attention(self, q, keys, kept):
        out = []
        for head in range(self.n_heads):
            start = head // (self.n_heads // self.n_kv) * self.dim
            own = q[head * self.dim:(head + 1) * self.dim]
            scores = [_dot(own, k[start:start + self.dim]) / math.sqrt(self.dim) for k in keys]
            weights = [math.exp(s - max(scores)) for s in scores]
            for i in range(start, start + self.dim):
                out.append(sum(w * v[i] for w, v in zip(weights, kept)) / sum(weights))
        return out


def _dot(a, b): return sum(map(lambda x, y: x * y, a, b))
def _times(rows, x): return [_dot(row, x) for row in rows]
def _sum(a, b): return [x + y for x, y in zip(a, b)]
