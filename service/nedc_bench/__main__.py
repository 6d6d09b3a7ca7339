"""``python -m nedc_bench``: the command ``nedc-bench``."""

import sys

from nedc_bench.cli import main

if __name__ == "__main__":
    sys.exit(main())
