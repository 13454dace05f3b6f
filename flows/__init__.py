"""What happens, in which order: one flow per file, and the file's name is the flow's name."""

import os

from tasks.cluster.local import THREAD_BUDGET

# Before anything loads NumPy: blocks are the parallelism, and the thread counts of BLAS and OpenMP
# can change bits. Workers in processes of their own get the same from the cluster's plan.
for _name, _threads in THREAD_BUDGET.items():
    os.environ.setdefault(_name, _threads)
