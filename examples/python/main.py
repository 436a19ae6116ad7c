# Counts blocks, a second each, and says so through Python's own logging.
#
# SPDX-License-Identifier: Apache-2.0

import logging
import os
import pathlib
import time

logging.basicConfig(level=logging.DEBUG)
log = logging.getLogger("main")
state = pathlib.Path(os.environ["STATE_DIRECTORY"]) / "block"

log.debug("started, with its state in %s", state)
block = 0
while True:
    time.sleep(1)
    block += 1
    state.write_text(str(block))
    log.info("indexed block=%d", block)
    if block % 5 == 0:
        log.warning("five more blocks")
