"""Small data sets in other programs' formats: python make.py, in this folder, with Pillow, pyarrow and scipy.

Picture i is 8 x 6 pixels of the colour (20 i, 200 - 20 i, 7 i); labels are i modulo 3 of ant, bee, cat.
"""

import io
import json
import tarfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import scipy.io
from PIL import Image

NAMES = ["ant", "bee", "cat"]


def picture(i):
    out = io.BytesIO()
    Image.new("RGB", (8, 6), (20 * i, 200 - 20 * i, 7 * i)).save(out, "PNG")
    return out.getvalue()


def table(indices, columns, features=None):
    image = [{"bytes": picture(i), "path": f"{i}.png"} for i in indices]
    made = pa.table({columns[0]: image, columns[1]: [i % 3 for i in indices]})
    if features is None:
        return made
    return made.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})


# As the hub's library writes them: small row groups, names in the metadata, and columns beside those that matter.
features = {"id": {"dtype": "string", "_type": "Value"}, "image": {"_type": "Image"}, "label": {"names": NAMES, "_type": "ClassLabel"}}
for shard, indices in enumerate(([0, 1, 2, 3, 4], [5, 6, 7])):
    whole = table(indices, ["image", "label"], features)
    whole = whole.add_column(0, "id", [[f"row {i}" for i in indices]])
    pq.write_table(whole, f"validation-{shard:05}-of-00002.parquet", row_group_size=2, compression="snappy")
# Numbers alone, other names of columns, another compression, and dictionaries.
pq.write_table(table(range(6), ["img", "fine_label"]), "plain.parquet", compression="zstd")
# The bytes themselves as a column, and names as labels.
bare = pa.table({"image": [picture(i) for i in range(4)], "label": [NAMES[i % 3] for i in range(4)]})
pq.write_table(bare, "bytes.parquet", compression="gzip", data_page_version="2.0")

# The devkit's table: the challenge's classes in an order of its own, and what is above them in WordNet behind.
rows = [(1, "n03", "bee"), (2, "n01", "cat"), (3, "n02", "ant"), (1001, "n09", "animal")]
fields = [("ILSVRC2012_ID", "O"), ("WNID", "O"), ("words", "O"), ("num_children", "O"), ("children", "O")]
synsets = np.zeros((len(rows), 1), fields)
for i, (id, wnid, words) in enumerate(rows):
    children = np.array([1, 2, 3] if id > 1000 else [], dtype=np.float64)
    synsets[i, 0] = (float(id), wnid, words, float(len(children)), children)
scipy.io.savemat("meta.mat", {"about": "not this one", "synsets": synsets}, do_compression=True)
scipy.io.savemat("meta-plain.mat", {"synsets": synsets[:3]})

long = "a-folder-with-a-name-that-goes-on-" * 4
for name, format in (("gnu", tarfile.GNU_FORMAT), ("pax", tarfile.PAX_FORMAT), ("ustar", tarfile.USTAR_FORMAT)):
    with tarfile.open(f"{name}.tar", "w", format=format) as tar:
        folder = long[:90] if name == "ustar" else f"{long}é"
        for i in range(3):
            entry = tarfile.TarInfo(f"{folder}/{NAMES[i]}/{i}.png")
            entry.size = len(picture(i))
            tar.addfile(entry, io.BytesIO(picture(i)))
