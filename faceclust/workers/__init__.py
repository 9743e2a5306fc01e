"""A supervised pool of worker processes, each killed when it hangs, dies or eats too much.

Photos are untrusted: a decoder can crash, loop or allocate without end. The standard pools give
up as a whole when one worker dies; here the one task it held becomes a `Failure` and the rest
goes on. Results come in the order in which they are ready.
"""

from faceclust.workers.pool import run
from faceclust.workers.process import number
from faceclust.workers.standby import Standby
from faceclust.workers.tasks import WORKER_MEMORY, Failure, Limits

__all__ = ["WORKER_MEMORY", "Failure", "Limits", "Standby", "number", "run"]
