"""Threads that each compute alone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor


def threads() -> ThreadPoolExecutor:
    """As many as OpenMP would take, each of them multiplying alone.

    Products that several threads compute together differ in their last bits from those of one.
    """
    import faiss

    return ThreadPoolExecutor(
        faiss.omp_get_max_threads(), initializer=faiss.omp_set_num_threads, initargs=(1,)
    )
