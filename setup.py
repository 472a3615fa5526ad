# SPDX-License-Identifier: Apache-2.0
"""The Python module is not there yet. This says so, and does not install an empty package under its name."""

import sys

sys.exit("sessile: there is no Python module yet, only the C library; build it with ./run build (see README.md)")
