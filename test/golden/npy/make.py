"""Files of numpy for src/weights/npy.test.ts: python make.py (numpy 2.4)"""
import numpy as np

values = (np.arange(12, dtype=np.float32) / 3 - 1).reshape(4, 3)
np.save("float32.npy", values)
np.save("int64.npy", np.array([3, 0, 1, 2**40], dtype=np.int64))
np.save("float64.npy", values.astype(np.float64))
np.save("uint8.npy", np.array([[1, 2], [254, 255]], dtype=np.uint8))
np.save("empty.npy", np.zeros((0, 5), dtype=np.float32))
with open("version2.npy", "wb") as file:
    np.lib.format.write_array(file, values, version=(2, 0))
# What is refused.
np.save("fortran.npy", np.asfortranarray(values))
np.save("object.npy", np.array([{"a": 1}, None], dtype=object), allow_pickle=True)
np.save("big-endian.npy", values.astype(">f4"))
np.save("complex.npy", values.astype(np.complex64))
np.save("record.npy", np.zeros(2, dtype=[("a", "<f4"), ("b", "<i4")]))
np.save("scalar.npy", np.float32(3))
