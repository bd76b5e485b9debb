#!/bin/sh
# Build the wheel, install it into a bare environment and deploy the example from outside the
# checkout: test-wheel.sh PYTHON (one that has the package `build`).
set -eu
python=$1
checkout=$(pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$python" -m build --outdir "$work/dist" . >"$work/build.log" 2>&1 || {
    cat "$work/build.log"
    exit 1
}
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check "$work"/dist/*.whl
cp "$checkout"/examples/digits/digits* "$work"
cd "$work"
venv/bin/microlut demo --output demo
venv/bin/microlut init digits.keras --calibration digits_calibration.npz --inputs digits_test.npz \
    --board mps2-an386 --deploy-to out
venv/bin/microlut deploy
venv/bin/microlut verify out --inputs digits_test.npz --limit 50
venv/bin/microlut export out --to cmake --output library
