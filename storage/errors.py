"""What can go wrong in storage, by what the caller would do about it.

StorageError                    any of these
├── DatabaseError               the database cannot be used at all
│   ├── DatabaseUnavailable     it cannot be opened: mend the address, the folder or the server
│   ├── DatabaseBusy            another process held it too long: try again
│   ├── DatabaseNotReady        its tables are missing or old: run ``confess db upgrade``
│   └── DatabaseTooNew          a later Confessional wrote it: update the program
├── AlreadyRunning              another ``confess run`` uses this database: stop one of them
├── PostNotFound                no post has that number
├── SlotTaken                   this planned moment has its post already: nothing to do
├── IllegalBirth                this verdict does not allow a post to begin in that state: a mistake in our code
├── IllegalMove                 the lifecycle has no such move: a mistake in our code
├── StaleMove                   somebody else changed the post first: read it again
└── RecordIsFinal               a row was changed or deleted behind the record's back: a mistake in our code
"""


class StorageError(Exception):
    """Any failure of storage; its text is one sentence for people."""


class DatabaseError(StorageError):
    """The database cannot be used."""


class DatabaseUnavailable(DatabaseError):
    """The database cannot be opened or reached."""


class DatabaseBusy(DatabaseError):
    """Another process held the database for too long."""


class DatabaseNotReady(DatabaseError):
    """The database has no tables yet, or those of an earlier version."""


class DatabaseTooNew(DatabaseError):
    """The database was written by a later version of the program."""


class AlreadyRunning(StorageError):
    """Another runner works on this database."""


class PostNotFound(StorageError):
    """No post has that number."""


class SlotTaken(StorageError):
    """A planned moment has its post already."""


class IllegalBirth(StorageError):
    """A verdict does not allow a post to begin in that state."""


class IllegalMove(StorageError):
    """The lifecycle has no such move."""


class StaleMove(StorageError):
    """The post is no longer as the caller believed."""


class RecordIsFinal(StorageError):
    """Rows change through ``storage.posts`` only, and are never deleted."""
