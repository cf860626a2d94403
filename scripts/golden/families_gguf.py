# SPDX-License-Identifier: Apache-2.0

"""Writes a tiny model's GGUF with llama.cpp's own converter, so that the file does not come from our understanding.

The converter wants a tokenizer and the models have none: `set_vocab` writes `tokenizer.ggml.model` = "none" and the
vocabulary's size instead. Everything else is the converter's work.
"""

import json
import logging
import os
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

TYPES = {"f32": "ALL_F32", "f16": "MOSTLY_F16", "bf16": "MOSTLY_BF16"}


def load_converter(folder):
    """folder holds convert_hf_to_gguf.py, conversion/ and gguf-py/."""
    sys.path.insert(0, str(Path(folder)))
    sys.path.insert(0, str(Path(folder) / "gguf-py"))
    import conversion
    import gguf

    return conversion, gguf


def convert(folder, out, outtype, converter, name):
    conversion, gguf = load_converter(converter)
    logging.disable(logging.WARNING)
    os.environ["TQDM_DISABLE"] = "1"
    with tempfile.TemporaryDirectory() as scratch, torch.inference_mode():
        model_dir = Path(scratch) / name
        shutil.copytree(folder, model_dir)
        n_vocab = json.loads((model_dir / "config.json").read_text())["vocab_size"]
        # gemma3 counts the real tokens in this file to drop padding rows.
        (model_dir / "tokenizer.json").write_text(
            json.dumps({"model": {"vocab": {str(i): i for i in range(n_vocab)}}, "added_tokens": []}))
        hparams = conversion.ModelBase.load_hparams(model_dir, False)
        architecture = conversion.get_model_architecture(hparams, conversion.ModelType.TEXT)
        base = conversion.get_model_class(architecture)

        class WithoutVocabulary(base):
            model_arch = base.model_arch

            def set_vocab(self):
                self.gguf_writer.add_tokenizer_model("none")

            def set_gguf_parameters(self):
                super().set_gguf_parameters()
                if not any(k.endswith(".vocab_size") for kv in self.gguf_writer.kv_data for k in kv):
                    self.gguf_writer.add_vocab_size(n_vocab)

        writer = WithoutVocabulary(model_dir, gguf.LlamaFileType[TYPES[outtype]], Path(out), eager=True,
                                   model_name="Altteul golden " + name)
        writer.write()
    return architecture


def describe(path):
    """({key: value}, {tensor: (shape as stored, type)}) of a GGUF file."""
    import gguf

    reader = gguf.GGUFReader(path)
    keys = {}
    for key, field in reader.fields.items():
        if not key.startswith("GGUF."):
            keys[key] = (field.types[0].name if len(field.types) == 1 else "[" + field.types[-1].name + "]",
                         field.contents())
    tensors = {t.name: ([int(n) for n in t.shape], t.tensor_type.name) for t in reader.tensors}
    return keys, tensors


def values(path):
    """{tensor: float32 array} of a GGUF file."""
    import gguf

    return {t.name: gguf.quants.dequantize(t.data, t.tensor_type).astype(np.float32).reshape(-1)
            for t in gguf.GGUFReader(path).tensors}


def change(path, key, value):
    """Overwrites one number of the metadata in place."""
    import gguf

    field = gguf.GGUFReader(path, "r+").fields[key]
    field.parts[field.data[0]][0] = value
