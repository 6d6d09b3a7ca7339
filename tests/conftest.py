"""What holds for all tests."""

from __future__ import annotations

import signal

# A shell starts background commands with Ctrl-C ignored, and what they start inherits that: tests of Ctrl-C would hang.
signal.signal(signal.SIGINT, signal.default_int_handler)
