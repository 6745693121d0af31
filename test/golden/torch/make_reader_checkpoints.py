"""
Makes the checkpoints that expected.json lists, and expected.json, which says what their tensors are.
Written by PyTorch 2.15: python make_reader_checkpoints.py
"""
import argparse, collections, json, os, zipfile
import numpy as np
import torch

HERE = os.path.dirname(os.path.abspath(__file__))
torch.manual_seed(0)
expected = {"torch": torch.__version__, "files": {}}


def save(file, root, tensors, notes=(), legacy=False):
    torch.save(root, os.path.join(HERE, file), _use_new_zipfile_serialization=not legacy)
    record(file, tensors, notes)


def record(file, tensors, notes=()):
    def entry(t):
        t = t.detach()
        values = t.double().flatten().tolist() if t.is_floating_point() else [int(v) for v in t.flatten().tolist()]
        return {"dtype": str(t.dtype).removeprefix("torch."), "shape": list(t.shape), "data": values}

    expected["files"][file] = {"tensors": {k: entry(v) for k, v in tensors.items()}, "notes": list(notes)}


base = torch.randn(4, 6)
types = {
    "float32": torch.randn(2, 3),
    "float64": torch.randn(3, dtype=torch.float64),
    "float16": torch.tensor([1.5, -2, 6e-8, float(65504)], dtype=torch.float16),
    "bfloat16": torch.randn(5).bfloat16(),
    "int64": torch.tensor([-1, 2**40]),
    "int32": torch.tensor([-7, 2**30], dtype=torch.int32),
    "int16": torch.tensor([-300, 300], dtype=torch.int16),
    "int8": torch.tensor([-128, 127], dtype=torch.int8),
    "uint8": torch.tensor([0, 255], dtype=torch.uint8),
    "bool": torch.tensor([True, False, True]),
    "scalar": torch.tensor(3.25),
    "count": torch.tensor(12),
    "empty": torch.zeros(0, 3),
}
views = {
    "whole": base,
    "transposed": base.t(),
    "every.second": base[::2],
    "columns": base[:, 1:4],
    "tail": base.flatten()[20:],
    "one": base[2, 3],
    "permuted": torch.randn(2, 3, 2, 2).permute(3, 1, 0, 2),
}
module = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 3, bias=False), torch.nn.BatchNorm2d(3))
state = module.state_dict()

for legacy in (False, True):
    form = "legacy" if legacy else "zip"
    save(f"types.{form}.pth", types, types, legacy=legacy)
    save(f"views.{form}.pth", views, views, legacy=legacy)
    save(f"module.{form}.pth", state, state, legacy=legacy)
    ema = collections.OrderedDict((k, v + 1) for k, v in state.items())
    save(
        f"training.{form}.pth",
        {
            "epoch": 3,
            "arch": "tiny",
            "args": argparse.Namespace(lr=0.1, decay=None, sizes=[1, 2], nested=argparse.Namespace(x=2**80)),
            "metric": np.float64(77.5),
            "shape": torch.Size([1, 2]),
            "dtype": torch.float16,
            "set": [1, (2, 3), b"bytes" if not legacy else None, 1.5, True],
            "state_dict": {f"module.{k}": v for k, v in state.items()},
            "state_dict_ema": {f"module._orig_mod.{k}": v for k, v in ema.items()},
            "optimizer": torch.optim.SGD(module.parameters(), 0.1, momentum=0.9).state_dict(),
        },
        ema,
        [
            'takes "state_dict_ema" of the checkpoint (others: state_dict)',
            'strips "module." from all names',
            'strips "_orig_mod." from all names',
        ],
        legacy=legacy,
    )

parameters = dict(module.named_parameters())
save(
    "parameters.zip.pth",
    {"model": {**parameters, "version": 2, "inner": {"w": base}}},
    {k: v for k, v in parameters.items()},
    ['takes "model" of the checkpoint', "ignores 2 entries that are not a tensor"],
)
torch.save(state, os.path.join(HERE, "protocol4.zip.pth"), pickle_protocol=4)
record("protocol4.zip.pth", state)
torch.save(state, os.path.join(HERE, "protocol5.legacy.pth"), pickle_protocol=5, _use_new_zipfile_serialization=False)
record("protocol5.legacy.pth", state)

# The same archive packed anew, as zip tools do.
with zipfile.ZipFile(os.path.join(HERE, "views.zip.pth")) as old:
    with zipfile.ZipFile(os.path.join(HERE, "deflated.zip.pth"), "w", zipfile.ZIP_DEFLATED) as new:
        for info in old.infolist():
            new.writestr(zipfile.ZipInfo(info.filename), old.read(info), zipfile.ZIP_DEFLATED)
record("deflated.zip.pth", views)

with open(os.path.join(HERE, "expected.json"), "w") as out:
    json.dump(expected, out)
    out.write("\n")
