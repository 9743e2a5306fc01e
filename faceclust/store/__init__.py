"""The only SQL: one SQLite file for each library.

`database` opens, locks and migrates it; `catalogue` keeps photos, faces and embeddings; `ledger`
keeps clusterings and the user's decisions; `journal` keeps what exports wrote.
"""

from faceclust.store.catalogue import FileState, Scanned
from faceclust.store.database import Database, open_database
from faceclust.store.ledger import StoredClustering

__all__ = ["Database", "FileState", "Scanned", "StoredClustering", "open_database"]
