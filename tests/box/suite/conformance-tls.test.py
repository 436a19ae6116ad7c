# SPDX-License-Identifier: Apache-2.0
#
# The cases of conformance.json, by Debian's python3-grpcio, over TCP with a client's certificate.

import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.realpath(__file__))

served = json.loads(subprocess.check_output(['node', os.path.join(HERE, 'serve-tls.js')]))
os.execve(sys.executable, [sys.executable, os.path.join(HERE, 'conformance.test.py')], {**os.environ, **served})
