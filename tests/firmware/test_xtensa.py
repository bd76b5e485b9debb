"""The engine on Xtensa, emulated, against the integer interpreter; test_sweep.py has single layers.

No byte behind the arena may change.
"""

from pathlib import Path

import pytest
from engine_batch import XTENSA
from test_engine import assert_equal, check

import random_graphs as rg


@pytest.mark.qemu
def test_networks_equal_the_interpreter(tmp_path: Path):
    cases = [rg.every_operator_case(bits, seed=1) for bits in range(2, 9)]
    cases += [rg.kernel_case(bits, bits % 2) for bits in range(2, 9)]
    found = check([case.quantized() for case in cases], tmp_path, lambda plan: plan, XTENSA)
    for prefix in ("every", "kernels"):
        assert_equal(found, prefix)
