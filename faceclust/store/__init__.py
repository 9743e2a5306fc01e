"""The only SQL: one SQLite file for each library.

`database` opens, locks and migrates it; `intake` takes in what a scan found, `catalogue` answers
what is known of photos, faces and embeddings, `descriptions` of their attributes; `ledger`
keeps clusterings and the user's decisions, `nearby` what a clustering knew of the faces; `journal`
keeps what exports wrote.
"""

from faceclust.store.catalogue import FileState
from faceclust.store.database import Database, open_database
from faceclust.store.descriptions import StoredValue
from faceclust.store.intake import Scanned
from faceclust.store.ledger import StoredClustering
from faceclust.store.nearby import Nearby

__all__ = [
    "Database", "FileState", "Nearby", "Scanned", "StoredClustering", "StoredValue",
    "open_database",
]  # fmt: skip
