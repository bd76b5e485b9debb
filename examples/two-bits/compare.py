"""Compare converted networks on test.npz, as compiled for this computer: compare.py FOLDER ..."""

import sys

import microlut

errors = {}
for folder in sys.argv[1:]:
    found = microlut.run(folder, "host", "test.npz")
    errors[folder] = 100 - found.top1
    print(f"{folder:<10} {found.top1:.1f} %, bit-exact: {'yes' if found.bit_exact else 'no'}")
worst, best = max(errors, key=errors.get), min(errors, key=errors.get)
print(f"{best} makes fewer errors than {worst}")
