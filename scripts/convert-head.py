"""Writes the weights of a pickled draft head (medusa_lm_head.pt, hydra_lm_head.pt, pytorch_model.bin) as model.safetensors.

    python3 scripts/convert-head.py medusa_lm_head.pt heads/medusa/model.safetensors

Needs Python 3.8 or newer and nothing else. A pickle is a program: of this one no name is looked up but those that tensors are made of, so whatever
else it would run is refused. Bytes are copied as they are; tensors that a draft head does not need are left out. Copy the config.json beside it.
"""

import collections
import json
import pickle
import struct
import sys
import zipfile

# Storage classes of torch, their names in safetensors, and bytes of an element.
DTYPES = {
    "FloatStorage": ("F32", 4),
    "HalfStorage": ("F16", 2),
    "BFloat16Storage": ("BF16", 2),
    "DoubleStorage": ("F64", 8),
    "LongStorage": ("I64", 8),
    "IntStorage": ("I32", 4),
}
# A table that is never read, and a copy of the target's embedding.
UNUSED = ("prefix_embeding_layer.embed_tokens.weight", "input_embed_fn.weight")

Tensor = collections.namedtuple("Tensor", "storage dtype size offset shape")


class TensorUnpickler(pickle.Unpickler):
    """Reads a state dict: tensors by name."""

    def find_class(self, module, name):
        if module == "collections" and name == "OrderedDict":
            return collections.OrderedDict
        if module == "torch._utils" and name == "_rebuild_tensor_v2":
            return rebuild_tensor
        if module == "torch._utils" and name == "_rebuild_parameter":
            return lambda tensor, *_: tensor
        if module == "torch" and name in DTYPES:
            return name
        raise pickle.UnpicklingError(f"refused: the file asks for {module}.{name}")

    def persistent_load(self, reference):
        kind, storage_class, key, _place, _elements = reference
        if kind != "storage":
            raise pickle.UnpicklingError(f"refused: a reference of kind {kind}")
        return key, storage_class


def rebuild_tensor(storage, offset, shape, strides, *_):
    key, storage_class = storage
    dtype, size = DTYPES[storage_class]
    expected = 1
    for length, stride in zip(reversed(shape), reversed(strides)):
        if length != 1 and stride != expected:
            raise ValueError("a tensor whose elements do not lie in order")
        expected *= length
    return Tensor(key, dtype, size, offset, tuple(shape))


def read_state_dict(archive):
    names = [name for name in archive.namelist() if name.endswith("/data.pkl") or name == "data.pkl"]
    if len(names) != 1:
        raise ValueError("not a checkpoint that PyTorch 1.6 or newer has saved")
    with archive.open(names[0]) as file:
        state = TensorUnpickler(file).load()
    tensors = {name: value for name, value in state.items() if isinstance(value, Tensor)}
    return names[0][: -len("data.pkl")], tensors


def copy(archive, name, begin, length, out):
    with archive.open(name) as storage:
        storage.seek(begin)
        while length > 0:
            piece = storage.read(min(length, 1 << 24))
            if not piece:
                raise ValueError(f"{name} is shorter than a tensor in it")
            out.write(piece)
            length -= len(piece)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    source, target = sys.argv[1:]
    with zipfile.ZipFile(source) as archive:
        prefix, tensors = read_state_dict(archive)
        entries, offset = {}, 0
        # Widest elements first, so that every tensor is aligned.
        names = sorted((name for name in tensors if name not in UNUSED), key=lambda name: (-tensors[name].size, name))
        for name in names:
            tensor = tensors[name]
            length = tensor.size
            for extent in tensor.shape:
                length *= extent
            entries[name] = {"dtype": tensor.dtype, "shape": tensor.shape, "data_offsets": [offset, offset + length]}
            offset += length
        header = json.dumps(entries, separators=(",", ":")).encode()
        header += b" " * (-len(header) % 8)
        with open(target, "wb") as out:
            out.write(struct.pack("<Q", len(header)) + header)
            for name in names:
                begin, end = entries[name]["data_offsets"]
                copy(archive, f"{prefix}data/{tensors[name].storage}", tensors[name].offset * tensors[name].size, end - begin, out)
    print(f"{target}: {len(names)} tensors, {offset} bytes")


main()
