#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
#
# A factory indexer in Python: asks for an indexer for each of its arguments, and says who is whose
# child. The runner's address is all that it knows, and what any indexer is given.

import os
import signal
import sys

from lib import Api

runner = Api(os.environ['INDEXER_RUNNER_ADDRESS'])
for indexer_id in sys.argv[1:]:
    child = runner.call('CreateIndexer', {
        'indexer_id': indexer_id, 'indexer': {'runtime': 'exec', 'script': 'child.sh'},
    })
    print(child['spawned_by'], 'has', child['name'], flush=True)
signal.pause()
