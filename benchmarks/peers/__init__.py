"""The yardstick in other programs, one script each, run by that program's own Python: nothing of Argus is imported.

``PYTHON -m benchmarks.peers.NAME JOB`` from this repository's folder; JOB and the answer: ``job``. It needs pyarrow.
"""
